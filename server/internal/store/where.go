package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// Resource is a list that can be filtered and sorted: its tokens and their columns.
type Resource struct {
	Schema  qql.Schema
	Order   qql.Sort // the default
	columns map[string]string
	groups  map[string]string // conditions on sub-objects; see any
	classes map[string]openapi.Class
}

// Class returns the evidence for a token. A token that no public material shows is our choice.
func (r Resource) Class(f qql.Field) openapi.Class {
	return cmp.Or(r.classes[f.Name()], openapi.Chosen)
}

// shown returns the resource with the class of tokens that public material shows.
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
	Page, Size int // the first page is 1
}

// listQuery is the SQL of a list.
type listQuery[T any] struct {
	resource Resource
	from     string // FROM, and a condition to which that of the filter is added
	key      string // column that makes the order total
	columns  string // the columns to read into fields
	fields   func(*T) []any
}

// read reads a page of a list, and counts all rows that match; args are those of q.from.
func (q listQuery[T]) read(ctx context.Context, tx *Tx, l List, args ...any) (page []T, total int, err error) {
	where := tx.condition(q.resource, l.Filter, args...)
	from := q.from + ` AND ` + where.text
	if total, err = tx.count(ctx, query(from, where.args...)); err != nil {
		return nil, 0, err
	}
	page, err = collect(ctx, tx, q.fields, query(`SELECT `+q.columns+from+l.page(q.resource, q.key), where.args...))
	return page, total, err
}

// where writes the condition of a query. Every value is an argument; the text consists of
// operators, columns of the table of tokens and placeholders only.
type where struct {
	resource Resource
	dialect  sqldb.Dialect
	world    string
	text     strings.Builder
	args     []any
}

// condition compiles a filter, which selects all if it is nil; args come before its arguments.
func (tx *Tx) condition(r Resource, f qql.Filter, args ...any) statement {
	w := &where{resource: r, dialect: tx.Dialect, world: tx.World, args: args}
	if f == nil {
		f = qql.And{}
	}
	w.filter(f)
	return query(w.text.String(), w.args...)
}

func (w *where) filter(f qql.Filter) {
	switch f := f.(type) {
	case qql.And:
		w.join(f, " AND ", "TRUE")
	case qql.Or:
		if field, ids := listOfIDs(f); len(ids) > 1 { // one condition, so that it can use an index
			var text string
			text, w.args = w.dialect.In(w.column(field), ids, w.args...)
			w.text.WriteString(text)
			return
		}
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

// halves writes a list as a balanced tree: databases limit the depth of an expression, and the
// depth of a chain is its length.
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

// any writes the condition that a sub-object matches. In the text of the group, the first verb is
// the condition for the sub-object and the second one the world. The condition can be part of an
// inner query, which shares the numbers of the arguments.
func (w *where) any(a qql.Any) {
	inner := &where{resource: w.resource, dialect: w.dialect, world: w.world, args: w.args}
	inner.filter(a.X)
	w.args = inner.args
	fmt.Fprintf(&w.text, w.resource.groups[a.Group], inner.text.String(), w.value(w.world))
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
	if after := successor(m.Parts[0]); len(m.Parts) == 2 && m.Parts[1] == "" && after != "" {
		// Two comparisons are faster than a pattern, and can use an index.
		fmt.Fprintf(&w.text, "(%[1]s >= %[2]s AND %[1]s < %[3]s)", column, w.value(m.Parts[0]), w.value(after))
		return
	}
	parts := make([]string, len(m.Parts))
	for i, p := range m.Parts {
		parts[i] = w.dialect.Escape(p)
	}
	w.text.WriteString(column + " " + w.dialect.Like + " " + w.value(strings.Join(parts, w.dialect.Any)))
}

// successor returns the first text after all texts with a prefix; "" if it has no such text.
func successor(prefix string) string {
	last, size := utf8.DecodeLastRuneInString(prefix)
	switch last {
	case utf8.RuneError, utf8.MaxRune, 0xD7FF: // the next one is no character
		return ""
	}
	return prefix[:len(prefix)-size] + string(last+1)
}

// listOfIDs returns the values of a list of exact ids, such as scheduleUuid:[a, b].
func listOfIDs(or qql.Or) (field qql.Field, ids []string) {
	for _, f := range or {
		m, ok := f.(qql.Match)
		if !ok || m.Field.Kind != qql.ID || m.Fold || len(m.Parts) != 1 || len(ids) > 0 && m.Field != field {
			return field, nil
		}
		field, ids = m.Field, append(ids, m.Parts[0])
	}
	return field, ids
}

// page returns the order and the bounds of a list. The column key makes the order total.
func (l List) page(r Resource, key string) string {
	order := l.order(r)
	direction := " ASC"
	if order.Desc {
		direction = " DESC"
	}
	text := " ORDER BY " + r.columns[order.Field.Token] + direction
	if r.columns[order.Field.Token] != key {
		text += ", " + key + direction
	}
	return text + fmt.Sprintf(" LIMIT %d OFFSET %d", l.Size, (l.Page-1)*l.Size)
}

// order returns the order of a list of a resource.
func (l List) order(r Resource) qql.Sort {
	if l.Sort.Field.Token == "" {
		return r.Order
	}
	return l.Sort
}

// from adds to a query the condition that a row is the first of a page, or follows it, in an order
// by creation.
func (first Cursor) from(order qql.Sort, s statement) statement {
	operator := ">="
	if order.Desc {
		operator = "<="
	}
	args := append(slices.Clone(s.args), first.Created, first.ID)
	return query(
		s.text+fmt.Sprintf(" AND (created, id) %s ($%d, $%d)", operator, len(args)-1, len(args)), args...,
	)
}
