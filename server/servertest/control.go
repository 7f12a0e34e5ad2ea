package servertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlclient"
)

// Clock tells how the clock of the world runs: GET /_qcs/clock.
func (s *Server) Clock() control.Clock {
	s.t.Helper()
	return answer[control.Clock](s)(s.control().DescribeClock(s.t.Context()))
}

// SetClock makes the clock of the world run in another way: real, offset, frozen or scaled over that which Advance moves: PUT /_qcs/clock.
func (s *Server) SetClock(set control.ClockSetting) control.Clock {
	s.t.Helper()
	return answer[control.Clock](s)(s.control().SetClock(s.t.Context(), set))
}

// SetScanProfile says how long scans take and how they end: PUT /_qcs/scan-profile.
func (s *Server) SetScanProfile(p control.ScanProfile) {
	s.t.Helper()
	answer[control.ScanProfile](s)(s.control().SetScanProfile(s.t.Context(), p))
}

// Force puts a schedule into a status, from which it goes on as if it had got there by itself: PUT /_qcs/registry/{registryId}/schedule/{scheduleId}/status.
func (s *Server) Force(registryID, scheduleID string, status api.Status) {
	s.t.Helper()
	body := control.ForcedStatus{Status: control.ForcedStatusStatus(status)}
	answer[control.ForcedStatus](s)(s.control().ForceSchedule(s.t.Context(), registryID, scheduleID, body))
}

func (s *Server) control() *controlclient.Client {
	return &controlclient.Client{Server: s.URL + "/", Client: s.HTTP(), RequestEditors: []controlclient.RequestEditorFn{func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+s.Token())
		return nil
	}}}
}

// answer reads what a control call answers; anything but a 200 ends the test.
func answer[T any](s *Server) func(*http.Response, error) T {
	return func(response *http.Response, err error) (t T) {
		s.t.Helper()
		if err != nil {
			s.t.Fatalf("control: %v", err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			s.t.Fatalf("control: %s %s: %d %s %s %v", response.Request.Method, response.Request.URL.Path, response.StatusCode, response.Header.Get("X-QCS-Detail"), body, err)
		}
		if err := json.Unmarshal(body, &t); err != nil {
			s.t.Fatalf("control: %v", err)
		}
		return t
	}
}
