package bind

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/qcsdev/qcs/openapi"
)

// value reads a text that is a value.
func (d *Decoder) value() (string, bool) {
	begin := d.at
	text, ok := d.quoted()
	// as it is, none is allowed
	if escaped := len(text) != d.at-begin-len(`""`); escaped && ok && strings.IndexByte(text, 0) >= 0 {
		return "", d.Refuse(openapi.NULByte, "holds a NUL character")
	}
	return text, ok
}

// ends are the bytes at which a text ends as it is: the quote, control characters, what begins an
// escape, and what is not ASCII.
var ends = func() (all [256]bool) {
	for c := range all {
		all[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return all
}()

// quoted reads a text, from its quote on. Where it has no escapes, it is a part of the whole.
func (d *Decoder) quoted() (string, bool) {
	text, i := d.text[d.at+1:], 0
	for i < len(text) && !ends[text[i]] {
		i++
	}
	if i < len(text) && text[i] == '"' {
		d.at += i + len(`""`)
		return text[:i], true
	}
	return d.escaped(d.at+1, d.at+1+i)
}

// escaped reads a text that is not as it is, from i on, as encoding/json does, but for what is not
// UTF-8.
func (d *Decoder) escaped(begin, i int) (text string, ok bool) {
	for i < len(d.text) && d.text[i] != '"' {
		if d.text[i] == '\\' {
			i++
		}
		i++
	}
	if d.at = i + 1; i >= len(d.text) || json.Unmarshal([]byte(d.text[begin-1:d.at]), &text) != nil {
		return "", d.broken()
	}
	return text, utf8.ValidString(d.text[begin:d.at]) || d.Refuse("", "not valid UTF-8")
}

// number reads over a number.
func (d *Decoder) number() bool {
	begin := d.at
	for d.at < len(d.text) && strings.IndexByte("0123456789+-.eE", d.text[d.at]) >= 0 {
		d.at++
	}
	return json.Valid([]byte(d.text[begin:d.at])) || d.broken()
}

// skip reads over a value of any kind.
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
	return d.word("null") || d.word("true") || d.word("false") || d.broken()
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
