package registry

import (
	"context"
	"sync"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// pages is what is remembered of lists: the last ones, and the last registries, as they are asked
// for again and again until something has happened; how many registries match; and where pages of
// schedules end, so that the next one is found by its key, as to skip a hundred thousand rows takes
// as long as reading them.
type pages struct {
	registries memory[seen[api.Registries]]
	schedules  memory[seen[api.Schedules]]
	details    memory[api.RegistryDetails]
	totals     memory[int]
	ends       memory[store.Mark]
}

// forget forgets all pages.
func (p *pages) forget() {
	p.registries.forget()
	p.schedules.forget()
	p.details.forget()
	p.totals.forget()
	p.ends.forget()
}

// memory holds what was found out about pages. It counts only while the registries and schedules of
// the world are the same, which a counter in the database tells: no answer depends on what was
// asked before, or on which replica.
type memory[V any] struct {
	mu     sync.Mutex
	worlds map[string]*found[V]
	size   int // of all worlds, in bytes
}

// found is what was found out about a world at a revision. Nobody changes what was found.
type found[V any] struct {
	revision int64
	all      map[pageKey]*V
	size     int
}

// pageKey names a page of a list; the total of a list is that of its page 0.
type pageKey struct {
	world, registry, filter, sort string
	number, size                  int
}

// Bounds of what is remembered, in bytes: of each kind, beyond which all is forgotten; of a page;
// of a filter; and how much is reckoned for anything, whatever it is.
const (
	maxMemory = 2 << 20
	maxPage   = 128 << 10
	maxFilter = 512
	least     = 200
)

// last gives what is remembered, if anything is, and of which revision.
func (m *memory[V]) last(k pageKey) (v *V, revision int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.worlds[k.world]; w != nil {
		return w.all[k], w.revision
	}
	return nil, 0
}

// get gives what is remembered for a revision, if anything is.
func (m *memory[V]) get(k pageKey, revision int64) *V {
	if v, of := m.last(k); of == revision {
		return v
	}
	return nil
}

// put remembers something that was found at a revision, and forgets what was found of the world at
// others.
func (m *memory[V]) put(k pageKey, revision int64, v V, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size += least + len(k.filter); m.worlds == nil || m.size+size > maxMemory {
		m.worlds, m.size = map[string]*found[V]{}, 0
	}
	w := m.worlds[k.world]
	if w == nil || w.revision != revision {
		if w != nil {
			m.size -= w.size
		}
		w = &found[V]{revision: revision, all: map[pageKey]*V{}}
		m.worlds[k.world] = w
	}
	if _, known := w.all[k]; known { // by somebody who asked at the same time
		return
	}
	w.all[k] = &v
	w.size, m.size = w.size+size, m.size+size
}

func (m *memory[V]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.worlds, m.size = nil, 0
}

// current gives what is remembered and still true, if anything is. What goes wrong here goes wrong
// again for who reads.
func current[V any](ctx context.Context, s *store.Store, m *memory[V], k pageKey) *V {
	v, of := m.last(k)
	if v == nil {
		return nil
	}
	if revision, err := s.Revision(ctx, k.world); err != nil || revision != of {
		return nil
	}
	return v
}

// lasting reports whether a filter selects the same rows at any time: it compares nothing with a
// time, which may be one before now.
func lasting(f qql.Filter) bool {
	for field := range qql.Fields(f) {
		if field.Kind == qql.Time {
			return false
		}
	}
	return true
}

// seen is a page with its rows, and the list that it is of.
type seen[V any] struct {
	page V
	list store.List
}

// asked is a page of a list that somebody asks for; of the schedules of a registry, or of all
// registries.
type asked struct {
	Query
	resource store.Resource
	registry string
}

// reading is how a page is read that is not remembered.
type reading struct {
	tx       *store.Tx
	list     store.List
	key      pageKey
	lasts    bool // it may be remembered,
	revision int64
}

// lister gives pages of a list.
type lister[V any] struct {
	*Service
	memory *memory[seen[V]]
	read   func(context.Context, reading) (page V, size int, err error)
}

// page gives a page that is remembered, or reads it. Callers share it: they must not change it.
func (s lister[V]) page(ctx context.Context, a asked) (page V, err error) {
	k := pageKey{
		WorldOf(ctx),
		a.registry,
		or(a.Filter, ""),
		or(a.Sort, ""),
		or(a.PageNumber, 1),
		or(a.PageSize, defaultPageSize),
	}
	if found := current(ctx, s.store, s.memory, k); found != nil {
		noteTokens(ctx, a.resource, found.list)
		return found.page, nil
	}
	err = s.store.Read(ctx, k.world, func(tx *store.Tx) error {
		if a.registry != "" {
			if err := tx.HasRegistry(ctx, a.registry); err != nil {
				return err
			}
		}
		r := reading{tx: tx, key: k}
		if r.list, err = list(ctx, a.Query, a.resource, tx.Now); err != nil {
			return err
		}
		if r.lasts = lasting(r.list.Filter) && len(k.filter) <= maxFilter; r.lasts {
			if r.revision, err = tx.Revision(ctx); err != nil {
				return err
			}
		}
		var size int
		page, size, err = s.read(ctx, r)
		if err == nil && r.lasts && size <= maxPage {
			s.memory.put(k, r.revision, seen[V]{page, r.list}, size)
		}
		return err
	})
	return page, err
}

// Bytes of rows in memory without their texts, reckoned.
const (
	scheduleSize = 500
	targetSize   = 100
	errorSize    = 500
	registrySize = 1000
)

// readSchedules reads a page of the schedules of a registry, and says how many bytes it has, more
// or less.
func (s *Service) readSchedules(ctx context.Context, r reading) (page api.Schedules, size int, err error) {
	rows, total, err := s.schedules(ctx, r)
	page = api.Schedules{Data: make([]api.Schedule, len(rows)), Count: total}
	for i, row := range rows {
		page.Data[i] = row.Schedule
		size += scheduleSize + len(row.Name)
		for _, f := range row.Filters {
			for _, t := range f.RepoTags {
				tag, _ := t.Tag.Get()
				size += targetSize + len(t.Repo) + len(tag)
			}
		}
		for _, e := range row.Errors {
			size += errorSize + len(e.ErrorMessage)
		}
	}
	return page, size, err
}

// readRegistries reads a page of the registries.
func (s *Service) readRegistries(ctx context.Context, r reading) (page api.Registries, size int, err error) {
	all, total, err := s.registries(ctx, r)
	for _, one := range all {
		size += registrySize + len(one.RegistryURI) + len(one.RegistryName)
	}
	return api.Registries{Data: all, Count: total}, size, err
}

func (s *Service) schedules(ctx context.Context, r reading) ([]store.Schedule, int, error) {
	if !r.lasts || !r.list.ByCreation() {
		return r.tx.Schedules(ctx, r.key.registry, r.list)
	}
	before := r.key
	before.number--
	r.list.After = s.pages.ends.get(before, r.revision)
	all, total, err := r.tx.Schedules(ctx, r.key.registry, r.list)
	if err == nil && len(all) == r.list.Size {
		last := all[len(all)-1]
		s.pages.ends.put(
			r.key, r.revision, store.Mark{Created: last.Created, ID: last.ScheduleUUID}, len(last.ScheduleUUID),
		)
	}
	return all, total, err
}

func (s *Service) registries(ctx context.Context, r reading) ([]api.Registry, int, error) {
	if !r.lasts {
		return r.tx.Registries(ctx, r.list)
	}
	k := pageKey{world: r.key.world, filter: r.key.filter}
	r.list.Total = s.pages.totals.get(k, r.revision)
	all, total, err := r.tx.Registries(ctx, r.list)
	if err == nil && r.list.Total == nil {
		s.pages.totals.put(k, r.revision, total, 0)
	}
	return all, total, err
}
