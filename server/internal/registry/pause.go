package registry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/store"
)

// paused are the worlds whose background work is done by Settle alone.
type paused struct {
	mu     sync.RWMutex   // locked for reading while Step works
	worlds map[string]int // number of calls of Pause without Resume
}

// Pause pauses the runner of a world: when it returns, Step does no background work of the world
// until Resume was called as often as Pause.
func (s *Service) Pause(world string) {
	s.paused.mu.Lock()
	defer s.paused.mu.Unlock()
	if s.paused.worlds == nil {
		s.paused.worlds = map[string]int{}
	}
	s.paused.worlds[world]++
}

// Resume resumes the runner of a world.
func (s *Service) Resume(world string) {
	s.paused.mu.Lock()
	if s.paused.worlds[world]--; s.paused.worlds[world] <= 0 {
		delete(s.paused.worlds, world)
	}
	s.paused.mu.Unlock()
	s.Wake()
}

// scope is where Step may work until done is called.
func (p *paused) scope() (scope store.Scope, done func()) {
	p.mu.RLock()
	return store.Scope{Except: slices.Sorted(maps.Keys(p.worlds))}, p.mu.RUnlock
}

// pauseTime is for how long other replicas leave a paused world alone.
const pauseTime = time.Minute

// PauseReplicas pauses the runners of the other replicas for the world of a call, so that f does
// all background work of the world itself. With one process it is Pause and Resume.
func (s *Service) PauseReplicas(ctx context.Context, f func() error) (err error) {
	world := call.World(ctx)
	s.Pause(world)
	defer s.Resume(world)
	if !s.Store.Shared() {
		return f()
	}
	pause := func(d time.Duration) error {
		return s.write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.PauseWorld(ctx, d) })
	}
	if err := pause(pauseTime); err != nil {
		return err
	}
	defer func() {
		if resumed := pause(0); err == nil {
			err = resumed
		}
	}()
	return f()
}
