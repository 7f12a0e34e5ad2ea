package registry

import (
	"context"
	"sync"

	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// pages remember where pages of lists of schedules end, so that the next one is found by its key: to skip a hundred thousand rows takes as long as reading them. What is remembered counts only while the
// schedules of the world are the same, which a counter in the database tells: no answer depends on what was asked before, or on which replica.
type pages struct {
	mu   sync.Mutex
	ends map[pageKey]pageEnd
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

// maxEnds bounds what is remembered; beyond it, all is forgotten.
const maxEnds = 10_000

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
	p.ends = nil
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
	if !l.ByCreation() || !lasting(l.Filter) {
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
