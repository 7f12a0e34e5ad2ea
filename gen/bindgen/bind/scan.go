package bind

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/qcsdev/qcs/openapi"
)

// value reads a text that is a value.
func (d *Decoder) value() (string, bool) {
	text, ok := d.quoted()
	if ok && strings.IndexByte(text, 0) >= 0 {
		return "", d.Refuse(openapi.NULByte, "holds a NUL character")
	}
	return text, ok
}

// quoted reads a text, from its quote on. Where it has no escapes, it is a part of the whole.
func (d *Decoder) quoted() (string, bool) {
	begin := d.at + 1
	for i := begin; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.at = i + 1
			return d.text[begin:i], true
		case c == '\\':
			return d.escaped(begin, i)
		case c < ' ':
			return "", d.broken()
		}
	}
	return "", d.broken()
}

// escapes are the characters behind a backslash that stand for one other.
const escapes, plain = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// escaped reads the rest of a text that has its first escape at i.
func (d *Decoder) escaped(begin, i int) (string, bool) {
	text := append(make([]byte, 0, d.end(i)-begin), d.text[begin:i]...) // it is as long at most as it is written
	for i < len(d.text) {
		c := d.text[i]
		i++
		switch {
		case c == '"':
			d.at = i
			return string(text), true
		case c < ' ':
			return "", d.broken()
		case c != '\\':
			text = append(text, c)
			continue
		}
		if i == len(d.text) {
			break
		}
		if at := strings.IndexByte(escapes, d.text[i]); at >= 0 {
			text = append(text, plain[at])
			i++
			continue
		}
		r, ok := d.unit(i)
		if !ok {
			return "", d.broken()
		}
		i += 5
		if utf16.IsSurrogate(r) { // a half alone stands for nothing
			low, ok := rune(0), false
			if i < len(d.text) && d.text[i] == '\\' {
				low, ok = d.unit(i + 1)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return "", d.broken()
}

// end finds the quote at the end of a text.
func (d *Decoder) end(i int) int {
	for i < len(d.text) && d.text[i] != '"' {
		if d.text[i] == '\\' {
			i++
		}
		i++
	}
	return min(i, len(d.text))
}

// unit reads the u and the four digits of an escape.
func (d *Decoder) unit(i int) (rune, bool) {
	if i+5 > len(d.text) || d.text[i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(d.text[i+1:i+5], 16, 32)
	return rune(n), err == nil //nolint:gosec // four digits
}

// number reads over a number.
func (d *Decoder) number() bool {
	if d.text[d.at] == '-' {
		d.at++
	}
	if d.at < len(d.text) && d.text[d.at] == '0' {
		d.at++
	} else if d.digits() == 0 {
		return d.broken()
	}
	if d.at < len(d.text) && d.text[d.at] == '.' {
		d.at++
		if d.digits() == 0 {
			return d.broken()
		}
	}
	if d.at < len(d.text) && d.text[d.at]|0x20 == 'e' {
		d.at++
		if d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		if d.digits() == 0 {
			return d.broken()
		}
	}
	return true
}

func (d *Decoder) digits() (n int) {
	for d.at < len(d.text) && '0' <= d.text[d.at] && d.text[d.at] <= '9' {
		d.at++
		n++
	}
	return n
}

// skip reads over a value of any kind.
func (d *Decoder) skip() bool {
	if d.depth > maxNesting {
		return d.Refuse("", "nested more than 64 deep")
	}
	switch c := d.next(); {
	case c == '"':
		_, ok := d.value()
		return ok
	case c == '-' || '0' <= c && c <= '9':
		return d.number()
	case c == '{':
		return d.skipObject()
	case c == '[':
		return d.skipArray()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(d.text[d.at:], word) {
			d.at += len(word)
			return true
		}
	}
	return d.broken()
}

func (d *Decoder) skipObject() bool {
	var seen Keys
	for d.Object(); d.Property(); {
		if !d.Unknown(&seen, nil) {
			return false
		}
	}
	return d.refused == nil
}

func (d *Decoder) skipArray() bool {
	i := 0
	for d.open('[', "array"); d.more(']'); i++ {
		if !d.skip() {
			return d.At(i)
		}
	}
	return d.refused == nil
}
