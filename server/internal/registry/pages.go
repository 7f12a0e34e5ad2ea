package registry

import (
	"context"
	"sync"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// pages remember how many registries match, and where pages of lists of schedules end, so that the next one is found by its key: to skip a hundred thousand rows takes as long as reading them. What is remembered counts only while the
// registries and schedules of the world are the same, which a counter in the database tells: no answer depends on what was asked before, or on which replica.
type pages struct {
	mu     sync.Mutex
	ends   map[pageKey]pageEnd
	totals map[pageKey]pageTotal // of registries, as no counter knows them; the keys are of page 0
}

// pageTotal is the number of all rows of a list at a revision of the world.
type pageTotal struct {
	revision int64
	total    int
}

// total gives the number of all rows of a list, if it is remembered for a revision.
func (p *pages) total(k pageKey, revision int64) *int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, known := p.totals[k]; known && t.revision == revision {
		return &t.total
	}
	return nil
}

func (p *pages) putTotal(k pageKey, t pageTotal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.totals == nil || len(p.totals) >= maxEnds {
		p.totals = map[pageKey]pageTotal{}
	}
	p.totals[k] = t
}

// pageKey names a page of a list.
type pageKey struct {
	world, registry, filter, sort string
	number, size                  int
}

// pageEnd is the last row of a page, and the revision of the world that it was read at.
type pageEnd struct {
	revision int64
	mark     store.Mark
}

// Bounds of what is remembered: pages, beyond which all is forgotten, and bytes of a filter.
const (
	maxEnds       = 10_000
	maxRemembered = 512
)

// before gives the end of the page before one, if it is remembered for a revision.
func (p *pages) before(k pageKey, revision int64) *store.Mark {
	k.number--
	p.mu.Lock()
	defer p.mu.Unlock()
	if end, known := p.ends[k]; known && end.revision == revision {
		return &end.mark
	}
	return nil
}

func (p *pages) put(k pageKey, end pageEnd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends == nil || len(p.ends) >= maxEnds {
		p.ends = map[pageKey]pageEnd{}
	}
	p.ends[k] = end
}

// forget forgets all pages.
func (p *pages) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends, p.totals = nil, nil
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
	if !l.ByCreation() || !lasting(l.Filter) || len(k.filter) > maxRemembered {
		return tx.Schedules(ctx, k.registry, l)
	}
	revision, err := tx.Revision(ctx)
	if err != nil {
		return nil, 0, err
	}
	l.After = s.pages.before(k, revision)
	all, total, err := tx.Schedules(ctx, k.registry, l)
	if err == nil && len(all) == l.Size {
		last := all[len(all)-1]
		s.pages.put(k, pageEnd{revision, store.Mark{Created: last.Created, ID: last.ScheduleUUID}})
	}
	return all, total, err
}

// registries reads a page of the registries.
func (s *Service) registries(ctx context.Context, tx *store.Tx, filter string, l store.List) ([]api.Registry, int, error) {
	if !lasting(l.Filter) || len(filter) > maxRemembered {
		return tx.Registries(ctx, l)
	}
	revision, err := tx.Revision(ctx)
	if err != nil {
		return nil, 0, err
	}
	k := pageKey{world: tx.World, filter: filter}
	l.Total = s.pages.total(k, revision)
	all, total, err := tx.Registries(ctx, l)
	if err == nil && l.Total == nil {
		s.pages.putTotal(k, pageTotal{revision, total})
	}
	return all, total, err
}
