package qql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scalar is what a token can be compared with. A time.Time is written as epoch milliseconds.
type Scalar interface {
	~string | ~int | ~int64 | ~bool | time.Time
}

// Eq holds when a token has a value. A plain word is written as the release notes print it,
// status:Running, which leaves the case of ASCII letters out of account; anything else is written
// in backticks and compared exactly. A token, here and below, is letters, digits, dots, dashes and
// underscores, as those that lists know.
func Eq[V Scalar](token string, value V) Expr {
	return &Term{Token: token, Op: Equal, Operand: literal(value)}
}

// In holds when a token has one of some values; without any it never holds.
func In[V Scalar](token string, values ...V) Expr {
	if len(values) == 0 {
		return AllOf(Exists(token), &NotExpr{Exists(token)})
	}
	list := make(List, len(values))
	for i, v := range values {
		list[i] = literal(v)
	}
	return &Term{Token: token, Op: Equal, Operand: list}
}

// Contains holds when a name contains some words, or when an id begins with them.
func Contains(token, words string) Expr {
	return &Term{Token: token, Op: Equal, Operand: Value{Text: words, Quote: Double}}
}

// Exactly holds when a text is the same to the letter.
func Exactly(token, text string) Expr {
	return &Term{Token: token, Op: Equal, Operand: Value{Text: text, Quote: Backtick}}
}

// Exists holds when a token has any value.
func Exists(token string) Expr {
	return &Term{Token: token, Op: Equal, Operand: Value{Text: "*"}}
}

// Compared relates a number or a time to a value, as in Compared("created", Greater, time.Now()).
func Compared[V ~int | ~int64 | time.Time](token string, op Op, value V) Expr {
	return &Term{Token: token, Op: op, Operand: literal(value)}
}

// Between holds when a number or a time lies between two, these included.
func Between[V ~int | ~int64 | time.Time](token string, low, high V) Expr {
	return &Term{Token: token, Op: Equal, Operand: Range{Low: literal(low), High: literal(high)}}
}

// AllOf holds when all of its parts hold.
func AllOf(x Expr, more ...Expr) Expr {
	for _, y := range more {
		x = &AndExpr{x, y}
	}
	return x
}

// AnyOf holds when one of its parts holds.
func AnyOf(x Expr, more ...Expr) Expr {
	for _, y := range more {
		x = &OrExpr{x, y}
	}
	return x
}

// NoneOf holds when none of its parts holds.
func NoneOf(x Expr, more ...Expr) Expr { return &NotExpr{AnyOf(x, more...)} }

// On holds when an expression holds on one and the same sub-object, such as a repository and its
// tag.
func On(group string, x Expr) Expr {
	return &Term{Token: group, Op: Equal, Operand: &Nested{x}}
}

// literal writes a value so that it is read as it is meant.
func literal[V Scalar](value V) Value {
	switch v := any(value).(type) {
	case time.Time:
		return Value{Text: strconv.FormatInt(v.UnixMilli(), 10)}
	case string:
		return word(v)
	}
	return word(fmt.Sprint(value))
}

// word leaves a plain word without quotes.
func word(text string) Value {
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r > '~' || !isTokenByte(byte(r)) }) &&
		!strings.Contains(text, "..")
	if plain &&
		!slices.ContainsFunc([]string{"and", "or", "not"}, func(k string) bool { return strings.EqualFold(k, text) }) {
		return Value{Text: text}
	}
	return Value{Text: text, Quote: Backtick}
}
