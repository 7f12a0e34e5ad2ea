// Package registry has the rules of registries and schedules: what may happen to them, the life
// cycle of schedules, and bulk jobs.
//
// A public method of Service is one transaction: it reads, decides and writes. It decides by tables
// and pure functions; the time comes from the transaction. The package must not import net/http and
// contains no SQL text.
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
	NewID   func() string // returns a new UUID
	// Wake is called when there may be background work; default: nothing.
	Wake func()
	// Enqueue is called with each job that was accepted; default: nothing.
	Enqueue func(store.JobKey)
	// Sources list the contents of registries. Without a source, contents are generated.
	Sources scan.Sources
	// Adapt makes the batch size of bulk jobs adaptive.
	Adapt bool
	// Lenient accepts what openapi.Refusals marks as accepted with --strictness=vendor.
	Lenient bool
}

// Service applies the rules to a store. It is safe for concurrent use.
type Service struct {
	Options
	paused paused
	batch  batchSize
}

// New returns a Service.
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

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Write(ctx, call.World(ctx), f)
}
