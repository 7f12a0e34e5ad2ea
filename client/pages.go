package client

import (
	"iter"
	"net/http"
)

// List selects and orders the items of a list. The zero value selects all.
type List struct {
	Filter   string // a query in QQL; see package qql
	Sort     string // token:asc or token:desc
	PageSize int    // items in one call, 1 to 1000; default 100
	Page     int    // first page, counted from 1
	Limit    int    // items at most; 0 for all
}

// defaultPageSize is the page size of most integrations; the vendor's own default is 50.
const defaultPageSize = 100

// query has the parameters of every list. The parameter types of the generated client have the
// same fields, so that a query converts to each of them.
type query struct {
	Filter     *string
	PageNumber *int
	PageSize   *int
	Sort       *string
}

// query gives the parameters of one page; an absent value is not sent.
func (l List) query(page int) query {
	q := query{PageNumber: &page, PageSize: new(l.PageSize)}
	if l.Filter != "" {
		q.Filter = &l.Filter
	}
	if l.Sort != "" {
		q.Sort = &l.Sort
	}
	return q
}

// page is a page of any list.
type page[T any] struct {
	Data  []T `json:"data"`
	Count int `json:"count"`
}

// loopDetector finds a service that repeats its pages in a loop of any length. It knows a page by
// the key of its first item and keeps two keys: that of the previous page, and that of a page that
// it replaces less and less often (Brent's algorithm).
type loopDetector struct {
	pages, keptPage    int
	keptKey, beforeKey string
}

// repeated reports whether a page with a key came before.
func (d *loopDetector) repeated(key string) bool {
	d.pages++
	if d.pages > 1 && (key == d.beforeKey || key == d.keptKey) {
		return true
	}
	if d.beforeKey = key; d.pages > 2*d.keptPage {
		d.keptKey, d.keptPage = key, d.pages
	}
	return false
}

// pages reads a list page by page while the caller takes items. It ends at the first error, and at
// a page that came before. The function key gives the identity of an item.
func pages[T any](l List, fetch func(query) (*http.Response, error), key func(T) string) iter.Seq2[T, error] {
	if l.PageSize == 0 {
		l.PageSize = defaultPageSize
	}
	return func(yield func(T, error) bool) {
		var none T
		var loop loopDetector
		first, size, count := max(l.Page, 1), 0, 0
		for number := first; ; number++ {
			p, err := decode[page[T]](fetch(l.query(number)))
			if err == nil && len(p.Data) > 0 && loop.repeated(key(p.Data[0])) {
				if count >= p.Count {
					return // the service repeats its last page: the list is complete
				}
				err = ErrRepeatedPage
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range p.Data {
				if count++; !yield(item, nil) || count == l.Limit {
					return
				}
			}
			// A short page is the last one, unless the total says that there are more items: the
			// service may have smaller pages than the client wants.
			size = max(size, len(p.Data))
			if len(p.Data) == 0 || len(p.Data) < l.PageSize && (first-1)*size+count >= p.Count {
				return
			}
		}
	}
}
