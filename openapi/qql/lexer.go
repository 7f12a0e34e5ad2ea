package qql

import (
	"slices"
	"strings"
)

// lexer reads a query byte by byte. The meaning of a byte depends on its context: "(" opens a group
// or an exclusive range. So there is no stream of tokens; the parser calls the method for what it
// expects next.
type lexer struct {
	text string
	pos  int
}

// blanks skips white space.
func (l *lexer) blanks() {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.pos++
	}
}

// peek returns the next byte that is not blank, 0 at the end.
func (l *lexer) peek() byte {
	l.blanks()
	if l.pos == len(l.text) {
		return 0
	}
	return l.text[l.pos]
}

// accept skips s if it comes next.
func (l *lexer) accept(s string) bool {
	l.blanks()
	if strings.HasPrefix(l.text[l.pos:], s) {
		l.pos += len(s)
		return true
	}
	return false
}

// keyword skips word, in any case, if it comes next and is not the beginning of a longer word.
func (l *lexer) keyword(word string) bool {
	l.blanks()
	end := l.pos + len(word)
	if end > len(l.text) || !strings.EqualFold(l.text[l.pos:end], word) {
		return false
	}
	if end < len(l.text) && isTokenByte(l.text[end]) {
		return false
	}
	l.pos = end
	return true
}

// token reads the name on the left side of a term.
func (l *lexer) token() string {
	l.blanks()
	start := l.pos
	for l.pos < len(l.text) && isTokenByte(l.text[l.pos]) {
		l.pos++
	}
	return l.text[start:l.pos]
}

func isTokenByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_' || b == '.' || b == '-'
}

// spellings are the ways to write an operator, before those that are their beginning. The vendor's
// help lists the operators "and their several combinations".
var spellings = []struct {
	op    Op
	texts []string
}{
	{GreaterOrEqual, []string{":>=", "=>", ">="}},
	{LessOrEqual, []string{":<=", "=<", "<="}},
	{Greater, []string{":>", ">"}},
	{Less, []string{":<", "<"}},
	{Equal, []string{":=", "==", ":", "="}},
}

// operator reads the operator of a term.
func (l *lexer) operator() (Op, bool) {
	for _, s := range spellings {
		if slices.ContainsFunc(s.texts, l.accept) {
			return s.op, true
		}
	}
	return Equal, false
}

// dots reads the two or three dots of a range.
func (l *lexer) dots() bool { return l.accept("...") || l.accept("..") }

// value reads a value. Inside brackets a bare one also ends at a comma and at the dots of a range.
func (l *lexer) value(inside bool) (Value, error) {
	switch b := l.peek(); b {
	case '"', '`', '\'':
		return l.quoted(Quote(b))
	}
	v := Value{offset: l.pos}
	stops := " \t\r\n()[]\"`"
	if inside {
		stops += ","
	}
	for l.pos < len(l.text) && strings.IndexByte(stops, l.text[l.pos]) < 0 {
		if inside && strings.HasPrefix(l.text[l.pos:], "..") {
			break
		}
		l.pos++
	}
	v.Text = l.text[v.offset:l.pos]
	if v.Text == "" {
		return v, &SyntaxError{l.pos, "expected a value"}
	}
	return v, nil
}

// quoted reads a value in quotes. The byte after a backslash belongs to the value as it is.
func (l *lexer) quoted(quote Quote) (Value, error) {
	v := Value{Quote: quote, offset: l.pos}
	var text strings.Builder
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch b := l.text[l.pos]; {
		case b == byte(quote):
			l.pos++
			v.Text = text.String()
			return v, nil
		case b == '\\' && l.pos+1 < len(l.text):
			l.pos++
			text.WriteByte(l.text[l.pos])
		default:
			text.WriteByte(b)
		}
	}
	return v, &SyntaxError{v.offset, "this quote is not closed"}
}
