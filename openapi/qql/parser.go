package qql

import (
	"fmt"
	"strings"
)

// Parse reads a query. NOT binds more tightly than AND, AND more tightly than OR (our choice: the
// order is not documented). An error is a *SyntaxError.
func Parse(query string) (Expr, error) {
	if len(query) > MaxLength {
		return nil, &SyntaxError{MaxLength, fmt.Sprintf("longer than %d bytes", MaxLength)}
	}
	p := parser{lexer: lexer{text: query}}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, p.fail("expected AND, OR or the end; put values with blanks in quotes")
	}
	return e, nil
}

// parser has one method for each level of precedence.
type parser struct {
	lexer
	depth, terms int // to check MaxDepth and MaxTerms
}

func (p *parser) fail(msg string) error { return &SyntaxError{p.pos, msg} }

func (p *parser) or() (Expr, error) {
	x, err := p.and()
	for err == nil && p.keyword("OR") {
		var y Expr
		y, err = p.and()
		x = &OrExpr{x, y}
	}
	return x, err
}

func (p *parser) and() (Expr, error) {
	x, err := p.not()
	for err == nil && p.keyword("AND") {
		var y Expr
		y, err = p.not()
		x = &AndExpr{x, y}
	}
	return x, err
}

func (p *parser) not() (Expr, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail(fmt.Sprintf("nested more than %d deep", MaxDepth))
	}
	defer func() { p.depth-- }()
	if p.keyword("NOT") {
		x, err := p.not()
		return &NotExpr{x}, err
	}
	if !p.accept("(") {
		return p.term()
	}
	return p.group()
}

// group reads what follows an opening parenthesis.
func (p *parser) group() (Expr, error) {
	x, err := p.or()
	if err == nil && !p.accept(")") {
		err = p.fail("expected )")
	}
	return x, err
}

func (p *parser) term() (Expr, error) {
	p.blanks()
	t := &Term{offset: p.pos}
	if t.Token = p.token(); t.Token == "" {
		return nil, p.fail("expected a token")
	}
	var found bool
	if t.Op, found = p.operator(); !found {
		return nil, p.fail("expected one of : = < <= > >= after " + t.Token)
	}
	var err error
	t.Operand, err = p.operand(t.Op)
	return t, err
}

func (p *parser) operand(op Op) (Operand, error) {
	if op != Equal {
		return p.scalar(false)
	}
	switch p.peek() {
	case '[':
		p.pos++
		return p.bracket()
	case '(':
		p.pos++
		return p.parenthesis()
	}
	v, err := p.scalar(false)
	if err != nil || v.Quote != Single {
		return v, err
	}
	return p.unwrap(v)
}

// scalar reads one value and counts it.
func (p *parser) scalar(inside bool) (Value, error) {
	if p.terms++; p.terms > MaxTerms {
		return Value{}, p.fail(fmt.Sprintf("more than %d values", MaxTerms))
	}
	return p.value(inside)
}

// bracket reads the rest of [a, b] or [a .. b].
func (p *parser) bracket() (Operand, error) {
	low, err := p.scalar(true)
	if err != nil {
		return nil, err
	}
	if p.dots() {
		return p.high(low, "]")
	}
	list := List{low}
	for p.accept(",") {
		v, err := p.scalar(true)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if !p.accept("]") {
		return nil, p.fail("expected , or ]")
	}
	return list, nil
}

// parenthesis reads the rest of (a .. b) or of a nested expression.
func (p *parser) parenthesis() (Operand, error) {
	start, terms := p.pos, p.terms
	if low, err := p.scalar(true); err == nil && p.dots() {
		return p.high(low, ")")
	}
	p.pos, p.terms = start, terms
	x, err := p.group()
	return &Nested{x}, err
}

// high reads the rest of a range.
func (p *parser) high(low Value, closing string) (Operand, error) {
	high, err := p.scalar(true)
	if err == nil && !p.accept(closing) {
		err = p.fail("expected " + closing)
	}
	return Range{Low: low, High: high, Exclusive: closing == ")"}, err
}

// unwrap reads the range in a value such as '[now-7d ... now]', because sample queries of the
// vendor have ranges in single quotes.
func (p *parser) unwrap(v Value) (Operand, error) {
	if !strings.HasPrefix(v.Text, "[") || !strings.HasSuffix(v.Text, "]") || !strings.Contains(v.Text, "..") {
		return v, nil
	}
	inner := parser{lexer: lexer{text: v.Text, pos: 1}}
	o, err := inner.bracket()
	if err != nil || inner.peek() != 0 {
		return v, nil //nolint:nilerr // not a range, but a text in quotes
	}
	if r, isRange := o.(Range); isRange {
		p.terms++
		r.Low.offset += v.offset + 1
		r.High.offset += v.offset + 1
		return r, nil
	}
	return v, nil
}
