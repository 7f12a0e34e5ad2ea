package server_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// modelSchedule is a schedule of the model: its creation, its timing, and the status that stopped it.
type modelSchedule struct {
	created  time.Time
	onDemand bool
	at       time.Duration // of the day, of an automatic one
	stopped  api.Status    // Canceled, Paused or Unknown; "" while its life cycle continues
}

// status calculates the status of a schedule from the time that has passed, unlike the server, which
// goes step by step.
func (s modelSchedule) status(now time.Time) api.Status {
	if s.stopped != "" {
		return s.stopped
	}
	p := server.DefaultPace
	if s.onDemand {
		return walk(now.Sub(s.created), []api.Status{api.StatusCreated, api.StatusQueued, api.StatusRunning, api.StatusFinished}, p.Created, p.Queued, p.Listing+p.Scanning)
	}
	baseline := walk(now.Sub(s.created), []api.Status{api.StatusBaselineCreated, api.StatusBaselineQueued, api.StatusBaselineRunning, api.StatusBaselineCompleted}, p.Created, p.Queued, p.Listing)
	ready := s.created.Add(p.Created + p.Queued + p.Listing)
	first := s.created.Truncate(24 * time.Hour).Add(s.at)
	for !first.After(s.created) || first.Before(ready) {
		first = first.Add(24 * time.Hour)
	}
	if now.Before(first) {
		return baseline
	}
	return walk(now.Sub(first)%(24*time.Hour), []api.Status{api.StatusQueued, api.StatusRunning, api.StatusCompleted}, p.Queued, p.Listing+p.Scanning)
}

// walk returns the status at an age, of statuses with their durations; the last one has no end.
func walk(age time.Duration, statuses []api.Status, lasts ...time.Duration) api.Status {
	for i, d := range lasts {
		if age < d {
			return statuses[i]
		}
		age -= d
	}
	return statuses[len(lasts)]
}

var (
	modelCancel = []api.Status{api.StatusCreated, api.StatusQueued, api.StatusPaused, api.StatusRunning, api.StatusBaselineQueued, api.StatusBaselineRunning}
	modelStays  = []api.Status{api.StatusQueued, api.StatusUnknown, api.StatusRunning, api.StatusBaselineQueued, api.StatusBaselineRunning}
	modelBusy   = []api.Status{api.StatusRunning, api.StatusBaselineRunning}
)

// model makes the same changes on a server and on a model of it.
type model struct {
	srv       *servertest.Server
	client    *client.Client
	registry  string
	schedules map[string]*modelSchedule
}

// check compares all schedules, and the counts of the registry, with the model.
func (m *model) check(t *rapid.T) {
	want, counts := map[string]api.Status{}, map[string]int{}
	for id, s := range m.schedules {
		want[id] = s.status(m.srv.Now())
		counts[string(want[id])]++
	}
	got := map[string]api.Status{}
	for s, err := range m.client.ListSchedules(t.Context(), m.registry, client.List{PageSize: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		got[s.ScheduleUUID] = s.Status
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("statuses at %v (-model +server):\n%s", m.srv.Now(), diff)
	}
	r, err := m.client.DescribeRegistry(t.Context(), m.registry)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(counts, map[string]int(r.ScheduleStatusList)); diff != "" {
		t.Fatalf("counts at %v (-model +server):\n%s", m.srv.Now(), diff)
	}
}

// one draws the id of a schedule, or sometimes an unknown id.
func (m *model) one(t *rapid.T) (string, *modelSchedule) {
	id := rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.schedules)), "nosuch")).Draw(t, "id")
	return id, m.schedules[id]
}

// agree compares the error of a call with that of the model.
func agree(t *rapid.T, err error, exists, allowed bool) {
	switch {
	case !exists && !errors.Is(err, client.ErrNotFound):
		t.Fatalf("got %v, want ErrNotFound", err)
	case exists && !allowed && !errors.Is(err, client.ErrInvalid):
		t.Fatalf("got %v, want ErrInvalid", err)
	case exists && allowed && err != nil:
		t.Fatal(err)
	}
}

func (m *model) create(t *rapid.T) {
	s := &modelSchedule{created: m.srv.Now(), onDemand: rapid.Bool().Draw(t, "onDemand")}
	body := api.ScheduleRequest{OnDemand: &s.onDemand, Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}}
	if !s.onDemand {
		s.at = time.Duration(rapid.IntRange(0, 1439).Draw(t, "minute")) * time.Minute
		body.Schedule = fmt.Sprintf("%02d:%02d", int(s.at.Hours()), int(s.at.Minutes())%60)
	}
	id, err := m.client.CreateSchedule(t.Context(), m.registry, body)
	if err != nil {
		t.Fatal(err)
	}
	m.schedules[id] = s
}

func (m *model) cancel(t *rapid.T) {
	id, s := m.one(t)
	allowed := s != nil && slices.Contains(modelCancel, s.status(m.srv.Now()))
	agree(t, m.client.CancelSchedule(t.Context(), m.registry, id), s != nil, allowed)
	if allowed {
		s.stopped = api.StatusCanceled
	}
}

func (m *model) delete(t *rapid.T) {
	id, s := m.one(t)
	allowed := s != nil && !slices.Contains(modelBusy, s.status(m.srv.Now()))
	agree(t, m.client.DeleteSchedule(t.Context(), m.registry, id), s != nil, allowed)
	if allowed {
		delete(m.schedules, id)
	}
}

// bulk cancels or deletes by ids, by status or all, and compares the result of the job.
func (m *model) bulk(t *rapid.T) {
	statuses := []string{"Created", "Queued", "Running", "Finished", "Completed", "Canceled", "Paused", "BaselineCompleted"}
	chosen := map[string]bool{}
	var selection client.Selection
	switch kind := rapid.SampledFrom([]string{"ids", "status", "all"}).Draw(t, "selection"); kind {
	case "ids":
		ids := rapid.SliceOfN(rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.schedules)), "nosuch")), 1, 4).Draw(t, "ids")
		for _, id := range ids {
			chosen[id] = true
		}
		selection = client.IDs(ids...)
	default:
		selection = client.All()
		status := ""
		if kind == "status" {
			status = rapid.SampledFrom(statuses).Draw(t, "status")
			selection = client.Filter("status:" + status)
		}
		for id, s := range m.schedules {
			if status == "" || string(s.status(m.srv.Now())) == status {
				chosen[id] = true
			}
		}
	}
	want := client.Result{Skipped: map[string]int{}}
	deletes := rapid.Bool().Draw(t, "delete")
	for id := range chosen {
		s := m.schedules[id]
		if s == nil {
			want.Skipped["NotFound"]++
			continue
		}
		want.Matched++
		status := s.status(m.srv.Now())
		switch {
		case deletes && !slices.Contains(modelStays, status):
			want.Changed++
			delete(m.schedules, id)
		case !deletes && slices.Contains(modelCancel, status):
			want.Changed++
			s.stopped = api.StatusCanceled
		default:
			want.Skipped[string(status)]++
		}
	}
	m.finish(t, deletes, selection, want)
}

func (m *model) finish(t *rapid.T, deletes bool, selection client.Selection, want client.Result) {
	start := m.client.CancelSchedules
	if deletes {
		start = m.client.DeleteSchedules
	}
	job, err := start(t.Context(), m.registry, selection)
	if err != nil {
		t.Fatal(err)
	}
	m.srv.Settle()
	got, err := job.Wait(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("result (-model +server):\n%s", diff)
	}
}

// TestModel makes random sequences of calls on the server, through the SDK, and on the model, and
// compares the two after each step.
func TestModel(t *testing.T) {
	t.Parallel()
	sequences, steps := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		srv := newServer(t, servertest.WithoutRunner())
		c := srv.Client()
		m := &model{srv: srv, client: c, registry: newRegistry(t, c, "https://r.example.com"), schedules: map[string]*modelSchedule{}}
		sequences++
		step := func(f func(*rapid.T)) func(*rapid.T) {
			return func(r *rapid.T) {
				steps++
				f(r)
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"create": step(m.create),
			"cancel": step(m.cancel),
			"delete": step(m.delete),
			"bulk":   step(m.bulk),
			"advance": step(func(r *rapid.T) {
				srv.Advance(time.Duration(rapid.SampledFrom([]int{1, 500, 1000, 2000, 8000, 60_000, 3_600_000, 40_000_000, 86_400_000}).Draw(r, "ms")) * time.Millisecond)
			}),
			"stop": step(func(r *rapid.T) {
				id, s := m.one(r)
				if s == nil {
					return
				}
				s.stopped = rapid.SampledFrom([]api.Status{api.StatusPaused, api.StatusUnknown}).Draw(r, "stopped")
				put(t, srv, "/_qcs/registry/"+m.registry+"/schedule/"+id+"/status", `{"status":"`+string(s.stopped)+`"}`).want(t, http.StatusOK)
			}),
			"": m.check,
		})
	})
	t.Logf("%d sequences, %d steps without a difference", sequences, steps)
}
