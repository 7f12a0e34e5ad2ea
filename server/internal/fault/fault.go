// Package fault decides which calls go wrong on purpose, and how: faults as data, a list for each
// world, with counters. It does nothing to a call itself; package server does. It imports neither
// net/http nor the store: faults live as long as the process.
package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Call is what a fault is held against.
type Call struct {
	World, Operation, User string
	Now                    openapi.Millis // by the clock of the world
}

// Set holds the faults of all worlds. It is safe for concurrent use. The zero value is empty.
type Set struct {
	mu     sync.Mutex
	worlds map[string]*faults
}

// Any reports whether any world has faults.
func (s *Set) Any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.worlds {
		if len(w.all) > 0 {
			return true
		}
	}
	return false
}

// faults are those of one world.
type faults struct {
	all  []*control.Fault
	last int // number of the last one that was added
}

// of gives the faults of a world.
func (s *Set) of(world string) *faults {
	if s.worlds == nil {
		s.worlds = map[string]*faults{}
	}
	if s.worlds[world] == nil {
		s.worlds[world] = &faults{}
	}
	return s.worlds[world]
}

// Add appends a fault to those of a world.
func (s *Set) Add(world string, r control.FaultRequest) control.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.of(world)
	w.last++
	f := &control.Fault{
		FaultID:   fmt.Sprintf("f%d", w.last),
		Operation: r.Operation,
		User:      r.User,
		When:      r.When,
		Effect:    r.Effect,
	}
	w.all = append(w.all, f)
	return *f
}

// List gives the faults of a world in the order in which they are tried.
func (s *Set) List(world string) []control.Fault {
	all, _ := s.Save(world)
	return all
}

// Save gives the faults of a world, and the number of the last one that was added.
func (s *Set) Save(world string) (all []control.Fault, last int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.of(world)
	all = make([]control.Fault, len(w.all))
	for i, f := range w.all {
		all[i] = *f
	}
	return all, w.last
}

// Load gives a world the faults that Save gave, with their counters.
func (s *Set) Load(world string, all []control.Fault, last int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.of(world)
	w.all, w.last = nil, last
	for _, f := range all {
		w.all = append(w.all, &f)
	}
}

// Remove takes a fault away from a world, and reports whether there was one.
func (s *Set) Remove(world, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.of(world)
	before := len(w.all)
	w.all = slices.DeleteFunc(w.all, func(f *control.Fault) bool { return f.FaultID == id })
	return len(w.all) < before
}

// Clear takes all faults away from a world. Their numbers go on.
func (s *Set) Clear(world string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(world).all = nil
}

// Drop forgets a world.
func (s *Set) Drop(world string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.worlds, world)
}

// Meet counts a call, and gives the faults that it meets: any number of latencies, and at most one
// other.
func (s *Set) Meet(c Call) []control.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var met []control.Fault
	for _, f := range s.of(c.World).all {
		if f.Operation != "" && !qql.Glob(f.Operation, c.Operation) || f.User != "" && f.User != c.User {
			continue
		}
		if f.Calls++; !due(*f, c.Now) {
			continue
		}
		f.Hits++
		met = append(met, *f)
		if f.Effect.Kind != control.FaultEffectKindLatency {
			break
		}
	}
	return met
}

// due reports whether the call that was counted last is one that goes wrong.
func due(f control.Fault, now openapi.Millis) bool {
	w := f.When
	return (w.First == 0 || f.Calls <= int64(w.First)) &&
		(w.Nth == 0 || f.Calls == int64(w.Nth)) &&
		(w.Every == 0 || f.Calls%int64(w.Every) == 0) &&
		(w.From == 0 || now >= w.From) &&
		(w.Until == 0 || now < w.Until) &&
		(w.Probability == 0 || f.Effect.Kind == control.FaultEffectKindJobItems ||
			Draw(w.Seed, f.Calls) < w.Probability)
}

// Draw gives a number from 0 to 1 for a seed and something: the same for the same.
func Draw(seed int64, of any) float64 {
	sum := sha256.Sum256(fmt.Append(nil, seed, "/", of))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// Check says what is wrong with a fault that is wanted, or nothing.
func Check(r control.FaultRequest) string {
	e := r.Effect
	needsLatency := e.Kind == control.FaultEffectKindLatency || e.Kind == control.FaultEffectKindSlow
	switch {
	case needsLatency && (e.Latency.Max == 0 || e.Latency.Min > e.Latency.Max):
		return "The effect needs a latency whose max is more than 0 and not less than its min."
	case e.Kind == control.FaultEffectKindRateLimit && e.Status != 0 && e.Status != 409 && e.Status != 429:
		return "A blocked call has the status 429 or 409."
	case e.Kind == control.FaultEffectKindJobItems && r.When.Probability == 0:
		return "The effect needs a probability: the share of the schedules that fail."
	case r.When.From != 0 && r.When.Until != 0 && r.When.From >= r.When.Until:
		return "The window ends before it begins."
	}
	return ""
}
