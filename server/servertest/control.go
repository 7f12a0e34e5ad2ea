package servertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
)

// Control returns a client of the control API for the world of User: clock, faults, snapshots,
// journal. NewWorld and the other calls on worlds are made with it as well.
func (s *Server) Control() *emulator.Client {
	s.t.Helper()
	return emulator.New(s.URL, s.Token(), s.HTTP())
}

// must ends the test when a control call fails.
func must[T any](s *Server) func(T, error) T {
	return func(value T, err error) T {
		s.t.Helper()
		if err != nil {
			s.t.Fatalf("control: %v", err)
		}
		return value
	}
}

// Clock returns the clock of the world.
func (s *Server) Clock() control.Clock {
	s.t.Helper()
	return must[control.Clock](s)(s.Control().Clock(s.t.Context()))
}

// SetClock makes the world's clock real, offset, frozen or scaled over that which Advance moves.
func (s *Server) SetClock(set control.ClockSetting) control.Clock {
	s.t.Helper()
	return must[control.Clock](s)(s.Control().SetClock(s.t.Context(), set))
}

// SetScanProfile says how long scans take and how they end.
func (s *Server) SetScanProfile(p control.ScanProfile) {
	s.t.Helper()
	must[any](s)(nil, s.Control().SetScanProfile(s.t.Context(), p))
}

// Force puts a schedule into a status, from which it goes on as if it had got there by itself.
func (s *Server) Force(registryID, scheduleID string, status api.Status) {
	s.t.Helper()
	must[any](s)(nil, s.Control().Force(s.t.Context(), registryID, scheduleID, string(status)))
}

// Fault makes calls fail from now on. If no call has failed when the test ends, and the fault was
// not removed, the test fails; see WithSpareFaults.
func (s *Server) Fault(r control.FaultRequest) control.Fault {
	s.t.Helper()
	return must[control.Fault](s)(s.Control().AddFault(s.t.Context(), r))
}

// Seed empties the world and loads a named seed, such as "release-notes".
func (s *Server) Seed(name string) {
	s.t.Helper()
	must[any](s)(nil, s.Control().ResetWorld(s.t.Context(), s.world, control.WorldReset{Seed: name}))
}

// Requests lists the calls that match a query in QQL, the oldest first; the empty one matches all.
func (s *Server) Requests(filter string) []control.Exchange {
	s.t.Helper()
	calls := must[[]control.Exchange](s)(s.Control().Journal(s.t.Context(), filter))
	slices.Reverse(calls)
	return calls
}

// Save saves the world as a snapshot, to which Restore can return.
func (s *Server) Save(name string) control.Snapshot {
	s.t.Helper()
	return must[control.Snapshot](s)(s.Control().Save(s.t.Context(), name))
}

// Restore restores the world from a snapshot.
func (s *Server) Restore(name string) {
	s.t.Helper()
	must[any](s)(nil, s.Control().Restore(s.t.Context(), name))
}

// Verify fails the test, which goes on, unless the calls so far meet an expectation. The error
// lists the nearest calls, with the conditions that they do not meet.
func (s *Server) Verify(e control.Expectation) {
	s.t.Helper()
	verdict := must[control.Verdict](s)(s.Control().Verify(s.t.Context(), e))
	if verdict.Met {
		return
	}
	s.t.Errorf("got %d calls%s, want %s%s", verdict.Matched, expected(e), verdict.Expected, emulator.Unmet(verdict))
}

// expected says which calls an expectation is about.
func expected(e control.Expectation) (text string) {
	if e.Operation != "" {
		text += " of " + e.Operation
	}
	if e.User != "" {
		text += " by " + e.User
	}
	if e.Filter != "" {
		text += " that match " + e.Filter
	}
	if match, err := json.Marshal(e.Match); err == nil && string(match) != "{}" {
		text += " that match " + string(match)
	}
	return text
}

// describe is a line about a call.
func describe(c control.Exchange) string {
	path := c.Path
	if c.Query != "" {
		path += "?" + c.Query
	}
	at := c.At.Time().UTC().Format("15:04:05.000")
	return strings.TrimRight(fmt.Sprintf(
		"%4d %s %s: %s %s %d %s %s", c.Seq, at, c.Operation, c.Method, path, c.Status, c.Fault, c.Detail,
	), " ")
}

// checkFaults fails the test for each fault that no call has met.
func (s *Server) checkFaults() {
	for _, f := range s.server.Faults(s.world) {
		if f.Hits > 0 || s.t.Skipped() {
			continue
		}
		text, _ := json.Marshal(f) // cannot fail: it was JSON before
		s.t.Errorf(
			"the fault %s was never applied: %d calls matched its operation and user: %s", f.FaultID, f.Calls, text,
		)
	}
}

// logCalls logs the calls of a test that has failed.
func (s *Server) logCalls() {
	if !s.t.Failed() {
		return
	}
	for _, e := range s.server.Journal(s.world) {
		s.t.Log(describe(e))
	}
	for _, e := range s.server.Unmatched() {
		if e.World == "" { // the others are in the journal
			s.t.Logf("matches no operation or no user: %s; the nearest: %s", describe(e), cmp.Or(e.Nearest, "none"))
		}
	}
}
