package bind

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qcsdev/qcs/openapi"
)

// value reads a string that is a value, not a key.
func (d *Decoder) value() (string, bool) {
	begin := d.at
	text, ok := d.quoted()
	// JSON allows a NUL character only as an escape, which makes the source longer than the text
	if escaped := len(text) != d.at-begin-len(`""`); escaped && ok && strings.IndexByte(text, 0) >= 0 {
		return "", d.Refuse(openapi.NULByte, "holds a NUL character")
	}
	return text, ok
}

// special are the bytes that end a plain run of a string.
var special = func() (all [256]bool) {
	for c := range all {
		all[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return all
}()

// quoted reads a string, from its quote on. A plain string is a substring of the body.
func (d *Decoder) quoted() (string, bool) {
	text, i := d.text[d.at+1:], 0
	for i < len(text) && !special[text[i]] {
		i++
	}
	if i < len(text) && text[i] == '"' {
		d.at += i + len(`""`)
		return text[:i], true
	}
	return d.escaped(d.at+1, d.at+1+i)
}

// escaped reads a string that is not plain from i on, as encoding/json, but refuses invalid UTF-8.
func (d *Decoder) escaped(begin, i int) (text string, ok bool) {
	for i < len(d.text) && d.text[i] != '"' {
		if d.text[i] == '\\' {
			i++
		}
		i++
	}
	if d.at = i + 1; i >= len(d.text) || json.Unmarshal([]byte(d.text[begin-1:d.at]), &text) != nil {
		return "", d.invalid()
	}
	return text, utf8.ValidString(d.text[begin:d.at]) || d.Refuse("", "not valid UTF-8")
}

// number skips a number.
func (d *Decoder) number() bool {
	begin := d.at
	for d.at < len(d.text) && strings.IndexByte("0123456789+-.eE", d.text[d.at]) >= 0 {
		d.at++
	}
	return json.Valid([]byte(d.text[begin:d.at])) || d.invalid()
}

// skip skips a value of any type.
func (d *Decoder) skip() bool {
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
	return d.word("null") || d.word("true") || d.word("false") || d.invalid()
}

func (d *Decoder) skipObject() bool {
	var keys Keys
	for d.Object(); d.Property(); {
		if !d.Unknown(&keys, nil) {
			return false
		}
	}
	return d.refused == nil
}

func (d *Decoder) skipArray() bool {
	i := 0
	for d.open('[', "array"); d.more(']'); i++ {
		if !d.skip() {
			return d.In(strconv.Itoa(i))
		}
	}
	return d.refused == nil
}
