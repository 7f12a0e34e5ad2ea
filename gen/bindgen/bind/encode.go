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

// AppendString appends a text as encoding/json does, which writes those itself that need escapes.
func AppendString[T ~string](to []byte, text T) []byte {
	for i := range len(text) {
		if !safe[text[i]] {
			return AppendAny(to, text)
		}
	}
	return append(append(append(to, '"'), text...), '"')
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

// AppendList appends an array, each item by a function.
func AppendList[T any](to []byte, all []T, each func([]byte, T) []byte) []byte {
	if all == nil {
		return append(to, "null"...)
	}
	to = append(to, '[')
	for i := range all {
		to = append(each(to, all[i]), ',')
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
func AppendNullable[T any](to []byte, v nullable.Nullable[T], each func([]byte, T) []byte) []byte {
	if v.IsNull() {
		return append(to, "null"...)
	}
	return each(to, v[true]) // the zero value when there is none
}

// AppendAny appends a value of a type that has no encoder of its own.
func AppendAny(to []byte, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // an answer that cannot be written is a fault of whoever made it
	}
	return append(to, data...)
}
