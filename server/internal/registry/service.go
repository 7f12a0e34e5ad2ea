// Package registry holds the rules of the emulator: what may happen to registries and schedules,
// how schedules live, and how bulk jobs work.
//
// A public method of Service is one transaction: it reads, decides and writes. What it decides by
// are tables and pure functions. The package knows no HTTP and no SQL text; time comes from the
// transaction.
package registry

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// RuleError says which rule a request breaks.
type RuleError struct {
	Rule string // name of an openapi.Refusal
	Msg  string // a sentence for people
}

func (e *RuleError) Error() string { return e.Msg }

func broken(rule, format string, args ...any) error {
	return &RuleError{rule, fmt.Sprintf(format, args...)}
}

// Options of a Service.
type Options struct {
	Store *store.Store
	NewID func() string // a new UUID
	Pace  Pace
	Wake  func() // called when there may be background work; may be nil
	// Accepted is told of each job that was accepted; it may be nil.
	Accepted func(store.JobKey)
	// Sources say what registries hold; the first that speaks for one counts. The contents of
	// others are made up.
	Sources []Source
	// Adapt makes bulk jobs look at more or fewer rows in a transaction, by how long one takes;
	// else it is always the same number.
	Adapt bool
	// Lenient lets pass what openapi.Refusals says that --strictness=vendor does.
	Lenient bool
}

// Service is the rules at work on a store. It is safe for concurrent use.
type Service struct {
	store *store.Store
	newID func() string
	pace  Pace
	wake  func()
	held  held
	chunk adaptive
	pages pages
	adapt bool // the chunk
	// accepted is told of jobs.
	accepted func(store.JobKey)
	// sources say what registries hold.
	sources []Source
	// lenient lets rules of ours pass.
	lenient bool
}

// New gives the rules of a store.
func New(o Options) *Service {
	s := &Service{
		store:    o.Store,
		newID:    o.NewID,
		pace:     o.Pace,
		wake:     o.Wake,
		accepted: o.Accepted,
		sources:  o.Sources,
		lenient:  o.Lenient,
		adapt:    o.Adapt,
	}
	s.chunk.size.Store(chunk)
	if s.adapt {
		s.chunk.size.Store(chunk / 2) // until it is known how long they take
	}
	if s.wake == nil {
		s.wake = func() {}
	}
	if s.accepted == nil {
		s.accepted = func(store.JobKey) {}
	}
	return s
}

// Call is what the rules are told of who calls.
type Call interface {
	World() string    // whose data it is about
	Note(text string) // takes a choice of ours that the answer rests on
}

type callKey struct{}

// WithCall says what is known of who calls with a context.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallOf is what WithCall has said; nil when nobody has.
func CallOf(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}

// world is a call of our own: nobody reads what it rests on.
type world string

// World implements Call.
func (w world) World() string { return string(w) }

// Note implements Call.
func (world) Note(string) {}

// WithWorld says which world the calls with a context belong to, and nothing else.
func WithWorld(ctx context.Context, name string) context.Context { return WithCall(ctx, world(name)) }

// WorldOf is the world that the calls with a context belong to.
func WorldOf(ctx context.Context) string {
	if c := CallOf(ctx); c != nil {
		return c.World()
	}
	return ""
}

type idsKey struct{}

// WithIDs says where the calls with a context take new ids from.
func WithIDs(ctx context.Context, draw func() string) context.Context {
	return context.WithValue(ctx, idsKey{}, draw)
}

// id is a new id.
func (s *Service) id(ctx context.Context) string {
	if draw, ok := ctx.Value(idsKey{}).(func() string); ok {
		return draw()
	}
	return s.newID()
}

func (s *Service) read(ctx context.Context, f func(*store.Tx) error) error {
	return s.store.Read(ctx, WorldOf(ctx), f)
}

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.store.Write(ctx, WorldOf(ctx), f)
}

// Query is what all lists take: filter, sort and page.
type Query = api.ListRegistriesParams

// Page size when the caller gives none (swagger 2021).
const defaultPageSize = 50

// list binds a query to the tokens of a resource.
func list(ctx context.Context, q Query, r store.Resource, now openapi.Millis) (store.List, error) {
	l := store.List{Page: or(q.PageNumber, 1), Size: or(q.PageSize, defaultPageSize)}
	var err error
	if order := or(q.Sort, ""); order != "" {
		if l.Sort, err = qql.ParseSort(order, r.Schema); err != nil {
			return l, fmt.Errorf("sort: %w", err)
		}
	}
	if l.Filter, err = filter(or(q.Filter, ""), r, qql.Options{Now: int64(now)}); err == nil {
		noteTokens(ctx, r, l)
	}
	return l, err
}

// or is the value that a pointer points to, if it points to any.
func or[T any](value *T, absent T) T {
	if value == nil {
		return absent
	}
	return *value
}

// filter reads a filter; the empty text is none.
func filter(text string, r store.Resource, o qql.Options) (qql.Filter, error) {
	if text == "" {
		return nil, nil
	}
	e, err := qql.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	f, err := qql.Bind(e, r.Schema, o)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return f, nil
}
