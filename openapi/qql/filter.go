package qql

import (
	"iter"
	"slices"
	"strings"
)

// Filter is a query bound to the tokens of a list: And, Or, Not, Any, Has, Compare or Match. A
// comparison with a missing value is false, and NOT of it is true.
type Filter interface {
	// Eval reports whether the filter is true for a record.
	Eval(Record) bool
}

// Record gives a filter the values of one element of a list.
type Record interface {
	// Text is the value of a Text, Word or ID token.
	Text(token string) string
	// Number is the value of a Number, Time (epoch milliseconds) or Bool token (1 or 0).
	Number(token string) int64
	// Group returns the sub-objects of a group.
	Group(name string) []Record
}

// And is true when all of its filters are true; an empty And is true.
type And []Filter

// Or is true when at least one of its filters is true; an empty Or is false.
type Or []Filter

// Not is true when X is false.
type Not struct{ X Filter }

// Any is true when X is true for at least one sub-object of the group.
type Any struct {
	Group string
	X     Filter
}

// Has is true when the record has a value.
type Has struct{ Field Field }

// Compare compares a number, a time (epoch milliseconds) or a boolean (1 or 0) with a number.
type Compare struct {
	Field  Field
	Op     Op
	Number int64
}

// Match compares a text with a pattern. The pattern is its parts in order, with any text between
// two of them; one part alone means equality.
type Match struct {
	Field Field
	Parts []string // in lower case when Fold is set
	Fold  bool     // ignore the case of ASCII letters
}

// Fields iterates over the fields that a filter uses; a nil filter uses none.
func Fields(f Filter) iter.Seq[Field] {
	return func(yield func(Field) bool) { fields(f, yield) }
}

// fields yields the fields of f. It returns false once yield has returned false.
func fields(f Filter, yield func(Field) bool) bool {
	var inner []Filter
	switch f := f.(type) {
	case And:
		inner = f
	case Or:
		inner = f
	case Not:
		inner = []Filter{f.X}
	case Any:
		inner = []Filter{f.X}
	case Has:
		return yield(f.Field)
	case Compare:
		return yield(f.Field)
	case Match:
		return yield(f.Field)
	}
	return !slices.ContainsFunc(inner, func(x Filter) bool { return !fields(x, yield) })
}

// Eval implements Filter.
func (a And) Eval(r Record) bool {
	return !slices.ContainsFunc(a, func(f Filter) bool { return !f.Eval(r) })
}

// Eval implements Filter.
func (o Or) Eval(r Record) bool {
	return slices.ContainsFunc(o, func(f Filter) bool { return f.Eval(r) })
}

// Eval implements Filter.
func (n Not) Eval(r Record) bool { return !n.X.Eval(r) }

// Eval implements Filter.
func (a Any) Eval(r Record) bool {
	return slices.ContainsFunc(r.Group(a.Group), a.X.Eval)
}

// Eval implements Filter.
func (h Has) Eval(r Record) bool {
	switch h.Field.Kind {
	case Text, Word, ID:
		return r.Text(h.Field.Token) != ""
	default:
		return !h.Field.Missing() || r.Number(h.Field.Token) != 0
	}
}

// Eval implements Filter.
func (c Compare) Eval(r Record) bool {
	n := r.Number(c.Field.Token)
	if n == 0 && c.Field.Missing() {
		return false
	}
	switch c.Op {
	case Less:
		return n < c.Number
	case LessOrEqual:
		return n <= c.Number
	case Greater:
		return n > c.Number
	case GreaterOrEqual:
		return n >= c.Number
	default:
		return n == c.Number
	}
}

// Eval implements Filter.
func (m Match) Eval(r Record) bool {
	text := r.Text(m.Field.Token)
	if m.Fold {
		text = lower(text)
	}
	return matchParts(m.Parts, text)
}

// matchParts reports whether text is the parts in order, with any text between two of them.
func matchParts(parts []string, text string) bool {
	if len(parts) == 1 {
		return text == parts[0]
	}
	first, last := parts[0], parts[len(parts)-1]
	text, ok := strings.CutPrefix(text, first)
	if !ok || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[:len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

// Glob reports whether text matches a pattern in which * stands for any text. It respects case, as
// a bare value of an ID token does.
func Glob(pattern, text string) bool {
	return matchParts(strings.Split(pattern, "*"), text)
}

// lower changes ASCII letters only, as SQL does in both databases.
func lower(s string) string {
	folded := []byte(s)
	for i, b := range folded {
		if 'A' <= b && b <= 'Z' {
			folded[i] = b + 'a' - 'A'
		}
	}
	return string(folded)
}
