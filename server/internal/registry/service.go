// Package registry holds the rules of registries and schedules: what may happen to them, how
// schedules live, and how bulk jobs work.
//
// A public method of Service is one transaction: it reads, decides and writes. It decides by tables
// and pure functions. The package knows no HTTP and no SQL text; the time comes from the
// transaction.
package registry

import (
	"context"

	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/report"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Options of a Service.
type Options struct {
	Store   *store.Store
	Scans   *scan.Service
	Reports *report.Service
	NewID   func() string // gives new UUIDs
	// Wake is called when there may be background work; default: nothing.
	Wake func()
	// Enqueue is called with each job that was accepted; default: nothing.
	Enqueue func(store.JobKey)
	// Sources list what registries contain. The contents of registries that no source handles are
	// made up.
	Sources scan.Sources
	// Adapt lets bulk jobs change more or fewer rows in a transaction, by how long one takes; else
	// the number is always the same.
	Adapt bool
	// Lenient lets pass what openapi.Refusals says that --strictness=vendor lets pass.
	Lenient bool
}

// Service is the rules at work on a store. It is safe for concurrent use.
type Service struct {
	Options
	paused paused
	batch  batchSize
}

// New returns the rules of a store.
func New(o Options) *Service {
	s := &Service{Options: o}
	s.batch.size.Store(batchRows)
	if s.Adapt {
		s.batch.size.Store(batchRows / 2) // until it is known how long a batch takes
	}
	if s.Wake == nil {
		s.Wake = func() {}
	}
	if s.Enqueue == nil {
		s.Enqueue = func(store.JobKey) {}
	}
	return s
}

func (s *Service) read(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Read(ctx, call.World(ctx), f)
}

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Write(ctx, call.World(ctx), f)
}
