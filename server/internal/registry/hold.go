package registry

import (
	"maps"
	"slices"
	"sync"

	"github.com/qcsdev/qcs/server/internal/store"
)

// held are the worlds whose background work is done by Settle alone.
type held struct {
	mu     sync.RWMutex // held for reading while Step works
	worlds map[string]bool
}

// Hold leaves the background work of a world to Settle: Step does none of it any more when Hold returns.
func (s *Service) Hold(world string) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if s.held.worlds == nil {
		s.held.worlds = map[string]bool{}
	}
	s.held.worlds[world] = true
}

// Release gives the background work of a world back to Step.
func (s *Service) Release(world string) {
	s.held.mu.Lock()
	delete(s.held.worlds, world)
	s.held.mu.Unlock()
	s.wake()
}

// others is where Step may work until done is called.
func (h *held) others() (scope store.Scope, done func()) {
	h.mu.RLock()
	return store.Scope{Except: slices.Sorted(maps.Keys(h.worlds))}, h.mu.RUnlock
}
