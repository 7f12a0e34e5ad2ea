package server_test

import (
	"net/http"
	"testing"

	"github.com/qcsdev/qcs/server/servertest"
)

// TestResponsesNameOurChoices checks that X-QCS-Detail names the choices that a response depends on,
// and that other responses have no X-QCS-Detail.
func TestResponsesNameOurChoices(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	schedules := base + "/" + sampleRegistry + "/schedule"
	for _, tt := range []struct {
		name, method, target, want string
	}{
		{"documented tokens", "GET", schedules + "?filter=status:Running%20AND%20NOT%20scheduleUuid:x", ""},
		{"a bulk call", "POST", schedules + "/cancel?filter=status:Running", ""},
		{"no filter", "GET", base, ""},
		{"chosen tokens, each once", "GET", schedules + "?filter=name:a%20OR%20name:b%20OR%20repo:c&sort=created:desc", `token "name" (chosen); token "filters.repoTags.repo" (chosen); token "created" (chosen)`},
		{"the response of a single cancel", "POST", schedules + "/5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a02/cancel", "answer of CancelSchedule (chosen)"},
		{"a cell of the table of statuses", "DELETE", schedules + "/5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a06", "answer of DeleteSchedule (chosen); delete of a schedule in state Unknown (chosen)"},
		{"the control API", "GET", "/_qcs/clock", ""},
	} {
		got := send(t, srv, request{method: tt.method, target: tt.target})
		if got.want(t, http.StatusOK); got.header.Get("X-QCS-Detail") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.header.Get("X-QCS-Detail"), tt.want)
		}
	}
	refusal := send(t, srv, request{method: "GET", target: schedules + "?filter=name:a&sort=nosuch"})
	if refusal.refused(t, http.StatusBadRequest, "rule filter-token"); refusal.header.Get("X-QCS-Detail")[:5] != "sort:" {
		t.Errorf("got %q, want the refusal alone", refusal.header.Get("X-QCS-Detail"))
	}
}
