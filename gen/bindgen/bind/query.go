// Package bind is what the generated binders of package apiserver have in common: they check a
// request against the document while they read it into its types, in one pass and without maps.
//
// What they refuse, and why, is what package contract refuses; that package is the reference, and a
// test compares the two.
package bind

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qcsdev/qcs/openapi"
)

// Query reads a query string pair by pair.
type Query struct {
	Operation string // its id, for what is told of an unknown name
	Rest      string // what is left to read

	Name, Value string                // of the pair that was read last
	Refused     *openapi.RequestError // the first fault
	plain       strings.Builder       // what was escaped
	escaped     bool                  // something is
	odd         bool                  // something is, or there is a comma or a NUL character
}

// NewQuery gives the reader of the query of an operation.
func NewQuery(operation, query string) Query {
	escaped := strings.IndexByte(query, '%') >= 0 || strings.IndexByte(query, '+') >= 0 ||
		strings.IndexByte(query, ';') >= 0
	return Query{
		Operation: operation,
		Rest:      query,
		escaped:   escaped,
		odd:       escaped || strings.IndexByte(query, ',') >= 0 || strings.IndexByte(query, 0) >= 0,
	}
}

// Next reads a pair. There is none at the end, and after a fault.
func (q *Query) Next() bool {
	for q.Rest != "" && q.Refused == nil {
		var pair string
		pair, q.Rest, _ = strings.Cut(q.Rest, "&")
		if pair == "" {
			continue
		}
		q.Name, q.Value, _ = strings.Cut(pair, "=")
		return !q.escaped || q.unescape(pair)
	}
	return false
}

// unescape decodes the name and the value of a pair.
func (q *Query) unescape(pair string) bool {
	q.plain.Grow(len(pair) + len(q.Rest)) // once for all
	name, ok := q.decode(q.Name)
	value, fine := q.decode(q.Value)
	if !ok || !fine || strings.IndexByte(pair, ';') >= 0 {
		q.refuse(openapi.BrokenEscape, "query", "broken escape or semicolon")
		return false
	}
	q.Name, q.Value = name, value
	return true
}

func (q *Query) decode(text string) (string, bool) {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return text, true
	}
	begin := q.plain.Len()
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			n, err := strconv.ParseUint(text[i+1:min(i+3, len(text))], 16, 8)
			if err != nil || i+2 >= len(text) {
				return "", false
			}
			c = byte(n)
			i += 2
		}
		q.plain.WriteByte(c)
	}
	return q.plain.String()[begin:], true
}

// Left bounds the number of pairs that are left, with the one that was read last.
func (q *Query) Left() int { return strings.Count(q.Rest, "&") + 2 }

func (q *Query) refuse(rule, where, reason string) {
	q.Refused = cmp.Or(q.Refused, openapi.Refuse(rule, where, reason))
}

// Refuse refuses the value of the parameter that was read last.
func (q *Query) Refuse(rule, reason string) bool {
	q.refuse(rule, parameter("query", q.Name), reason)
	return false
}

func parameter(in, name string) string { return in + " parameter " + strconv.Quote(name) }

// Unknown refuses the name that was read last, as it is none of those that the operation knows.
func (q *Query) Unknown(known ...string) {
	reason := "not known to " + q.Operation
	for _, name := range known {
		if strings.EqualFold(name, q.Name) {
			reason += "; did you mean " + strconv.Quote(name) + "?"
		}
	}
	q.Refuse(openapi.UnknownParameter, reason)
}

// NoQuery refuses a query where there should be none.
func NoQuery(operation, query string) *openapi.RequestError {
	if query == "" {
		return nil
	}
	q := NewQuery(operation, query)
	for q.Next() {
		q.Unknown()
	}
	return q.Refused
}

// Once refuses a parameter of one value that was given before, and one that is empty where it must
// not be.
func (q *Query) Once(given, mayBeEmpty bool) bool {
	switch {
	case q.odd && strings.IndexByte(q.Value, 0) >= 0:
		return q.Refuse(openapi.NULByte, "holds a NUL character")
	case given:
		return q.Refuse(openapi.RepeatedParameter, "given more than once")
	case q.Value == "" && !mayBeEmpty:
		return q.Refuse(openapi.EmptyNumber, "has no value")
	}
	return true
}

// Fits says why a text does not fit its bounds; most < 0 is none.
func Fits(text string, least, most int) (reason string) {
	if least <= (len(text)+utf8.UTFMax-1)/utf8.UTFMax && (most < 0 || len(text) <= most) {
		return "" // however many bytes a character has
	}
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		return "minimum string length is " + strconv.Itoa(least)
	case most >= 0 && n > most:
		return "maximum string length is " + strconv.Itoa(most)
	}
	return ""
}

// Text binds a text.
func Text[T ~string](q *Query, into *T, least, most int) bool {
	if reason := Fits(q.Value, least, most); reason != "" {
		return q.Refuse("", reason)
	}
	*into = T(q.Value)
	return true
}

// Int binds a whole number.
func Int[T ~int | ~int64](q *Query, into *T) bool {
	n, err := strconv.ParseInt(q.Value, 10, 64)
	if err != nil {
		return q.Refuse("", "not an integer")
	}
	*into = T(n)
	return true
}

// Item holds the item of a list that was read last to its bounds, and refuses one that stands for
// several; i is its place.
func (q *Query) Item(i, least, most int) bool {
	switch {
	case !q.odd:
	case strings.IndexByte(q.Value, 0) >= 0:
		return q.Refuse(openapi.NULByte, "holds a NUL character")
	case strings.IndexByte(q.Value, ',') >= 0:
		return q.Refuse(openapi.CommaList, "holds a comma; repeat the parameter for each item")
	}
	if reason := Fits(q.Value, least, most); reason != "" {
		q.refuse("", parameter("query", q.Name)+" at /"+strconv.Itoa(i), reason)
		return false
	}
	return true
}

// List refuses a list by its length, or because it is missing.
func (q *Query) List(name string, n int, required bool, most int) {
	switch {
	case required && n == 0:
		q.refuse("", parameter("query", name), "is required")
	case most >= 0 && n > most:
		q.refuse("", parameter("query", name), "maximum number of items is "+strconv.Itoa(most))
	}
}

// Path holds a parameter of the path to its bounds.
func Path(name, value string, least, most int) *openapi.RequestError {
	if strings.IndexByte(value, 0) >= 0 {
		return openapi.Refuse(openapi.NULByte, parameter("path", name), "holds a NUL character")
	}
	if reason := Fits(value, least, most); reason != "" {
		return openapi.Refuse("", parameter("path", name), reason)
	}
	return nil
}
