package qql

import (
	"iter"
	"strings"
)

// Filter is a query bound to the tokens of a list: And, Or, Not, Any, Has, Compare or Match. A
// comparison with a value that a record lacks is false, and NOT of it is true.
type Filter interface {
	// Eval reports whether the filter holds on a record.
	Eval(Record) bool
}

// Record is what a filter is evaluated on.
type Record interface {
	// Text is the value of a Text, Word or ID token.
	Text(token string) string
	// Number is the value of a Number token, of a Time token (epoch milliseconds) or of a Bool
	// token (1 or 0).
	Number(token string) int64
	// Group lists the sub-objects of a name.
	Group(name string) []Record
}

// And holds when all of its filters hold; empty, it holds.
type And []Filter

// Or holds when one of its filters holds; empty, it does not hold.
type Or []Filter

// Not holds when X does not.
type Not struct{ X Filter }

// Any holds when X holds on one sub-object of the group.
type Any struct {
	Group string
	X     Filter
}

// Has holds when the record has a value.
type Has struct{ Field Field }

// Compare relates a number, a time (epoch milliseconds) or a truth value (1 or 0).
type Compare struct {
	Field  Field
	Op     Op
	Number int64
}

// Match compares a text with a pattern: the parts in order, with any text between two of them. One
// part alone is equality.
type Match struct {
	Field Field
	Parts []string // in lower case when Fold is set
	Fold  bool     // ASCII letters are compared without their case
}

// Fields gives the fields that a filter looks at; none of a nil filter.
func Fields(f Filter) iter.Seq[Field] {
	return func(yield func(Field) bool) { fields(f, yield) }
}

// fields reports whether to go on.
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
	for _, x := range inner {
		if !fields(x, yield) {
			return false
		}
	}
	return true
}

// Eval implements Filter.
func (a And) Eval(r Record) bool {
	for _, f := range a {
		if !f.Eval(r) {
			return false
		}
	}
	return true
}

// Eval implements Filter.
func (o Or) Eval(r Record) bool {
	for _, f := range o {
		if f.Eval(r) {
			return true
		}
	}
	return false
}

// Eval implements Filter.
func (n Not) Eval(r Record) bool { return !n.X.Eval(r) }

// Eval implements Filter.
func (a Any) Eval(r Record) bool {
	for _, part := range r.Group(a.Group) {
		if a.X.Eval(part) {
			return true
		}
	}
	return false
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
	return fits(m.Parts, text)
}

// fits reports whether a text is the parts in order with any text between two of them.
func fits(parts []string, text string) bool {
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

// Glob reports whether a text fits a pattern in which * stands for any text, with regard to case:
// what a bare value of an ID token means.
func Glob(pattern, text string) bool {
	return fits(strings.Split(pattern, "*"), text)
}

// lower folds ASCII letters only, as SQL does on both databases.
func lower(s string) string {
	folded := []byte(s)
	for i, b := range folded {
		if 'A' <= b && b <= 'Z' {
			folded[i] = b + 'a' - 'A'
		}
	}
	return string(folded)
}
