package client

import (
	"context"
	"iter"
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

// source is a list of the service: how a page is fetched, and by what its items are told apart.
type source[T any] struct {
	fetch func(context.Context, query) (page[T], error)
	key   func(T) string
}

// circle finds out that a service gives the same pages again and again, whatever the length of the
// circle, from two keys alone: that of the page before, and one that is marked ever more rarely.
type circle struct {
	pages, marked int
	mark, before  string
}

// again reports whether a page, known by its first item, was there before.
func (c *circle) again(key string) bool {
	c.pages++
	if c.pages > 1 && (key == c.before || key == c.mark) {
		return true
	}
	if c.before = key; c.pages > 2*c.marked {
		c.mark, c.marked = key, c.pages
	}
	return false
}

// pages goes through a list page by page, as the caller asks for items. It ends with the first
// error, and when a page comes again.
func pages[T any](ctx context.Context, l List, s source[T]) iter.Seq2[T, error] {
	if l.PageSize == 0 {
		l.PageSize = defaultPageSize
	}
	return func(yield func(T, error) bool) {
		var none T
		var c circle
		first, size := max(l.Page, 1), 0
		for number, seen := first, 0; ; number++ {
			p, err := s.fetch(ctx, l.query(number))
			if err == nil && len(p.Data) > 0 && c.again(s.key(p.Data[0])) {
				if seen >= p.Count {
					return // the last page again: the list is complete
				}
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
			// A short page is the last, unless the count says that the service only gives fewer at
			// once than were asked for.
			size = max(size, len(p.Data))
			if len(p.Data) == 0 || len(p.Data) < l.PageSize && (first-1)*size+seen >= p.Count {
				return
			}
		}
	}
}
