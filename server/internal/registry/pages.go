package registry

import (
	"context"
	"sync"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// pages is what is remembered of lists: how many registries match, and where pages of schedules end, so that the next one is found by its key, as to skip a hundred thousand rows takes as long as reading them.
type pages struct {
	totals memory[int]
	ends   memory[store.Mark]
}

// forget forgets all pages.
func (p *pages) forget() {
	p.totals.forget()
	p.ends.forget()
}

// memory holds what was found out about pages. It counts only while the registries and schedules of the world are the same, which a counter in the database tells: no answer depends on what was asked
// before, or on which replica.
type memory[V any] struct {
	mu  sync.Mutex
	all map[pageKey]foundAt[V]
}

// foundAt is something, and the revision of the world that it was found at.
type foundAt[V any] struct {
	revision int64
	value    V
}

// pageKey names a page of a list; the total of a list is that of its page 0.
type pageKey struct {
	world, registry, filter, sort string
	number, size                  int
}

// Bounds of what is remembered: pages, beyond which all is forgotten, and bytes of a filter.
const (
	maxPages  = 10_000
	maxFilter = 512
)

// get gives what is remembered for a revision, if anything is.
func (m *memory[V]) get(k pageKey, revision int64) *V {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, known := m.all[k]; known && found.revision == revision {
		return &found.value
	}
	return nil
}

func (m *memory[V]) put(k pageKey, revision int64, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || len(m.all) >= maxPages {
		m.all = map[pageKey]foundAt[V]{}
	}
	m.all[k] = foundAt[V]{revision, v}
}

func (m *memory[V]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = nil
}

// lasting reports whether a filter selects the same rows at any time: it compares nothing with a time, which may be one before now.
func lasting(f qql.Filter) bool {
	for field := range qql.Fields(f) {
		if field.Kind == qql.Time {
			return false
		}
	}
	return true
}

// schedules reads a page of the schedules of a registry.
func (s *Service) schedules(ctx context.Context, tx *store.Tx, k pageKey, l store.List) ([]store.Schedule, int, error) {
	if !l.ByCreation() || !lasting(l.Filter) || len(k.filter) > maxFilter {
		return tx.Schedules(ctx, k.registry, l)
	}
	revision, err := tx.Revision(ctx)
	if err != nil {
		return nil, 0, err
	}
	before := k
	before.number--
	l.After = s.pages.ends.get(before, revision)
	all, total, err := tx.Schedules(ctx, k.registry, l)
	if err == nil && len(all) == l.Size {
		last := all[len(all)-1]
		s.pages.ends.put(k, revision, store.Mark{Created: last.Created, ID: last.ScheduleUUID})
	}
	return all, total, err
}

// registries reads a page of the registries.
func (s *Service) registries(ctx context.Context, tx *store.Tx, filter string, l store.List) ([]api.Registry, int, error) {
	if !lasting(l.Filter) || len(filter) > maxFilter {
		return tx.Registries(ctx, l)
	}
	revision, err := tx.Revision(ctx)
	if err != nil {
		return nil, 0, err
	}
	k := pageKey{world: tx.World, filter: filter}
	l.Total = s.pages.totals.get(k, revision)
	all, total, err := tx.Registries(ctx, l)
	if err == nil && l.Total == nil {
		s.pages.totals.put(k, revision, total)
	}
	return all, total, err
}
