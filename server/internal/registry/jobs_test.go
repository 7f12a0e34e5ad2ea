package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// TestRulesHaveAllStatuses checks that the table of statuses has all statuses of the document, so that the tests cover them.
func TestRulesHaveAllStatuses(t *testing.T) {
	t.Parallel()
	var document struct {
		Components struct {
			Schemas struct {
				Status struct{ Enum []api.Status } `json:"Status"`
			}
		}
	}
	if err := json.Unmarshal(openapi.JSON, &document); err != nil {
		t.Fatal(err)
	}
	want, got := document.Components.Schemas.Status.Enum, slices.Clone(allStatuses)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); len(want) != 14 || diff != "" {
		t.Errorf("(-document +rules):\n%s", diff)
	}
}

// TestFailingJobDoesNotBlockOthers checks that a job with failures comes after the others, and has failed after some attempts.
func TestFailingJobDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r", api.StatusRunning)
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertJob(ctx, store.Job{Job: control.Job{JobID: "bad", Kind: "Nonsense", State: control.JobStateAccepted, Accepted: tx.Now}})
	})
	good, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("scheduleUuid:*")))
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for range 10 {
		if _, err := w.Step(t.Context()); err != nil {
			failures++
		}
	}
	if job, err := w.DescribeJob(w.ctx(t), good); err != nil || job.State != control.JobStateFinished || job.Changed != 1 {
		t.Errorf("the good job: got %+v, %v", job, err)
	}
	if job, err := w.DescribeJob(w.ctx(t), "bad"); err != nil || job.State != control.JobStateFailed || job.Error == "" || job.Ended == 0 || failures != 5 {
		t.Errorf("the bad job: got %+v, %v after %d failures", job, err, failures)
	}
}

// TestJobsRunInTheOrderOfAcceptance checks that a cancel runs before a later delete, even if the clock stands still.
func TestJobsRunInTheOrderOfAcceptance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 20 {
		r := fmt.Sprint("r", i)
		w.registry(t, r, api.StatusRunning)
		w.ids = 1000 - 2*i // so that later jobs have smaller ids
		if _, err := w.CancelSchedules(w.ctx(t), r, registry.Select(nil, new("scheduleUuid:*"))); err != nil {
			t.Fatal(err)
		}
		if _, err := w.DeleteSchedules(w.ctx(t), r, registry.Select(nil, new("scheduleUuid:*"))); err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		if left := w.statuses(t, r); len(left) != 0 {
			t.Errorf("%s: got the schedules %v, want none", r, left)
		}
	}
}

func TestJobIgnoresIdsOfLaterSchedules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r", api.StatusQueued)
	id, err := w.CancelSchedules(w.ctx(t), "r", registry.Select([]string{"r-Queued", "r-Running"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertSchedule(ctx, store.Schedule{Schedule: api.Schedule{ScheduleUUID: "r-Running", Status: api.StatusRunning, Filters: filters()}, RegistryID: "r"})
	})
	w.settle(t)
	if job, err := w.DescribeJob(w.ctx(t), id); err != nil || job.Changed != 1 || job.Skipped["NotFound"] != 1 {
		t.Errorf("got %+v, %v", job, err)
	}
}

// TestDeleteByBody checks that the call with ids in the body skips only Running and BaselineRunning (client v1.1); the bulk call of release notes 1.15 also skips Queued and Unknown.
func TestDeleteByBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r", allStatuses...)
	var ids []string
	for id := range w.statuses(t, "r") {
		ids = append(ids, id)
	}
	selection := registry.Select(ids, nil)
	selection.ByBody = true
	if _, err := w.DeleteSchedules(w.ctx(t), "r", selection); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if diff := cmp.Diff(map[string]api.Status{"r-Running": api.StatusRunning, "r-BaselineRunning": api.StatusBaselineRunning}, w.statuses(t, "r")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFewMatchesAreReadInBatches checks that a step reads a bounded number of schedules if few of them match.
func TestFewMatchesAreReadInBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	w.queued(t, "r", 2500)
	id, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("scheduleUuid:[s0001, s2400]")))
	if err != nil {
		t.Fatal(err)
	}
	var progress []string
	for range 3 {
		if _, err := w.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		job, err := w.DescribeJob(w.ctx(t), id)
		if err != nil {
			t.Fatal(err)
		}
		progress = append(progress, fmt.Sprint(job.Done, "/", job.Total, " ", job.Changed))
	}
	if got := strings.Join(progress, ", "); got != "1000/2500 1, 2000/2500 1, 2500/2500 2" {
		t.Errorf("got %s", got)
	}
}

// TestTwoRunnersOnOneDatabase checks that two runners do all work exactly once.
func TestTwoRunnersOnOneDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 10 {
		w.registry(t, fmt.Sprint("r", i), allStatuses...)
		if _, err := w.CancelSchedules(w.ctx(t), fmt.Sprint("r", i), registry.Select(nil, new("scheduleUuid:*"))); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 2)
	for range 2 {
		go func() {
			for {
				worked, err := w.Step(context.Background())
				if err != nil || !worked {
					done <- err
					return
				}
			}
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i := range 10 {
		r, _, err := w.DescribeRegistry(w.ctx(t), fmt.Sprint("r", i))
		if err != nil || r.ScheduleStatusList["Canceled"] != 7 || r.ScheduleStatusList["Running"] != 0 {
			t.Errorf("got %v, %v, want 7 Canceled", r.ScheduleStatusList, err)
		}
	}
}

// TestBatchSizeWhenMatchesIncrease checks that a job reads larger batches while few schedules match, but does not change more of them in one batch when many match.
func TestBatchSizeWhenMatchesIncrease(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		filter string
		few    string // the name of the schedules that come first
		later  bool   // they are added after the job was accepted
	}{
		"others":     {"name:wanted", "other", false},
		"later ones": {"status:Queued", "wanted", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.registry(t, "r")
			add := func(name string, n int, ago time.Duration) {
				w.write(t, func(ctx context.Context, tx *store.Tx) error {
					all := make([]store.Schedule, n)
					for i := range all {
						all[i] = store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprint(name, ago, i), Name: name, Status: api.StatusQueued, Filters: filters(), Created: tx.Now.Add(-ago)}, RegistryID: "r"}
					}
					return tx.InsertSchedules(ctx, all)
				})
			}
			if !tt.later {
				add(tt.few, 3000, time.Hour)
			}
			add("wanted", 6000, 0)
			s, _, _ := services(w.store, registry.Options{Adapt: true, NewID: func() string { return "job" }})
			id, err := s.CancelSchedules(w.ctx(t), "r", registry.Select(nil, &tt.filter))
			if err != nil {
				t.Fatal(err)
			}
			if tt.later {
				add(tt.few, 3000, time.Hour)
			}
			steps := jobSteps(t, s, w.ctx(t), id)
			if largest := slices.Max(steps); largest > 3000 {
				t.Errorf("got %d changes in one batch, want at most 3000", largest)
			}
			if job, err := s.DescribeJob(w.ctx(t), id); err != nil || job.Changed != 6000 || job.Matched != 6000 {
				t.Errorf("got %+v, %v", job, err)
			}
		})
	}
}

// jobSteps works on a job until it has ended, and returns how many schedules each step changed.
func jobSteps(t *testing.T, s *registry.Service, ctx context.Context, id string) (changed []int) {
	t.Helper()
	for before, worked := 0, true; worked; {
		var err error
		if worked, err = s.Step(ctx); err != nil {
			t.Fatal(err)
		}
		job, err := s.DescribeJob(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		changed = append(changed, job.Changed-before)
		before = job.Changed
	}
	return changed
}

// TestNoJobOfADroppedWorld checks that a call in a world that was just dropped does not add a job.
func TestNoJobOfADroppedWorld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	if err := w.worlds.DropWorld(w.ctx(t), worldName); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeleteRegistries(w.ctx(t), store.Selection{IDs: []string{"r"}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete registries: got %v", err)
	}
	if _, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("status:*"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("cancel schedules: got %v", err)
	}
	if open, err := w.OpenJobs(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("got %v, %v", open, err)
	}
}

// TestMoreMatchThanWhenAJobWasAccepted checks the numbers of such a job.
func TestMoreMatchThanWhenAJobWasAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	schedule, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()})
	if err != nil {
		t.Fatal(err)
	}
	id, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("status:Queued")))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ForceSchedule(w.ctx(t), "r", schedule, api.StatusQueued); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	job, err := w.DescribeJob(w.ctx(t), id)
	if err != nil || job.Total != 1 || job.Done != 1 || job.Matched != 1 || job.Changed != 1 {
		t.Errorf("got %+v, %v", job, err)
	}
	if found, err := w.store.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the check found %q, %v", found, err)
	}
}

// TestAReportThatCannotBeMadeStopsNothing checks that a schedule of reports whose filter this version does not accept
// leaves its report out, and that other work is done.
func TestAReportThatCannotBeMadeStopsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	body := api.ReportScheduleRequest{Name: "n", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY, ExpireAfter: 7, EventTime: w.now, Filter: "tokenOfAnotherVersion:1"}
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.PutReportSchedule(ctx, store.ReportSchedule{ReportScheduleRequest: body, ID: "s", DueAt: tx.Now})
		return err
	})
	if _, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.settle(t)
	if got := w.only(t, "r").Status; got != api.StatusFinished {
		t.Errorf("got %s, want Finished", got)
	}
}
