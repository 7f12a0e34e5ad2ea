// Package qql is the filter language of the API (QQL): it parses a query, prints it, binds it to
// the tokens of a list and evaluates it on a record.
//
// A query is read in two steps. Parse knows only the grammar and gives an Expr. Bind checks the
// tokens and values of an Expr against the Schema of one list and gives a Filter, which can be
// evaluated on a Record or compiled to another language, such as SQL. The package imports the
// standard library only.
//
// Grammar and semantics are described in README.md of the folder above; what no public material
// settles is our choice and marked so there.
package qql

import (
	"fmt"
	"strings"
)

// Limits of a query. They bound the work that a stranger's filter can cause; our choice.
const (
	MaxLength = 8192 // bytes of a query
	MaxDepth  = 64   // nested parentheses and NOTs
	MaxTerms  = 1024 // values in all terms and lists

	MaxWildcards = 3 // * in one value: each more multiplies the work of a comparison by the length of the text
)

// SyntaxError says where a query cannot be read.
type SyntaxError struct {
	Offset int    // bytes before the fault
	Msg    string // what is wrong there
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at %d: %s", e.Offset, e.Msg) }

// TokenError says which token of a query, or of a sort order, a list does not know, or which value
// does not fit its token.
type TokenError struct {
	Offset  int
	Token   string
	Msg     string
	Unknown bool // the list does not know the token; else the value or the order does not fit it
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("at %d: token %q: %s", e.Offset, e.Token, e.Msg)
}

// Expr is a parsed query: *AndExpr, *OrExpr, *NotExpr or *Term.
type Expr interface {
	// String prints a parsed query so that Parse gives an equal one, as long as the print, which
	// has more blanks and parentheses, keeps to the limits.
	String() string
	precedence() int
}

// AndExpr holds when both sides hold.
type AndExpr struct{ X, Y Expr }

// OrExpr holds when one side holds.
type OrExpr struct{ X, Y Expr }

// NotExpr holds when X does not.
type NotExpr struct{ X Expr }

// Term is one condition: a token, an operator and an operand.
type Term struct {
	Token   string
	Op      Op
	Operand Operand
	offset  int
}

// Op relates a token to its operand. The query language writes equality as ":" or "=".
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

// Quote tells how a value was written, which decides how it is compared.
type Quote byte

// The ways to write a value.
const (
	Bare     Quote = 0   // equal but for the case of ASCII letters; * stands for any text
	Double   Quote = '"' // contains (names) or begins with (ids)
	Backtick Quote = '`' // exactly equal
	Single   Quote = '\''
)

// Value is a single value as written.
type Value struct {
	Text   string // without quotes and escapes
	Quote  Quote
	offset int
}

// List holds for any of its values.
type List []Value

// Range holds between two values.
type Range struct {
	Low, High Value
	Exclusive bool // written with parentheses: the bounds do not belong to it
}

// Nested holds when all of X holds on one and the same sub-object.
type Nested struct{ X Expr }

func (*OrExpr) precedence() int  { return 1 }
func (*AndExpr) precedence() int { return 2 }
func (*NotExpr) precedence() int { return 3 }
func (*Term) precedence() int    { return 4 }

func (e *OrExpr) String() string  { return within(e, e.X, 0) + " OR " + within(e, e.Y, 1) }
func (e *AndExpr) String() string { return within(e, e.X, 0) + " AND " + within(e, e.Y, 1) }
func (e *NotExpr) String() string { return "NOT " + within(e, e.X, 0) }

func (e *Term) String() string {
	operand := e.Operand.operand()
	if strings.ContainsRune("=<>", rune(operand[0])) {
		operand = " " + operand // or it would be read as a part of the operator
	}
	return e.Token + string(e.Op) + operand
}

// within prints a child, in parentheses when it binds less tightly than its parent (margin 1: not
// more tightly, since AND and OR group to the left).
func within(parent, child Expr, margin int) string {
	if child.precedence() < parent.precedence()+margin {
		return "(" + child.String() + ")"
	}
	return child.String()
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
		return "(" + text + ")" // or it could be read as a range
	}
	return text
}
