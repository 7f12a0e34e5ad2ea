package servertest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"

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

// Fault makes calls fail from now on.
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

// logCalls logs the calls of a test that has failed.
func (s *Server) logCalls() {
	if !s.t.Failed() {
		return
	}
	for _, e := range s.server.Journal(s.world) {
		s.t.Logf(
			"%4d %s %-6s %s?%s %d %s %s", e.Seq, e.At.Time().UTC().Format("15:04:05.000"), e.Method, e.Path,
			e.Query, e.Status, e.Fault, e.Detail,
		)
	}
}

// errReset is what a call finds whose connection the emulator has cut.
var errReset = errors.New("connection reset by the emulator")

// serve calls the handler as a server does, and reports whether the handler cut the connection.
func (t transport) serve(recorder *httptest.ResponseRecorder, r *http.Request) (cut bool) {
	defer func() {
		cause := recover()
		cut = cause != nil
		if err, _ := cause.(error); cut && !errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
	}()
	t.handler.ServeHTTP(recorder, r)
	return false
}
