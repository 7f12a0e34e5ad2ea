package rule

import (
	"fmt"

	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// List is what the parameters of all lists have in common. A list with parameters of its own embeds
// it.
type List struct {
	Filter, Sort         *string
	PageNumber, PageSize *int
}

// defaultPageSize is the size of a page if the caller sets none (swagger 2021).
const defaultPageSize = 50

// Bind binds filter and order to the tokens of a resource, at the time of a transaction, and adds
// to b what they depend on.
func (l List) Bind(r store.Resource, tx *store.Tx, b *Basis) (bound store.List, err error) {
	bound.Page, bound.Size = Or(l.PageNumber, 1), Or(l.PageSize, defaultPageSize)
	if order := Or(l.Sort, ""); order != "" {
		if bound.Sort, err = qql.ParseSort(order, r.Schema); err != nil {
			return bound, fmt.Errorf("sort: %w", err)
		}
	}
	if bound.Filter, err = Filter(Or(l.Filter, ""), r.Schema, qql.Options{Now: int64(tx.Now)}); err != nil {
		return bound, err
	}
	b.query(r, bound)
	return bound, nil
}

// Filter parses a filter and binds it to a table of tokens; the empty text is no filter.
func Filter(text string, s qql.Schema, o qql.Options) (qql.Filter, error) {
	if text == "" {
		return nil, nil
	}
	e, err := qql.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	f, err := qql.Bind(e, s, o)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return f, nil
}

// And returns a filter that matches what f and e match; f may be nil.
func And(f qql.Filter, e qql.Expr, r store.Resource) (qql.Filter, error) {
	bound, err := qql.Bind(e, r.Schema, qql.Options{})
	if err != nil || f == nil {
		return bound, err
	}
	return qql.And{f, bound}, nil
}

// Or returns the value that a pointer points to, or another one for nil.
func Or[T any](value *T, absent T) T {
	if value == nil {
		return absent
	}
	return *value
}
