package registry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/qcsdev/qcs/server/internal/store"
)

// held are the worlds whose background work is done by Settle alone.
type held struct {
	mu     sync.RWMutex   // held for reading while Step works
	worlds map[string]int // how often
}

// Hold leaves the background work of a world to Settle: Step does none of it any more when Hold
// returns, until it is released as often as it was held.
func (s *Service) Hold(world string) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if s.held.worlds == nil {
		s.held.worlds = map[string]int{}
	}
	s.held.worlds[world]++
}

// holding is how long a world is kept from other processes at a time.
const holding = time.Minute

// mark tells other processes that work on the same database whether the world is held.
func (s *Service) mark(ctx context.Context, d time.Duration) error {
	if !s.store.Shared() {
		return nil
	}
	return s.write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.HoldWorld(ctx, d) })
}

// Release gives the background work of a world back to Step.
func (s *Service) Release(world string) {
	s.held.mu.Lock()
	if s.held.worlds[world]--; s.held.worlds[world] <= 0 {
		delete(s.held.worlds, world)
	}
	s.held.mu.Unlock()
	s.wake()
}

// others is where Step may work until done is called.
func (h *held) others() (scope store.Scope, done func()) {
	h.mu.RLock()
	return store.Scope{Except: slices.Sorted(maps.Keys(h.worlds))}, h.mu.RUnlock
}
