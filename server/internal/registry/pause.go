package registry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/store"
)

// paused has the worlds whose runner is paused in this process.
type paused struct {
	mu     sync.RWMutex   // locked for reading while Step works
	worlds map[string]int // number of calls of Pause without a call of Resume
}

// Pause pauses the runner of a world. After it returns, Step does no background work of the world
// until Resume has been called as often as Pause. Settle still does.
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

// scope returns the worlds in which Step may work. The caller calls done after the work.
func (p *paused) scope() (scope store.Scope, done func()) {
	p.mu.RLock()
	return store.Scope{Except: slices.Sorted(maps.Keys(p.worlds))}, p.mu.RUnlock
}

// pauseTime bounds the pause of other replicas, in case this one ends without resuming them.
const pauseTime = time.Minute

// PauseReplicas calls f while the runners of all replicas are paused for the world of a call, so
// that f does all background work of the world.
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
	defer func() { err = cmp.Or(err, pause(0)) }()
	return f()
}
