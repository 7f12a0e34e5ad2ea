package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
)

// defaultLimit is the number of items that a list shows without --limit or --all. maxPageSize is
// the largest page of the API; a command that reads a whole list uses it.
const (
	defaultLimit = 100
	maxPageSize  = 1000
)

// listCall gives a list of the service; args are the ids before the list.
type listCall[T any] func(ctx context.Context, s *session, args []string, l client.List) iter.Seq2[T, error]

// list is a list of the SDK.
func list[T any](call func(*client.Client, context.Context, client.List) iter.Seq2[T, error]) listCall[T] {
	return func(ctx context.Context, s *session, _ []string, l client.List) iter.Seq2[T, error] {
		return call(s.Client, ctx, l)
	}
}

// listOf is a list of the SDK that belongs to one id.
func listOf[T any](call func(*client.Client, context.Context, string, client.List) iter.Seq2[T, error]) listCall[T] {
	return func(ctx context.Context, s *session, args []string, l client.List) iter.Seq2[T, error] {
		return call(s.Client, ctx, args[0], l)
	}
}

// listAll is a list that the SDK gives as a whole.
func listAll[T any](call func(*client.Client, context.Context) ([]T, error)) listCall[T] {
	return func(ctx context.Context, s *session, _ []string, _ client.List) iter.Seq2[T, error] {
		return every(call(s.Client, ctx))
	}
}

// listAllOf is a list that the SDK gives as a whole and that belongs to one id.
func listAllOf[T any](call func(*client.Client, context.Context, string) ([]T, error)) listCall[T] {
	return func(ctx context.Context, s *session, args []string, _ client.List) iter.Seq2[T, error] {
		return every(call(s.Client, ctx, args[0]))
	}
}

// listing is a command that shows a list of the service.
type listing[T any] struct {
	use, short string
	columns    []string // JSON names of fields, the default columns of table and csv; times are in cells.go
	list       listCall[T]
	flags      func(*cobra.Command) // of this list alone; nil for none
	complete   cobra.CompletionFunc // nil for none
	whole      bool                 // the service gives the whole list in one response, without filter
}

func (l listing[T]) command(p *program) *cobra.Command {
	var query client.List
	var everything bool
	cmd := &cobra.Command{
		Use:               l.use,
		Short:             l.short,
		Args:              argsOf(l.use),
		ValidArgsFunction: l.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			if everything && cmd.Flags().Changed("limit") {
				return &usageError{"give --limit or --all, not both"}
			}
			if query.Limit < 1 || query.PageSize < 1 || query.PageSize > maxPageSize {
				return &usageError{"limit must be at least 1, page size between 1 and 1000"}
			}
			request := query
			if everything {
				request.Limit = 0
			}
			if everything && !cmd.Flags().Changed("page-size") {
				request.PageSize = maxPageSize
			}
			return l.run(cmd, p, args, request)
		},
	}
	query.Limit, query.PageSize, everything = defaultLimit, defaultLimit, l.whole
	if f := cmd.Flags(); !l.whole {
		f.StringVar(&query.Filter, "filter", "", "query in QQL, such as status:Running")
		f.StringVar(&query.Sort, "sort", "", "token:asc or token:desc, such as created:desc")
		f.IntVar(&query.Limit, "limit", defaultLimit, "maximum number of items")
		f.IntVar(&query.PageSize, "page-size", defaultLimit,
			"items per request, 1 to 1000; with --all the default is 1000")
		f.BoolVar(&everything, "all", false, "all items")
	}
	if l.flags != nil {
		l.flags(cmd)
	}
	return cmd
}

// run shows a list.
func (l listing[T]) run(cmd *cobra.Command, p *program, args []string, request client.List) error {
	var none T
	o, err := p.printer(none, l.columns...)
	if err != nil {
		return err
	}
	if request.Limit > 0 {
		request.Limit++ // one more than is printed: its presence means that there are more
	}
	return p.inSession(cmd, func(ctx context.Context, s *session) error {
		if o.flags.output == "jsonl" {
			return stream(o, l.list(ctx, s, args, request), request.Limit)
		}
		var raw []byte
		items := []any{}
		for item, err := range l.list(client.WithRawResponse(ctx, &raw), s, args, request) {
			if err != nil {
				return err
			}
			items = append(items, item)
		}
		return shown(o, items, total(raw, len(items)), request.Limit)
	})
}

// total reads the number of all items from a page; -1 for a list without a total.
func total(raw []byte, shown int) int {
	if bytes.HasPrefix(raw, []byte("[")) {
		return -1
	}
	page := struct{ Count int }{shown}
	_ = json.Unmarshal(raw, &page) // a response without a body is an empty list
	return max(page.Count, shown)
}

// shown prints items, and a hint when there are more. The limit is one more than the number of
// items to print; 0 means no limit.
func shown(o *printer, items []any, count, limit int) error {
	more := limit > 0 && len(items) == limit
	if more {
		items = items[:limit-1]
	}
	if err := o.rows(items, count); err != nil {
		return err
	}
	if more && o.flags.output == "table" {
		fmt.Fprintf(o.stderr, "%d of %d are shown; --limit N or --all shows more\n", limit-1, count)
	}
	return nil
}

// stream prints each item as it arrives, so that memory does not grow with the list. The limit is
// that of shown.
func stream[T any](o *printer, list iter.Seq2[T, error], limit int) error {
	n := 0
	for item, err := range list {
		if err != nil {
			return err
		}
		if n++; n == limit {
			return nil
		}
		if err := o.value(item, nil); err != nil {
			return err
		}
	}
	return nil
}

// getting is a command that shows one thing.
type getting[T any] struct {
	use, short string
	get        func(ctx context.Context, s *session, args []string) (T, error)
	complete   cobra.CompletionFunc // nil for none
}

// describing is a command that shows the thing with an id.
func describing[T any](use, short string, call func(*client.Client, context.Context, string) (T, error)) getting[T] {
	return getting[T]{use: use, short: short, get: func(ctx context.Context, s *session, args []string) (T, error) {
		return call(s.Client, ctx, args[0])
	}}
}

func (g getting[T]) command(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               g.use,
		Short:             g.short,
		Args:              argsOf(g.use),
		ValidArgsFunction: g.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(p, cmd, func(ctx context.Context, s *session) (T, error) { return g.get(ctx, s, args) })
		},
	}
}

// show makes a call and prints the value that it gives.
func show[T any](p *program, cmd *cobra.Command, call func(context.Context, *session) (T, error)) error {
	var none T
	o, err := p.printer(none) // before the call: wrong columns must not change anything
	if err != nil {
		return err
	}
	return p.inSession(cmd, func(ctx context.Context, s *session) error {
		var raw []byte
		value, err := call(client.WithRawResponse(ctx, &raw), s)
		if err != nil {
			return err
		}
		return o.value(value, raw)
	})
}

// every makes an iterator of the result of a call that gives all items.
func every[T any](items []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err != nil {
			yield(none, err)
			return
		}
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
