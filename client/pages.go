package client

import (
	"context"
	"iter"
	"reflect"
)

// List says which part of a list is wanted, and how. The zero value is all of it.
type List struct {
	Filter   string // a query in QQL; see package qql
	Sort     string // token:asc or token:desc
	PageSize int    // items asked for at once, 1 to 1000; default 100
	Page     int    // first page, counted from 1
	Limit    int    // items at most; 0 for all
}

// defaultPageSize is what integrations ask for; the vendor's own default is 50.
const defaultPageSize = 100

// query is what the generated client takes: absent values stay absent on the wire.
type query struct {
	filter, sort *string
	page, size   *int
}

func (l List) query(page int) query {
	q := query{page: &page, size: new(l.PageSize)}
	if l.Filter != "" {
		q.filter = &l.Filter
	}
	if l.Sort != "" {
		q.sort = &l.Sort
	}
	return q
}

// page is what all lists answer.
type page[T any] struct {
	Data  []T
	Count int
}

// pages goes through a list page by page, as the caller asks for items. It ends with the first error, and when a page comes twice.
func pages[T any](ctx context.Context, l List, fetch func(context.Context, query) (page[T], error)) iter.Seq2[T, error] {
	if l.PageSize == 0 {
		l.PageSize = defaultPageSize
	}
	return func(yield func(T, error) bool) {
		var none T
		var before page[T]
		for number, seen := max(l.Page, 1), 0; ; number++ {
			p, err := fetch(ctx, l.query(number))
			if err == nil && len(p.Data) > 0 && reflect.DeepEqual(p.Data, before.Data) {
				err = ErrRepeatedPage
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range p.Data {
				if seen++; !yield(item, nil) || seen == l.Limit {
					return
				}
			}
			// A short page is the last, unless the count says that the service only gives fewer at once.
			if behind := (max(l.Page, 1) - 1) * l.PageSize; len(p.Data) == 0 || len(p.Data) < l.PageSize && behind+seen >= p.Count {
				return
			}
			before = p
		}
	}
}
