// Package fault makes calls fail on purpose. It has the faults of each world, with counters, and
// the middleware that applies them. Faults are lost when the process ends.
package fault

import (
	"fmt"
	"slices"
	"sync"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/match"
	"github.com/qcsdev/qcs/server/internal/rule"
)

// Call is a call that faults may match.
type Call struct {
	match.Call
	World string
	Now   openapi.Millis // by the clock of the world
}

// Set has the faults of all worlds. It is safe for concurrent use. The zero value is empty.
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

// faults are the faults of one world.
type faults struct {
	all  []*control.Fault
	last int // number of the newest fault
}

// lock locks the set and returns the faults of a world.
func (s *Set) lock(world string) *faults {
	s.mu.Lock()
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
	w := s.lock(world)
	defer s.mu.Unlock()
	w.last++
	f := control.Fault{
		FaultID: fmt.Sprintf("f%d", w.last), Operation: r.Operation, User: r.User, Match: r.Match, When: r.When,
		Effect: r.Effect, Sequence: r.Sequence,
	}
	w.all = append(w.all, &f)
	return f
}

// List returns the faults of a world in the order in which they are tried.
func (s *Set) List(world string) []control.Fault {
	all, _ := s.Save(world)
	return all
}

// Save returns the faults of a world, and the number of the newest one.
func (s *Set) Save(world string) (all []control.Fault, last int) {
	w := s.lock(world)
	defer s.mu.Unlock()
	all = make([]control.Fault, len(w.all))
	for i, f := range w.all {
		all[i] = *f
	}
	return all, w.last
}

// Load replaces the faults of a world by the results of Save, with their counters.
func (s *Set) Load(world string, all []control.Fault, last int) {
	w := s.lock(world)
	defer s.mu.Unlock()
	w.all, w.last = nil, last
	for _, f := range all {
		w.all = append(w.all, &f)
	}
}

// Remove removes a fault from a world, and reports whether there was one.
func (s *Set) Remove(world, id string) bool {
	w := s.lock(world)
	defer s.mu.Unlock()
	before := len(w.all)
	w.all = slices.DeleteFunc(w.all, func(f *control.Fault) bool { return f.FaultID == id })
	return len(w.all) < before
}

// Clear removes all faults of a world. New faults get new numbers.
func (s *Set) Clear(world string) {
	s.lock(world).all = nil
	s.mu.Unlock()
}

// Drop removes a world.
func (s *Set) Drop(world string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.worlds, world)
}

// NeedsBody reports whether faults of a world depend on the bodies of calls.
func (s *Set) NeedsBody(world string) bool {
	w := s.lock(world)
	defer s.mu.Unlock()
	return slices.ContainsFunc(w.all, func(f *control.Fault) bool { return pattern(*f).NeedsBody() })
}

func pattern(f control.Fault) match.Pattern {
	return match.Pattern{Operation: f.Operation, User: f.User, Call: f.Match}
}

// Match counts a call for all faults that match it, and returns those to apply: latencies, and at
// most one other fault, the oldest. Each has the effect on this call.
func (s *Set) Match(c Call) []control.Fault {
	w := s.lock(c.World)
	defer s.mu.Unlock()
	var applied []control.Fault
	done := false // a fault that is not a latency applies
	for _, f := range w.all {
		if f.Operation == "" && c.Operation == "CreateToken" || !pattern(*f).Matches(&c.Call) {
			continue
		}
		f.Calls++
		effect, due := effectOn(*f, c.Now)
		if !due || done {
			continue
		}
		f.Hits++
		done = effect.Kind != control.FaultEffectKindLatency
		apply := *f
		apply.Effect = effect
		applied = append(applied, apply)
	}
	return applied
}

// effectOn returns the effect on the call that was counted last, if the fault applies to the call.
func effectOn(f control.Fault, now openapi.Millis) (effect control.FaultEffect, due bool) {
	if len(f.Sequence) == 0 {
		return f.Effect, isDue(f, now)
	}
	if f.Calls > int64(len(f.Sequence)) {
		return effect, false
	}
	effect = f.Sequence[f.Calls-1]
	return effect, effect.Kind != control.FaultEffectKindNone && isDue(f, now)
}

// isDue reports whether the timing of a fault selects the call that was counted last.
func isDue(f control.Fault, now openapi.Millis) bool {
	w := f.When
	return (w.First == 0 || f.Calls <= int64(w.First)) &&
		(w.Nth == 0 || f.Calls == int64(w.Nth)) &&
		(w.Every == 0 || f.Calls%int64(w.Every) == 0) &&
		(w.From == 0 || now >= w.From) &&
		(w.Until == 0 || now < w.Until) &&
		(w.Probability == 0 || f.Effect.Kind == control.FaultEffectKindJobItems ||
			call.Draw(w.Seed, f.Calls) < w.Probability)
}

// Check refuses a request for a fault that could not apply as it is meant.
func Check(r control.FaultRequest, users []string) error {
	one, several := r.Effect.Kind != "", len(r.Sequence) > 0
	switch {
	case one == several:
		return rule.Errorf("", "A fault has either an effect or a sequence.")
	case several && (r.When.First != 0 || r.When.Nth != 0 || r.When.Every != 0):
		return rule.Errorf("", "A sequence has an effect for each call: leave out first, nth and every.")
	}
	for _, e := range slices.Concat(r.Sequence, []control.FaultEffect{r.Effect}) {
		if msg := checkEffect(e, r.When); msg != "" {
			return rule.Errorf("", "%s", msg)
		}
	}
	return match.Pattern{Operation: r.Operation, User: r.User, Call: r.Match}.Check(users)
}

// checkEffect returns why an effect with a timing is refused; "" if it is valid.
func checkEffect(e control.FaultEffect, when control.FaultTiming) string {
	needsLatency := e.Kind == control.FaultEffectKindLatency || e.Kind == control.FaultEffectKindSlow
	switch {
	case needsLatency && (e.Latency.Max == 0 || e.Latency.Min > e.Latency.Max):
		return "The effect needs a latency whose max is more than 0 and not less than its min."
	case e.Kind == control.FaultEffectKindRateLimit && e.Status != 0 && e.Status != 409 && e.Status != 429:
		return "A blocked call has the status 429 or 409."
	case e.Kind == control.FaultEffectKindJobItems && when.Probability == 0:
		return "The effect needs a probability: the share of the schedules that fail."
	case when.From != 0 && when.Until != 0 && when.From >= when.Until:
		return "The window ends before it begins."
	}
	return ""
}
