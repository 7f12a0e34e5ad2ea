package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

// TestIdsCannotBecomeOtherCalls: the SDK sends nothing for an id that would change the path to another operation.
func TestIdsCannotBecomeOtherCalls(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", ".", "..", "bulk", "cancel", "validate", "aws-base"} {
		var w wire
		c := w.start(t, says(http.StatusOK, "application/json", "{}"))
		for name, call := range map[string]func() error{
			"DeleteSchedule":           func() error { return c.DeleteSchedule(t.Context(), "r", id) },
			"CancelSchedule":           func() error { return c.CancelSchedule(t.Context(), id, "s") },
			"UpdateSchedule":           func() error { return c.UpdateSchedule(t.Context(), "r", id, api.ScheduleRequest{}) },
			"CreateSchedule":           func() error { _, err := c.CreateSchedule(t.Context(), id, api.ScheduleRequest{}); return err },
			"DescribeRegistry":         func() error { _, err := c.DescribeRegistry(t.Context(), id); return err },
			"UpdateRegistry":           func() error { return c.UpdateRegistry(t.Context(), id, api.RegistryRequest{}) },
			"DeleteRegistry":           func() error { _, err := c.DeleteRegistry(t.Context(), id); return err },
			"CancelSchedules":          func() error { _, err := c.CancelSchedules(t.Context(), id, client.All()); return err },
			"DeleteSchedules":          func() error { _, err := c.DeleteSchedules(t.Context(), id, client.All()); return err },
			"DeleteSchedulesByBody":    func() error { _, err := c.DeleteSchedulesByBody(t.Context(), id, "s"); return err },
			"DescribeImage":            func() error { _, err := c.DescribeImage(t.Context(), id); return err },
			"ListAssociatedRegistries": func() error { _, err := c.ListAssociatedRegistries(t.Context(), id); return err },
			"DescribeACRConnector":     func() error { _, err := c.DescribeACRConnector(t.Context(), id); return err },
			"DescribeGCPConnector":     func() error { _, err := c.DescribeGCPConnector(t.Context(), id); return err },
			"ListSchedules": func() error {
				for _, err := range c.ListSchedules(t.Context(), id, client.List{}) {
					return err
				}
				return nil
			},
		} {
			if err := call(); err == nil || len(w.calls) > 0 {
				t.Errorf("%s(%q): got %v and calls %q", name, id, err, w.calls)
				w.calls = nil
			}
		}
	}
}

func TestNothingSelectedIsNotSent(t *testing.T) {
	t.Parallel()
	var w wire
	c := w.start(t, says(http.StatusOK, "application/json", "{}"))
	for name, call := range map[string]func() error{
		"IDs()":                 func() error { _, err := c.DeleteSchedules(t.Context(), "r", client.IDs()); return err },
		"IDs(empty)":            func() error { _, err := c.CancelSchedules(t.Context(), "r", client.IDs("", "")); return err },
		"DeleteRegistries":      func() error { _, err := c.DeleteRegistries(t.Context(), ""); return err },
		"DeleteSchedulesByBody": func() error { _, err := c.DeleteSchedulesByBody(t.Context(), "r"); return err },
	} {
		if err := call(); err == nil || len(w.calls) > 0 {
			t.Errorf("%s: got %v and calls %q", name, err, w.calls)
			w.calls = nil
		}
	}
}

// TestRedirectsAreNotFollowed: credentials go to the base URL only, and a DELETE does not become a GET.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("%d: %s %s was called elsewhere", status, r.Method, r.URL)
		}))
		t.Cleanup(elsewhere.Close)
		service := httptest.NewServer(http.RedirectHandler(strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), status))
		t.Cleanup(service.Close)
		h := service.Client()
		t.Cleanup(h.CloseIdleConnections)
		for name, login := range map[string]client.Option{"token": client.WithToken("secret"), "password": client.WithCredentials("u", "secret")} {
			c, err := client.New(client.WithBaseURL(service.URL), client.WithHTTPClient(h), login)
			if err != nil {
				t.Fatal(err)
			}
			if job, err := c.DeleteRegistry(t.Context(), "r"); err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%d with a %s: got %v, %v, want an error without the secret", status, name, job, err)
			}
		}
	}
}
