package qql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scalar is the type of a value of a token. A time.Time is written as epoch milliseconds.
type Scalar interface {
	~string | ~int | ~int64 | ~bool | time.Time
}

// Eq is true when the token is equal to value. A plain word is written as in the release notes,
// status:Running, and compared ignoring the case of ASCII letters; any other text is written in
// backticks and compared exactly. A token, here and below, consists of letters, digits, dots,
// dashes and underscores.
func Eq[V Scalar](token string, value V) Expr {
	return &Term{Token: token, Op: Equal, Operand: literal(value)}
}

// In is true when the token is equal to one of the values; without values it is never true.
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

// Contains is true when a name contains the words, or when an id begins with them.
func Contains(token, words string) Expr {
	return &Term{Token: token, Op: Equal, Operand: Value{Text: words, Quote: Double}}
}

// Exactly is true when the token is equal to text, including the case of letters.
func Exactly(token, text string) Expr {
	return &Term{Token: token, Op: Equal, Operand: Value{Text: text, Quote: Backtick}}
}

// Exists is true when the token has any value.
func Exists(token string) Expr {
	return &Term{Token: token, Op: Equal, Operand: Value{Text: "*"}}
}

// Compared compares a number or a time with a value: Compared("created", Greater, time.Now()).
func Compared[V ~int | ~int64 | time.Time](token string, op Op, value V) Expr {
	return &Term{Token: token, Op: op, Operand: literal(value)}
}

// Between is true when a number or a time is from low to high, both included.
func Between[V ~int | ~int64 | time.Time](token string, low, high V) Expr {
	return &Term{Token: token, Op: Equal, Operand: Range{Low: literal(low), High: literal(high)}}
}

// AllOf is true when all of its parts are true.
func AllOf(x Expr, more ...Expr) Expr {
	for _, y := range more {
		x = &AndExpr{x, y}
	}
	return x
}

// AnyOf is true when at least one of its parts is true.
func AnyOf(x Expr, more ...Expr) Expr {
	for _, y := range more {
		x = &OrExpr{x, y}
	}
	return x
}

// NoneOf is true when all of its parts are false.
func NoneOf(x Expr, more ...Expr) Expr { return &NotExpr{AnyOf(x, more...)} }

// On is true when x is true for one sub-object of the group, such as a repository with its tag.
func On(group string, x Expr) Expr {
	return &Term{Token: group, Op: Equal, Operand: &Nested{x}}
}

// literal converts a Go value to a value of the query.
func literal[V Scalar](value V) Value {
	switch v := any(value).(type) {
	case time.Time:
		return Value{Text: strconv.FormatInt(v.UnixMilli(), 10)}
	case string:
		return word(v)
	}
	return word(fmt.Sprint(value))
}

// word writes a plain word without quotes and any other text in backticks.
func word(text string) Value {
	special := func(r rune) bool { return r > '~' || !isTokenByte(byte(r)) }
	keyword := slices.Contains([]string{"and", "or", "not"}, strings.ToLower(text))
	if text == "" || keyword || strings.ContainsFunc(text, special) || strings.Contains(text, "..") {
		return Value{Text: text, Quote: Backtick}
	}
	return Value{Text: text}
}
