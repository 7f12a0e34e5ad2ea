package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/qcsdev/qcs/openapi"
)

// clockCache remembers the clocks of worlds for those who read a SQLite file: each request asks
// twice. What this process writes makes it forget; what another writes, as "qcsd reset" may, is
// seen after a second at the latest.
type clockCache struct {
	mu         sync.Mutex
	all        map[string]remembered
	committing int    // transactions whose commit is under way
	commits    uint64 // how often all was forgotten
}

type remembered struct {
	clock Clock
	at    openapi.Millis // by the clock of the store
}

const remembers = time.Second

// get gives a clock that is remembered.
func (c *clockCache) get(world string, now openapi.Millis) (Clock, bool) {
	if c == nil {
		return Clock{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.all[world]
	return r.clock, ok && c.committing == 0 && now >= r.at && now < r.at.Add(remembers)
}

// count says how often all was forgotten: ask before you read what put is to remember.
func (c *clockCache) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commits
}

// state is count, and whether no commit is under way.
func (c *clockCache) state() (commits uint64, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commits, c.committing == 0
}

// put remembers a clock that was read outside a transaction, unless something was written since.
func (c *clockCache) put(world string, r remembered, since uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.commits == since && c.committing == 0 {
		c.all[world] = r
	}
}

// forget is called before a commit, and what it gives after it.
func (c *clockCache) forget() (done func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.committing++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.committing--
		c.commits++
		clear(c.all)
	}
}

// Time is what the clock of a world shows. One query needs no transaction.
func (s *Store) Time(ctx context.Context, world string) (now openapi.Millis, err error) {
	switch {
	case s.readers != nil:
		return s.remembered(ctx, world)
	case s.dialect.shared:
		err = s.try(ctx, func() error {
			tx, err := s.tx(ctx, s.read).In(ctx, world)
			now = tx.Now
			return err
		})
	default:
		err = s.Read(ctx, world, func(tx *Tx) error {
			now = tx.Now
			return nil
		})
	}
	return now, err
}

// remembered is Time for a SQLite file.
func (s *Store) remembered(ctx context.Context, world string) (now openapi.Millis, err error) {
	machine := s.machine(ctx)
	if clock, known := s.clocks.get(world, machine); known {
		return clock.At(machine), nil
	}
	since := s.clocks.count()
	var clock Clock
	err = s.readers.with(ctx, func(r *reader) error {
		tx := s.tx(ctx, r)
		tx.World = world
		clock, err = tx.Clock(ctx)
		return err
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return machine, nil
	case err == nil:
		s.clocks.put(world, remembered{clock, machine}, since)
	}
	return clock.At(machine), err
}
