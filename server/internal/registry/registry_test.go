package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/rules"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/report"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
	worlds "github.com/qcsdev/qcs/server/internal/world"
)

// allStatuses are all statuses of a schedule.
var allStatuses = func() (all []api.Status) {
	for _, s := range rules.Statuses {
		all = append(all, api.Status(s))
	}
	return all
}()

// databases are copies of an empty database.
var databases = testdb.New(func(url string) error {
	s, err := store.Open(context.Background(), testdb.Database(url), time.Now)
	if err != nil {
		return err
	}
	return s.Close()
})

// world has the rules with a store of their own, and a clock that the test advances.
type world struct {
	*registry.Service
	worlds *worlds.Service
	scans  *scan.Service
	store  *store.Store
	now    time.Time
	ids    int
}

const worldName = "w"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var err error
	if w.store, err = store.Open(t.Context(), testdb.Database(databases.Name(t)), func() time.Time { return w.now }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	newID := func() string { w.ids++; return fmt.Sprintf("id-%d", w.ids) }
	w.Service, w.scans, w.worlds = services(w.store, registry.Options{NewID: newID})
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutWorld(ctx, store.World{Name: worldName, Plan: store.PlanFull}, 0)
	})
	return w
}

// services returns the rules of a store.
func services(s *store.Store, o registry.Options) (*registry.Service, *scan.Service, *worlds.Service) {
	o.Store, o.Scans = s, scan.New(s, scan.DefaultPace)
	o.Reports = report.New(report.Options{Store: s, NewID: o.NewID, Wake: func() {}, Logger: slog.New(slog.DiscardHandler)})
	r := registry.New(o)
	return r, o.Scans, worlds.New(worlds.Options{Store: s, Registry: r, Scans: o.Scans, NewID: o.NewID, Wake: func() {}})
}

func (w *world) ctx(t *testing.T) context.Context {
	return call.WithWorld(t.Context(), worldName)
}

func (w *world) write(t *testing.T, f func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := w.store.Write(t.Context(), worldName, func(tx *store.Tx) error { return f(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

// registry adds a registry with a schedule in each of some statuses, with the status in its id; none of them is ever due.
func (w *world) registry(t *testing.T, id string, statuses ...api.Status) {
	t.Helper()
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertRegistry(ctx, api.RegistryDetails{RegistryUUID: id, RegistryURI: "https://" + id, RegistryType: api.RegistryTypeV2, Created: tx.Now, Updated: tx.Now}); err != nil {
			return err
		}
		for _, status := range statuses {
			s := store.Schedule{Schedule: api.Schedule{ScheduleUUID: id + "-" + string(status), Status: status, Filters: filters(), Created: tx.Now, Updated: tx.Now}, RegistryID: id}
			if err := tx.InsertSchedule(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// queued adds n schedules in state Queued.
func (w *world) queued(t *testing.T, registryID string, n int) {
	t.Helper()
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range n {
			s := store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprintf("s%04d", i), Status: api.StatusQueued, Filters: filters(), Created: tx.Now}, RegistryID: registryID}
			if err := tx.InsertSchedule(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func filters() []api.ScheduleFilter {
	return []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "team/app"}}}}
}

// statuses reads the status of each schedule of a registry by its id.
func (w *world) statuses(t *testing.T, id string) map[string]api.Status {
	t.Helper()
	page, _, err := w.ListSchedules(w.ctx(t), id, rule.List{PageSize: new(1000)})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]api.Status{}
	for _, s := range page.Data {
		found[s.ScheduleUUID] = s.Status
	}
	return found
}

// settle does all background work.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for {
		worked, err := w.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

func ruleOf(err error) string {
	var violated *rule.ViolationError
	if errors.As(err, &violated) {
		return violated.Rule
	}
	return ""
}

// TestEveryActionOnEveryStatus applies each action to a schedule in each status, and checks the status after it.
func TestEveryActionOnEveryStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.ctx(t)
	for _, status := range allStatuses {
		for _, tt := range []struct {
			action rules.Action
			do     func(registryID, id string) (rule.Basis, error)
			after  api.Status
		}{
			{rules.Cancel, func(r, id string) (rule.Basis, error) { return w.CancelSchedule(ctx, r, id) }, api.StatusCanceled},
			{rules.Delete, func(r, id string) (rule.Basis, error) { return w.DeleteSchedule(ctx, r, id) }, ""},
			{rules.Update, func(r, id string) (rule.Basis, error) {
				return w.UpdateSchedule(ctx, r, id, api.ScheduleRequest{OnDemand: new(false), Schedule: "10:00", Filters: filters()})
			}, status},
		} {
			r := fmt.Sprintf("%s-%s", status, tt.action)
			w.registry(t, r, status)
			id := r + "-" + string(status)
			want := map[string]api.Status{id: tt.after}
			if tt.after == "" {
				want = map[string]api.Status{}
			}
			_, err := tt.do(r, id)
			if !rules.Can(tt.action, status) {
				want = map[string]api.Status{id: status}
				if ruleOf(err) != openapi.WrongState {
					t.Errorf("%s of a schedule in state %s: got %v, want rule %s", tt.action, status, err, openapi.WrongState)
				}
			} else if err != nil {
				t.Errorf("%s of a schedule in state %s: %v", tt.action, status, err)
			}
			if diff := cmp.Diff(want, w.statuses(t, r)); diff != "" {
				t.Errorf("%s of a schedule in state %s (-want +got):\n%s", tt.action, status, diff)
			}
		}
	}
}

func TestBulkOnEveryStatus(t *testing.T) {
	t.Parallel()
	for name, byIDs := range map[string]bool{"by filter": false, "by ids": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, tt := range []struct {
				registry string
				action   rules.Action
				start    func(ctx context.Context, id string, s store.Selection) (string, error)
			}{{"cancel", rules.BulkCancel, w.CancelSchedules}, {"delete", rules.BulkDelete, w.DeleteSchedules}} {
				w.registry(t, tt.registry, allStatuses...)
				before := w.statuses(t, tt.registry)
				selection := registry.Select(nil, new("scheduleUuid:*"))
				if byIDs {
					selection = registry.Select(slices.Sorted(maps.Keys(before)), nil)
				}
				id, err := tt.start(w.ctx(t), tt.registry, selection)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, w.statuses(t, tt.registry)); diff != "" {
					t.Errorf("schedules have changed before the job ran (-before +after):\n%s", diff)
				}
				w.settle(t)
				want, skipped := map[string]api.Status{}, map[string]int{}
				for id, status := range before {
					switch {
					case !rules.Can(tt.action, status):
						want[id] = status
						skipped[string(status)]++
					case tt.action == rules.BulkCancel:
						want[id] = api.StatusCanceled
					}
				}
				if diff := cmp.Diff(want, w.statuses(t, tt.registry)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tt.registry, diff)
				}
				job, err := w.DescribeJob(w.ctx(t), id)
				if err != nil {
					t.Fatal(err)
				}
				n := len(allStatuses)
				if diff := cmp.Diff(skipped, job.Skipped); diff != "" || job.Matched != n || job.Changed != n-len(skipped) || job.Total != n || job.Done != n || job.State != control.JobStateFinished {
					t.Errorf("got %+v; skipped (-want +got):\n%s", job, diff)
				}
			}
		})
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ids    []string
		filter *string
		want   store.Selection
	}{
		{"ids win over filter", []string{"a"}, new("status:Running"), store.Selection{IDs: []string{"a"}}},
		{"empty ids leave the filter", []string{""}, new("status:Running"), store.Selection{Filter: "status:Running"}},
		{"repeated ids are folded in order", []string{"b", "a", "", "b"}, nil, store.Selection{IDs: []string{"b", "a"}}},
		{"nothing", nil, nil, store.Selection{}},
	} {
		if diff := cmp.Diff(tt.want, registry.Select(tt.ids, tt.filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestBulkIgnoresAndCountsUnknownIds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r1", api.StatusRunning)
	w.registry(t, "r2", api.StatusRunning)
	id, err := w.CancelSchedules(w.ctx(t), "r1", registry.Select([]string{"r1-Running", "r2-Running", "nosuch"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	job, err := w.DescribeJob(w.ctx(t), id)
	if err != nil || job.Changed != 1 || job.Matched != 1 || job.Skipped["NotFound"] != 2 {
		t.Errorf("got %+v, %v, want one changed and two not found", job, err)
	}
	if got := w.statuses(t, "r2")["r2-Running"]; got != api.StatusRunning {
		t.Errorf("the schedule of another registry is %s", got)
	}
	if _, err := w.DescribeJob(call.WithWorld(t.Context(), "other"), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a job of another world: got %v, want ErrNotFound", err)
	}
	if _, err := w.CancelSchedules(w.ctx(t), "nosuch", registry.Select([]string{"a"}, nil)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown registry: got %v, want ErrNotFound", err)
	}
}

func TestBulkIgnoresLaterSchedules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r", api.StatusQueued)
	id, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("created<=now")))
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(-time.Hour) // even if the clock goes back
	late, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()})
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if got := w.statuses(t, "r")[late]; got != api.StatusCreated {
		t.Errorf("the later schedule is %s", got)
	}
	if job, _ := w.DescribeJob(w.ctx(t), id); job.Changed != 1 {
		t.Errorf("got %+v, want one changed", job)
	}
}

func TestBulkWorksInBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	const n = 2500
	w.queued(t, "r", n)
	id, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("scheduleUuid:*")))
	if err != nil {
		t.Fatal(err)
	}
	var done []int
	for range 3 {
		if worked, err := w.Step(t.Context()); err != nil || !worked {
			t.Fatalf("step: %v, %v", worked, err)
		}
		job, err := w.DescribeJob(w.ctx(t), id)
		if err != nil || job.Total != n {
			t.Fatalf("got %+v, %v", job, err)
		}
		done = append(done, job.Done)
	}
	if diff := cmp.Diff([]int{1000, 2000, 2500}, done); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{Filter: new("status:Canceled"), PageSize: new(1)})
	if err != nil || page.Count != n {
		t.Errorf("got %d canceled, %v, want %d", page.Count, err, n)
	}
	if _, err := w.DeleteRegistry(w.ctx(t), "r"); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	w.registry(t, "r") // the id can be used again: the first registry has left no rows
	if left := w.statuses(t, "r"); len(left) != 0 {
		t.Errorf("got %d schedules, want none", len(left))
	}
}

func TestBaselineRunningPreventsDeletionOfItsRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, status := range allStatuses {
		id := string(status)
		w.registry(t, id, status)
		_, err := w.DeleteRegistry(w.ctx(t), id)
		if running := status == api.StatusRunning || status == api.StatusBaselineRunning; running != (ruleOf(err) == openapi.RunningSchedule) {
			t.Errorf("%s: got %v", status, err)
		}
	}
}
