package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/servertest"
)

// platform makes the emulator look like a vendor's platform: without the Server header.
type platform struct{ next http.RoundTripper }

func (p platform) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/_qcs/") {
		return nil, errors.New("a platform was asked for a job")
	}
	answer, err := p.next.RoundTrip(r)
	if err == nil {
		answer.Header.Del("Server")
	}
	return answer, err
}

func onPlatform(srv *servertest.Server) *client.Client {
	return srv.Client(client.WithHTTPClient(&http.Client{Transport: platform{srv.HTTP().Transport}}))
}

// TestWaitOnAPlatform: Wait polls the schedules of the ids or of the snapshot; without them it fails.
func TestWaitOnAPlatform(t *testing.T) {
	t.Parallel()
	const registry = registryID
	for _, tt := range []struct {
		name string
		call func(*client.Client) (*client.Job, error)
		want client.Result
		err  error
	}{
		{"cancel by ids", func(c *client.Client) (*client.Job, error) {
			return c.CancelSchedules(t.Context(), registry, client.IDs("0a1d9b9a-3bab-42ec-a894-4d5969a47616", "f677b189-8b54-46ba-9d24-624b7e98767d", "nosuch", "nosuch"))
		}, client.Result{Matched: 2, Changed: 1, Skipped: map[string]int{"Finished": 1, "NotFound": 1}}, nil},
		{"delete by ids", func(c *client.Client) (*client.Job, error) {
			return c.DeleteSchedules(t.Context(), registry, client.IDs("0a1d9b9a-3bab-42ec-a894-4d5969a47616", "f677b189-8b54-46ba-9d24-624b7e98767d"))
		}, client.Result{Matched: 2, Changed: 1, Skipped: map[string]int{"Running": 1}}, nil},
		{"cancel by filter, with a snapshot", func(c *client.Client) (*client.Job, error) {
			return c.CancelSchedules(t.Context(), registry, client.Filter("status:[Running, Error]").Snapshot(3))
		}, client.Result{Matched: 3, Changed: 2, Skipped: map[string]int{"Error": 1}}, nil},
		{"delete all, with a snapshot", func(c *client.Client) (*client.Job, error) {
			return c.DeleteSchedules(t.Context(), registry, client.All().Snapshot(100))
		}, client.Result{Matched: 8, Changed: 4, Skipped: map[string]int{"Running": 2, "Queued": 1, "Unknown": 1}}, nil},
		{"a filter that matches nothing", func(c *client.Client) (*client.Job, error) {
			return c.CancelSchedules(t.Context(), registry, client.Filter("status:Paused").Snapshot(3))
		}, client.Result{Skipped: map[string]int{}}, nil},
		{"without a snapshot", func(c *client.Client) (*client.Job, error) {
			return c.CancelSchedules(t.Context(), registry, client.All())
		}, client.Result{}, client.ErrNotWaitable},
		{"of registries", func(c *client.Client) (*client.Job, error) { return c.DeleteRegistries(t.Context(), "x") }, client.Result{}, client.ErrNotWaitable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := servertest.New(t, servertest.WithSeed("release-notes"))
			job, err := tt.call(onPlatform(srv))
			if err != nil {
				t.Fatal(err)
			}
			result, err := job.Wait(t.Context(), nil)
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, result); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("what was skipped and has gone on since is not waited for", func(t *testing.T) {
		t.Parallel()
		srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		job := must(onPlatform(srv).DeleteSchedules(t.Context(), registry, client.IDs("5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a02", "5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a03")))
		looks := 0
		result, err := job.Wait(t.Context(), func(int, int) {
			if looks++; looks == 1 { // one is Queued, which the job skips, the other not done yet
				srv.Settle()
				srv.Force(registry, "5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a02", api.StatusFinished)
			}
		})
		if diff := cmp.Diff(client.Result{Matched: 2, Changed: 1, Skipped: map[string]int{"Queued": 1}}, result); err != nil || diff != "" {
			t.Errorf("%v after %d looks (-want +got):\n%s", err, looks, diff)
		}
	})
	t.Run("too many for a snapshot", func(t *testing.T) {
		t.Parallel()
		srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		if job, err := onPlatform(srv).CancelSchedules(t.Context(), registry, client.All().Snapshot(7)); !errors.Is(err, client.ErrTooMany) || job != nil || srv.Step() {
			t.Errorf("got %v, %v, want ErrTooMany and nothing begun", job, err)
		}
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// TestLongListsAreSplit: ids that are too long for one query are sent in several calls, in order, as one job.
func TestLongListsAreSplit(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t)
	c := srv.Client()
	registry, err := c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	var ids, sent []string
	for i := range 300 {
		id, err := c.CreateSchedule(t.Context(), registry, api.ScheduleRequest{Name: fmt.Sprint(i), OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	longest := 0
	seen := client.WithHooks(client.Hooks{Before: func(r *http.Request) *http.Request {
		if r.URL.Query().Has("scheduleIds") {
			longest = max(longest, len(r.URL.RequestURI()))
			sent = append(sent, r.URL.Query()["scheduleIds"]...)
		}
		return r
	}})
	job, err := srv.Client(seen).CancelSchedules(t.Context(), registry, client.IDs(append(ids, ids[0])...))
	if err != nil {
		t.Fatal(err)
	}
	result, err := job.Wait(t.Context(), nil)
	if err != nil || result.Changed != 300 || len(job.IDs) != 3 || !slices.Equal(sent, ids) || longest > 8000 {
		t.Errorf("got %+v, %v of jobs %v, %d ids in lines of at most %d", result, err, job.IDs, len(sent), longest)
	}
}

// TestALaterPartFails: the job of the earlier batches is not lost.
func TestALaterPartFails(t *testing.T) {
	t.Parallel()
	var w wire
	c := w.start(t, func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "last") {
			says(http.StatusBadRequest, "application/json", `{}`)(rw, r)
			return
		}
		says(http.StatusOK, "application/json", `{"CancelJobId":"first"}`)(rw, r)
	})
	job, err := c.CancelSchedules(t.Context(), "r", client.IDs(strings.Repeat("x", 7150), "last"))
	if !errors.Is(err, client.ErrInvalid) || job == nil || !slices.Equal(job.IDs, []string{"first"}) {
		t.Errorf("got %+v, %v, want the first job with the error", job, err)
	}
	if job, err := c.CancelSchedules(t.Context(), "r", client.IDs("last")); err == nil || job != nil {
		t.Errorf("got %+v, %v", job, err)
	}
}
