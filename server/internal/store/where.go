package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// Resource is a list that can be filtered and sorted: its tokens and the columns behind them.
type Resource struct {
	Schema  qql.Schema
	Order   qql.Sort // when the caller gives none
	columns map[string]string
	groups  map[string]string // conditions on sub-objects; %s stands for what the sub-object must match
	classes map[string]openapi.Class
}

// Class says on what a token rests: it is our choice unless something public shows it.
func (r Resource) Class(f qql.Field) openapi.Class {
	return cmp.Or(r.classes[f.Name()], openapi.Chosen)
}

// shown returns the resource with tokens that public material shows.
func (r Resource) shown(c openapi.Class, tokens ...string) Resource {
	r.classes = maps.Clone(r.classes)
	if r.classes == nil {
		r.classes = map[string]openapi.Class{}
	}
	for _, t := range tokens {
		r.classes[t] = c
	}
	return r
}

// token is a row of the table of tokens.
type token struct {
	qql.Field
	column string
}

func resource(order string, groups map[string]string, tokens []token) Resource {
	r := Resource{columns: map[string]string{}, groups: groups}
	for _, t := range tokens {
		r.Schema = append(r.Schema, t.Field)
		r.columns[t.Token] = t.column
	}
	r.Order, _ = qql.ParseSort(order, r.Schema)
	return r
}

// List selects a part of a list.
type List struct {
	Filter     qql.Filter // nil for all
	Sort       qql.Sort
	Page, Size int // counted from 1
}

// where writes the condition of a query. Every value goes into args; only operators, columns of the
// table of tokens and placeholders are written as text.
type where struct {
	resource Resource
	dialect  sqldb.Dialect
	text     strings.Builder
	args     []any
}

// condition compiles a filter; args are those that stand before it in the query. A nil filter gives
// a condition that always holds.
func (tx *Tx) condition(r Resource, f qql.Filter, args ...any) statement {
	w := &where{resource: r, dialect: tx.Dialect, args: args}
	if f == nil {
		f = qql.And{}
	}
	w.filter(f)
	return statement{w.text.String(), w.args}
}

func (w *where) filter(f qql.Filter) {
	switch f := f.(type) {
	case qql.And:
		w.join(f, " AND ", "TRUE")
	case qql.Or:
		w.join(f, " OR ", "FALSE")
	case qql.Not:
		w.text.WriteString("NOT ")
		w.join([]qql.Filter{f.X}, "", "")
	case qql.Any:
		w.any(f)
	case qql.Has:
		w.has(f.Field)
	case qql.Compare:
		w.compare(f)
	case qql.Match:
		w.match(f)
	}
}

func (w *where) join(filters []qql.Filter, operator, none string) {
	if len(filters) == 0 {
		w.text.WriteString(none)
		return
	}
	w.text.WriteByte('(')
	w.halves(filters, operator)
	w.text.WriteByte(')')
}

// halves writes a list as a balanced tree: databases bound the depth of an expression, and a chain
// of a thousand is a thousand deep.
func (w *where) halves(filters []qql.Filter, operator string) {
	if len(filters) == 1 {
		w.filter(filters[0])
		return
	}
	middle := len(filters) / 2
	for i, half := range [][]qql.Filter{filters[:middle], filters[middle:]} {
		if i > 0 {
			w.text.WriteString(operator)
		}
		w.text.WriteByte('(')
		w.halves(half, operator)
		w.text.WriteByte(')')
	}
}

// any looks for a sub-object: a statement of its own whose arguments go on counting.
func (w *where) any(a qql.Any) {
	inner := &where{resource: w.resource, dialect: w.dialect, args: w.args}
	inner.filter(a.X)
	w.args = inner.args
	fmt.Fprintf(&w.text, w.resource.groups[a.Group], inner.text.String())
}

func (w *where) column(f qql.Field) string { return w.resource.columns[f.Token] }

// value adds an argument and writes its placeholder.
func (w *where) value(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) has(f qql.Field) {
	switch {
	case f.Kind == qql.Text, f.Kind == qql.Word, f.Kind == qql.ID:
		w.text.WriteString(w.column(f) + " <> ''")
	case f.Missing():
		w.text.WriteString(w.column(f) + " <> 0")
	default:
		w.text.WriteString("TRUE")
	}
}

func (w *where) compare(c qql.Compare) {
	if c.Field.Kind == qql.Bool {
		w.text.WriteString(w.column(c.Field) + " = " + w.value(c.Number == 1))
		return
	}
	op := string(c.Op)
	if c.Op == qql.Equal {
		op = "="
	}
	text := w.column(c.Field) + " " + op + " " + w.value(c.Number)
	if c.Field.Missing() {
		text = "(" + w.column(c.Field) + " <> 0 AND " + text + ")"
	}
	w.text.WriteString(text)
}

func (w *where) match(m qql.Match) {
	column := w.column(m.Field)
	if m.Fold {
		column = "lower(" + column + ")"
	}
	if len(m.Parts) == 1 {
		w.text.WriteString(column + " = " + w.value(m.Parts[0]))
		return
	}
	parts := make([]string, len(m.Parts))
	for i, p := range m.Parts {
		parts[i] = w.dialect.Escape(p)
	}
	w.text.WriteString(column + " " + w.dialect.Like + " " + w.value(strings.Join(parts, w.dialect.Any)))
}

// page writes order and bounds of a list. The id makes the order total.
func (l List) page(r Resource, id string) string {
	order := l.Sort
	if order.Field.Token == "" {
		order = r.Order
	}
	direction := " ASC"
	if order.Desc {
		direction = " DESC"
	}
	text := " ORDER BY " + r.columns[order.Field.Token] + direction
	if r.columns[order.Field.Token] != id {
		text += ", " + id + direction
	}
	return text + fmt.Sprintf(" LIMIT %d OFFSET %d", l.Size, (l.Page-1)*l.Size)
}

// byCreation reports whether the list is in the order of creation.
func (l List) byCreation() bool {
	return l.Sort.Field.Token == "" || l.Sort.Field.Token == "created"
}

// from adds the condition that a row is not before the one where a page begins.
func (l List) from(c Cursor, s statement) statement {
	operator := "<=" // the default is the newest first
	if l.Sort.Field.Token != "" && !l.Sort.Desc {
		operator = ">="
	}
	args := append(slices.Clone(s.args), c.Created, c.ID)
	return statement{
		s.text + " AND (created, id) " + operator + " ($" + number(len(args)-1) + ", $" + number(len(args)) + ")",
		args,
	}
}

func number(n int) string { return strconv.Itoa(n) }
