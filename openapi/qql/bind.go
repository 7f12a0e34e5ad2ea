package qql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/openapi/suggest"
)

// Kind is the type of a token: it decides which values are valid and how they are compared.
type Kind int

// The kinds. Text is compared ignoring the case of ASCII letters; a value in double quotes means
// "contains". Word is Text with a closed vocabulary, such as a status; a value in double quotes
// means the whole word. ID is compared with case; a value in double quotes means the whole id or
// its beginning. The vendor's search help describes these rules; which token has which kind is our
// choice.
const (
	Text Kind = iota
	Word
	ID
	Number
	Time
	Bool
)

// Field is a token of a list.
type Field struct {
	Token string
	Kind  Kind
	// Group is the sub-object of the token; a record may have several. "" means the record itself.
	Group string
	// Optional says that the number 0 means "no value", as an empty text and the time 0 always do.
	Optional bool
}

// Name is the full name of the token, with the group before it.
func (f Field) Name() string {
	if f.Group == "" {
		return f.Token
	}
	return f.Group + "." + f.Token
}

// Missing reports whether the zero value of the field means that the record has no value.
func (f Field) Missing() bool { return f.Kind != Bool && (f.Kind != Number || f.Optional) }

// Schema is the table of tokens of a list. Tokens are case-sensitive.
type Schema []Field

// Options are the parts of the meaning of a query that are not in its text.
type Options struct {
	Now int64 // epoch milliseconds of "now"
	// Exact makes double quotes mean equality. A filter that selects what to cancel or delete has
	// it, so that it never selects more than it names.
	Exact bool
}

// Bind checks an expression against the tokens of a list. An error is a *TokenError.
func Bind(e Expr, s Schema, o Options) (Filter, error) {
	b := binder{schema: s, options: o}
	return b.expr(e, "")
}

type binder struct {
	schema  Schema
	options Options
}

// expr binds e. Unless group is empty, all tokens of e must belong to it.
func (b binder) expr(e Expr, group string) (Filter, error) {
	switch e := e.(type) {
	case *AndExpr:
		x, y, err := b.both(e.X, e.Y, group)
		if all, ok := x.(And); ok { // a AND b AND c becomes one list
			return append(all, y), err
		}
		return And{x, y}, err
	case *OrExpr:
		x, y, err := b.both(e.X, e.Y, group)
		if all, ok := x.(Or); ok {
			return append(all, y), err
		}
		return Or{x, y}, err
	case *NotExpr:
		f, err := b.expr(e.X, group)
		return Not{f}, err
	default:
		return b.term(e.(*Term), group)
	}
}

func (b binder) both(x, y Expr, group string) (fx, fy Filter, err error) {
	if fx, err = b.expr(x, group); err == nil {
		fy, err = b.expr(y, group)
	}
	return fx, fy, err
}

func (b binder) term(t *Term, group string) (Filter, error) {
	if nested, ok := t.Operand.(*Nested); ok {
		if group != "" || !slices.ContainsFunc(b.schema, func(f Field) bool { return f.Group == t.Token }) {
			return nil, &TokenError{t.offset, t.Token, "has no parts that can be nested", false}
		}
		f, err := b.expr(nested.X, t.Token)
		return Any{t.Token, f}, err
	}
	field, ok := b.schema.lookup(t.Token)
	if !ok || group != "" && field.Group != group {
		return nil, &TokenError{t.offset, t.Token, "not known here" + b.schema.suggest(t.Token, group), true}
	}
	f, err := b.operand(field, t)
	if err == nil && field.Group != "" && group == "" {
		f = Any{field.Group, f}
	}
	return f, err
}

func (b binder) operand(field Field, t *Term) (Filter, error) {
	switch o := t.Operand.(type) {
	case List:
		or := make(Or, len(o))
		for i, v := range o {
			f, err := b.compare(field, Equal, v)
			if err != nil {
				return nil, err
			}
			or[i] = f
		}
		return or, nil
	case Range:
		low, high := GreaterOrEqual, LessOrEqual
		if o.Exclusive {
			low, high = Greater, Less
		}
		from, err := b.compare(field, low, o.Low)
		if err != nil {
			return nil, err
		}
		to, err := b.compare(field, high, o.High)
		return And{from, to}, err
	default:
		return b.compare(field, t.Op, o.(Value))
	}
}

// compare binds the comparison of a field with one value.
func (b binder) compare(field Field, op Op, v Value) (Filter, error) {
	fail := func(msg string) (Filter, error) { return nil, &TokenError{v.offset, field.Token, msg, false} }
	if op == Equal && v.Quote == Bare && strings.Trim(v.Text, "*") == "" {
		return Has{field}, nil
	}
	switch field.Kind {
	case Number:
		n, err := strconv.ParseInt(v.Text, 10, 64)
		if err != nil {
			return fail("expected a whole number")
		}
		return Compare{field, op, n}, nil
	case Time:
		at, ok := parseTime(v.Text, b.options.Now)
		if !ok {
			return fail("expected now, now-7d, a date, a date and time, or epoch milliseconds")
		}
		return at.compare(field, op), nil
	case Bool:
		n, ok := map[string]int64{"true": 1, "false": 0}[strings.ToLower(v.Text)]
		if !ok || op != Equal {
			return fail("expected : with true or false")
		}
		return Compare{field, Equal, n}, nil
	}
	if op != Equal {
		return fail("is a text and cannot be compared with " + string(op))
	}
	return b.match(field, v)
}

func (s span) compare(field Field, op Op) Filter {
	switch op {
	case Less, GreaterOrEqual:
		return Compare{field, op, s.first}
	case LessOrEqual, Greater:
		return Compare{field, op, s.last}
	}
	if s.first == s.last {
		return Compare{field, Equal, s.first}
	}
	return And{Compare{field, GreaterOrEqual, s.first}, Compare{field, LessOrEqual, s.last}}
}

// match binds the comparison of a text; the quotes of the value decide how it is compared.
func (b binder) match(field Field, v Value) (Filter, error) {
	m := Match{Field: field, Parts: []string{v.Text}, Fold: field.Kind != ID}
	switch v.Quote {
	case Bare:
		m.Parts = strings.Split(v.Text, "*")
		if len(m.Parts) > MaxWildcards+1 {
			return nil, &TokenError{v.offset, field.Token, fmt.Sprintf("more than %d wildcards", MaxWildcards), false}
		}
	case Double:
		switch {
		case b.options.Exact || field.Kind == Word:
		case field.Kind == ID:
			m.Parts = []string{v.Text, ""}
		default:
			m.Parts = []string{"", v.Text, ""}
		}
	default:
		m.Fold = false
	}
	if v.Text == "" { // a record without the text has no value, which is never equal
		return Or{}, nil
	}
	if m.Fold {
		for i, part := range m.Parts {
			m.Parts[i] = lower(part)
		}
	}
	return m, nil
}

// lookup finds a field by its token or its full name.
func (s Schema) lookup(token string) (Field, bool) {
	for _, f := range s {
		if f.Token == token || f.Name() == token {
			return f, true
		}
	}
	return Field{}, false
}

// suggest returns "; did you mean …?" with the token that is most similar to an unknown one, or "".
// Unless group is empty, the token must belong to it.
func (s Schema) suggest(token, group string) string {
	var known []string
	for _, f := range s {
		if group == "" || f.Group == group {
			known = append(known, f.Token)
		}
	}
	return suggest.DidYouMean(token, known...)
}
