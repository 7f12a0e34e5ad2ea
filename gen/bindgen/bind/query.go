// Package bind has what the generated binders share. They check a request against the document
// while they read it into the generated types, in one pass. They refuse the same requests as
// package contract, which is the reference; tests of the generator compare both. Package bind
// imports the standard library and packages openapi and suggest only.
package bind

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/suggest"
)

// Query reads the pairs of a query string. The first error ends it.
type Query struct {
	Name, Value string // of the current pair
	Refused     *openapi.RequestError

	operation string
	rest      string // the pairs after the current one
	item      int    // index of the current value in its list; -1 if it is in none
	escaped   bool   // the query has an escape or a semicolon
	special   bool   // the query has an escape, a comma or a NUL character
}

// NewQuery returns the reader of a query. Errors name the operation.
func NewQuery(operation, query string) Query {
	escaped := strings.IndexByte(query, '%') >= 0 || strings.IndexByte(query, '+') >= 0 ||
		strings.IndexByte(query, ';') >= 0
	return Query{
		operation: operation,
		rest:      query,
		escaped:   escaped,
		special:   escaped || strings.IndexByte(query, ',') >= 0 || strings.IndexByte(query, 0) >= 0,
	}
}

// Next reads a pair. It returns false at the end and after an error.
func (q *Query) Next() bool {
	q.item = -1
	for q.rest != "" && q.Refused == nil {
		var pair string
		pair, q.rest, _ = strings.Cut(q.rest, "&")
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
	name, nameErr := url.QueryUnescape(q.Name)
	value, valueErr := url.QueryUnescape(q.Value)
	if nameErr != nil || valueErr != nil || strings.IndexByte(pair, ';') >= 0 {
		q.refuse(openapi.BrokenEscape, "query", "broken escape or semicolon")
		return false
	}
	q.Name, q.Value = name, value
	return true
}

// Left returns an upper bound of the number of pairs from the current one on.
func (q *Query) Left() int { return strings.Count(q.rest, "&") + 2 }

func (q *Query) refuse(rule, where, reason string) {
	q.Refused = cmp.Or(q.Refused, openapi.Refuse(rule, where, reason))
}

// Refuse refuses the current value. It returns false.
func (q *Query) Refuse(rule, reason string) bool {
	where := parameter("query", q.Name)
	if q.item >= 0 {
		where += " at /" + strconv.Itoa(q.item)
	}
	q.refuse(rule, where, reason)
	return false
}

// NotAllowed refuses the current value, which is not one of the allowed ones. It returns false.
func (q *Query) NotAllowed(value string, allowed ...string) bool {
	return q.Refuse("", notAllowed(value, allowed))
}

func notAllowed(value string, allowed []string) string {
	list, _ := json.Marshal(allowed) // cannot fail
	return "value is not one of the allowed values " + string(list) + suggest.DidYouMean(value, allowed...)
}

func parameter(in, name string) string { return in + " parameter " + strconv.Quote(name) }

// Unknown refuses the current name, which is not among the known names of the operation.
func (q *Query) Unknown(known ...string) {
	q.Refuse(openapi.UnknownParameter, "not known to "+q.operation+suggest.DidYouMean(q.Name, known...))
}

// NoQuery refuses all parameters, for an operation that has none.
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

// Once checks a parameter with a single value. It refuses a repeated one, and an empty one unless
// the document allows it. given has the bits of the parameters so far.
func (q *Query) Once(given *uint64, bit uint64, allowEmpty bool) bool {
	repeated := *given&bit != 0
	*given |= bit
	switch {
	case q.special && strings.IndexByte(q.Value, 0) >= 0:
		return q.Refuse(openapi.NULByte, "holds a NUL character")
	case repeated:
		return q.Refuse(openapi.RepeatedParameter, "given more than once")
	case q.Value == "" && !allowEmpty:
		return q.Refuse(openapi.EmptyNumber, "has no value")
	}
	return true
}

// checkLength says why a text is too short or too long; most < 0 is no limit.
func checkLength(text string, least, most int) (reason string) {
	if least <= (len(text)+utf8.UTFMax-1)/utf8.UTFMax && (most < 0 || len(text) <= most) {
		return "" // true for any number of bytes per character
	}
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		return "minimum string length is " + strconv.Itoa(least)
	case most >= 0 && n > most:
		return "maximum string length is " + strconv.Itoa(most)
	}
	return ""
}

// Text binds a string.
func Text[T ~string](q *Query, to *T, least, most int) bool {
	*to = T(q.Value)
	reason := checkLength(q.Value, least, most)
	return reason == "" || q.Refuse("", reason)
}

// Int binds an integer.
func Int[T ~int | ~int64](q *Query, to *T) bool {
	n, err := strconv.ParseInt(q.Value, 10, 64)
	if err != nil {
		return q.Refuse("", "not an integer")
	}
	*to = T(n)
	return true
}

// Item checks the current value as item i of a list.
func (q *Query) Item(i, least, most int) bool {
	switch {
	case !q.special:
	case strings.IndexByte(q.Value, 0) >= 0:
		return q.Refuse(openapi.NULByte, "holds a NUL character")
	case strings.IndexByte(q.Value, ',') >= 0:
		return q.Refuse(openapi.CommaList, "holds a comma; repeat the parameter for each item")
	}
	q.item = i
	reason := checkLength(q.Value, least, most)
	return reason == "" || q.Refuse("", reason)
}

// Required refuses a query without a required parameter.
func (q *Query) Required(name string, given bool) {
	if !given {
		q.refuse("", parameter("query", name), "is required")
	}
}

// MaxItems refuses a list of n items that is longer than most.
func (q *Query) MaxItems(name string, n, most int) {
	if n > most {
		q.refuse("", parameter("query", name), "maximum number of items is "+strconv.Itoa(most))
	}
}

// Path checks a parameter of the path.
func Path(name, value string, least, most int) *openapi.RequestError {
	if strings.IndexByte(value, 0) >= 0 {
		return openapi.Refuse(openapi.NULByte, parameter("path", name), "holds a NUL character")
	}
	if reason := checkLength(value, least, most); reason != "" {
		return openapi.Refuse("", parameter("path", name), reason)
	}
	return nil
}
