// Package qql is the filter language of the API (QQL): it parses a query, prints it, binds it to
// the tokens of a list and evaluates it on a record.
//
// A query is read in two steps. Parse knows only the grammar and returns an Expr. Bind checks the
// tokens and values of an Expr against the Schema of one list and returns a Filter, which can be
// evaluated on a Record or compiled to another language, such as SQL. The package imports the
// standard library and package suggest only.
//
// README.md of the folder above describes the grammar and the semantics, and marks what is our
// choice because no public document says it.
package qql

import (
	"fmt"
	"strings"
)

// Limits of a query, which bound the work that an unknown caller can cause; our choice.
const (
	MaxLength = 8192 // bytes of a query
	MaxDepth  = 64   // nested parentheses and NOTs
	MaxTerms  = 1024 // values in all terms and lists

	// MaxWildcards is the number of * in one value. Each further one multiplies the work of a
	// comparison by the length of the text.
	MaxWildcards = 3
)

// SyntaxError says where a query violates the grammar.
type SyntaxError struct {
	Offset int    // in bytes
	Msg    string // what is wrong there
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at %d: %s", e.Offset, e.Msg) }

// TokenError says which token of a query or of a sort order the list does not have, or which value
// is not valid for its token.
type TokenError struct {
	Offset  int
	Token   string
	Msg     string
	Unknown bool // the list does not have the token; false when the value or the order is not valid
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("at %d: token %q: %s", e.Offset, e.Token, e.Msg)
}

// Expr is a parsed query: *AndExpr, *OrExpr, *NotExpr or *Term.
type Expr interface {
	// String prints the query so that Parse returns an equal one. The text has more blanks and
	// parentheses, so that it may exceed a limit that the original query does not.
	String() string
	precedence() int
}

// AndExpr is true when both sides are true.
type AndExpr struct{ X, Y Expr }

// OrExpr is true when at least one side is true.
type OrExpr struct{ X, Y Expr }

// NotExpr is true when X is false.
type NotExpr struct{ X Expr }

// Term is one condition: a token, an operator and an operand.
type Term struct {
	Token   string
	Op      Op
	Operand Operand
	offset  int
}

// Op compares a token with its operand. The query language writes equality as ":" or "=".
type Op string

// The operators.
const (
	Equal          Op = ":"
	Less           Op = "<"
	LessOrEqual    Op = "<="
	Greater        Op = ">"
	GreaterOrEqual Op = ">="
)

// Operand is the right side of a Term: Value, List, Range or *Nested.
type Operand interface{ operand() string }

// Quote is the way a value is written, which decides how it is compared.
type Quote byte

// The ways to write a value.
const (
	Bare     Quote = 0    // equal, ignoring the case of ASCII letters; * stands for any text
	Double   Quote = '"'  // contains (names) or begins with (ids)
	Backtick Quote = '`'  // exactly equal
	Single   Quote = '\'' // exactly equal
)

// Value is a single value as written.
type Value struct {
	Text   string // without quotes and escapes
	Quote  Quote
	offset int
}

// List is a list of values; one of them must be equal.
type List []Value

// Range is a range between two values.
type Range struct {
	Low, High Value
	Exclusive bool // written with parentheses: without the bounds
}

// Nested is a condition that one and the same sub-object must meet.
type Nested struct{ X Expr }

func (*OrExpr) precedence() int  { return 1 }
func (*AndExpr) precedence() int { return 2 }
func (*NotExpr) precedence() int { return 3 }
func (*Term) precedence() int    { return 4 }

// AND and OR group to the left, so that a right side of the same precedence needs parentheses.
func (e *OrExpr) String() string  { return child(e.X, 1) + " OR " + child(e.Y, 2) }
func (e *AndExpr) String() string { return child(e.X, 2) + " AND " + child(e.Y, 3) }
func (e *NotExpr) String() string { return "NOT " + child(e.X, 3) }

func (e *Term) String() string {
	operand := e.Operand.operand()
	if strings.ContainsRune("=<>", rune(operand[0])) {
		operand = " " + operand // without the blank, it would be read as a part of the operator
	}
	return e.Token + string(e.Op) + operand
}

// child prints an expression in parentheses when its precedence is less than least.
func child(e Expr, least int) string {
	if e.precedence() < least {
		return "(" + e.String() + ")"
	}
	return e.String()
}

func (v Value) operand() string {
	if v.Quote == Bare {
		return v.Text
	}
	quote := string(rune(v.Quote))
	return quote + strings.NewReplacer(`\`, `\\`, quote, `\`+quote).Replace(v.Text) + quote
}

func (l List) operand() string {
	texts := make([]string, len(l))
	for i, v := range l {
		texts[i] = v.operand()
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func (r Range) operand() string {
	if r.Exclusive {
		return "(" + r.Low.operand() + " .. " + r.High.operand() + ")"
	}
	return "[" + r.Low.operand() + " .. " + r.High.operand() + "]"
}

func (n *Nested) operand() string {
	text := "(" + n.X.String() + ")"
	if strings.Contains(text, "..") {
		return "(" + text + ")" // without the second parentheses, it could be read as a range
	}
	return text
}
