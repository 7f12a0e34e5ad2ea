package bind

import (
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/oapi-codegen/nullable"
)

// safe are the bytes that encoding/json writes as they are.
var safe = func() (set [256]bool) {
	for c := range set {
		set[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return set
}()

// AppendString appends a text as encoding/json does.
func AppendString[T ~string](to []byte, text T) []byte {
	to = append(to, '"')
	begin := 0
	for i := 0; i < len(text); {
		c := text[i]
		if safe[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			to = appendEscape(append(to, text[begin:i]...), c)
			i++
			begin = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(text[i:]))
		switch {
		case r == utf8.RuneError && n == 1:
			to = append(append(to, text[begin:i]...), `\ufffd`...)
			begin = i + n
		case r == '\u2028' || r == '\u2029':
			to = append(append(to, text[begin:i]...), `\u202`...)
			to = append(to, '8'+byte(r-'\u2028'))
			begin = i + n
		}
		i += n
	}
	return append(append(to, text[begin:]...), '"')
}

func appendEscape(to []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(to, '\\', c)
	case '\b':
		return append(to, `\b`...)
	case '\f':
		return append(to, `\f`...)
	case '\n':
		return append(to, `\n`...)
	case '\r':
		return append(to, `\r`...)
	case '\t':
		return append(to, `\t`...)
	}
	return append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// AppendInt appends a number.
func AppendInt[T ~int | ~int64](to []byte, n T) []byte { return strconv.AppendInt(to, int64(n), 10) }

// AppendDigits appends a number in quotes.
func AppendDigits[T ~int64](to []byte, n T) []byte {
	return append(strconv.AppendInt(append(to, '"'), int64(n), 10), '"')
}

// AppendCounts appends a map of numbers, in the order of its keys.
func AppendCounts(to []byte, counts map[string]int) []byte {
	if counts == nil {
		return append(to, "null"...)
	}
	var few [16]string
	keys := few[:0]
	for key := range counts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	to = append(to, '{')
	for i, key := range keys {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(AppendString(to, key), ':')
		to = strconv.AppendInt(to, int64(counts[key]), 10)
	}
	return append(to, '}')
}

// AppendText and AppendNumber append items of lists, and values that may be null.
func AppendText[T ~string](to []byte, v *T) []byte { return AppendString(to, *v) }

// AppendNumber is AppendInt for a pointer.
func AppendNumber[T ~int](to []byte, v *T) []byte { return AppendInt(to, *v) }

// AppendList appends an array, each item by a function.
func AppendList[T any](to []byte, all []T, each func([]byte, *T) []byte) []byte {
	if all == nil {
		return append(to, "null"...)
	}
	to = append(to, '[')
	for i := range all {
		to = append(each(to, &all[i]), ',')
	}
	return End(to, ']')
}

// End ends an object or an array, whose items each have a comma behind them.
func End(to []byte, with byte) []byte {
	if last := len(to) - 1; to[last] == ',' {
		to[last] = with
		return to
	}
	return append(to, with)
}

// AppendNullable appends a value that may be null.
func AppendNullable[T any](to []byte, v nullable.Nullable[T], each func([]byte, *T) []byte) []byte {
	if v.IsNull() {
		return append(to, "null"...)
	}
	value := v[true] // the zero value when there is none
	return each(to, &value)
}

// AppendAny appends a value of a type that has no encoder of its own.
func AppendAny(to []byte, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // an answer that cannot be written is a fault of whoever made it
	}
	return append(to, data...)
}
