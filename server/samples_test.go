package server_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/servertest"
)

// The ids in the samples of the release notes.
const (
	sampleRegistry = "0a1d9b9a-3bab-42ec-a894-4d5969a47616"
	oddCancel      = "eale91f1-2686-45af-827f-2ec9ee4"
	oddDelete      = "eale91f1-2686-45af-827f-2a2ec9ee4"
)

// TestReleaseNotesSamples makes each sample call of release notes 1.12 and 1.15 as printed (except for
// host and token), in the order of the notes, on the data of the seed.
func TestReleaseNotesSamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, target, key string
		changed                   int
		skipped                   map[string]int
	}{
		{"1.15 cancel by ids, the same id twice", http.MethodPost, base + "/" + sampleRegistry + "/schedule/cancel?scheduleIds=0a1d9b9a-3bab-42ec-a894-4d5969a47616&scheduleIds=0a1d9b9a-3bab-42ec-a894-4d5969a47616", "CancelJobId", 1, nil},
		{"1.15 cancel by filter", http.MethodPost, base + "/" + sampleRegistry + "/schedule/cancel?filter=status%3ARunning", "CancelJobId", 2, nil},
		{"1.15 cancel all, empty ids beside the filter, a registry id that is no UUID", http.MethodPost, base + "/" + oddCancel + "/schedule/cancel?scheduleIds=&filter=scheduleUuid%3A%2A", "CancelJobId", 2, map[string]int{"Finished": 1}},
		{"1.15 delete by ids, the same id twice", http.MethodDelete, base + "/" + sampleRegistry + "/schedule/bulk?scheduleIds=f677b189-8b54-46ba-9d24-624b7e98767d&scheduleIds=f677b189-8b54-46ba-9d24-624b7e98767d", "deletionJobId", 1, nil},
		{"1.15 delete by filter", http.MethodDelete, base + "/" + sampleRegistry + "/schedule/bulk?scheduleIds=&filter=status%3AFinished", "deletionJobId", 2, nil},
		{"1.15 delete all", http.MethodDelete, base + "/" + oddDelete + "/schedule/bulk?scheduleIds=&filter=scheduleUuid%3A%2A", "deletionJobId", 2, map[string]int{"Running": 1}},
		{"1.12 delete one registry", http.MethodDelete, base + "?registryIds=8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb", "deletionJobId", 1, nil},
		{"1.12 delete two registries", http.MethodDelete, base + "?registryIds=8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb&registryIds=9b251e3e-52f3-2b6a-a6a7-678ff0d5e2eb", "deletionJobId", 2, nil},
		{"1.12 delete with the trailing slash of the heading", http.MethodDelete, base + "/?registryIds=8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb", "deletionJobId", 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
			body := send(t, srv, request{method: tt.method, target: tt.target}).want(t, http.StatusOK)
			if !regexp.MustCompile(`^\{"` + tt.key + `":"[0-9a-f-]{36}"\}$`).MatchString(body) {
				t.Errorf("got %s, want an object with %s alone", body, tt.key)
			}
			job := jobState(t, srv, field(t, body, tt.key))
			if tt.skipped == nil {
				tt.skipped = map[string]int{}
			}
			if job.State != control.JobStateFinished || job.Changed != tt.changed {
				t.Errorf("got %s with %d changed, want Finished with %d", job.State, job.Changed, tt.changed)
			}
			if diff := cmp.Diff(tt.skipped, job.Skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSampleSequence makes the sample calls one after the other on the same data, so that a later call
// does not find what an earlier one has deleted.
func TestSampleSequence(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	c := srv.Client()
	target := base + "/" + sampleRegistry + "/schedule"
	for _, step := range []struct {
		method, target string
		want           map[string]int
	}{
		{http.MethodPost, target + "/cancel?filter=status%3ARunning", map[string]int{"Canceled": 3, "Finished": 2, "Queued": 1, "Error": 1, "Unknown": 1}},
		{http.MethodDelete, target + "/bulk?scheduleIds=&filter=status%3AFinished", map[string]int{"Canceled": 3, "Queued": 1, "Error": 1, "Unknown": 1}},
		{http.MethodDelete, target + "/bulk?scheduleIds=&filter=scheduleUuid%3A%2A", map[string]int{"Queued": 1, "Unknown": 1}},
	} {
		send(t, srv, request{method: step.method, target: step.target}).want(t, http.StatusOK)
		srv.Settle()
		if diff := cmp.Diff(step.want, statuses(t, c, sampleRegistry)); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.target, diff)
		}
		r, err := c.DescribeRegistry(t.Context(), sampleRegistry)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, map[string]int(r.ScheduleStatusList)); diff != "" {
			t.Errorf("scheduleStatusList after %s (-want +got):\n%s", step.target, diff)
		}
	}
}

// TestSeededSchedulesKeepTheirStatus checks that the sample filter status:Running still finds schedules
// long after the start.
func TestSeededSchedulesKeepTheirStatus(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	before := statuses(t, srv.Client(), sampleRegistry)
	srv.Advance(servertest.Start.Sub(servertest.Start.AddDate(-1, 0, 0)))
	if diff := cmp.Diff(before, statuses(t, srv.Client(), sampleRegistry)); diff != "" {
		t.Errorf("after a year (-before +after):\n%s", diff)
	}
}
