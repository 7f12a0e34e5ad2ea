package registry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
)

func TestLifeCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	start := openapi.MillisOf(w.now)
	id, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()})
	if err != nil {
		t.Fatal(err)
	}
	pace := scan.DefaultPace
	for _, tt := range []struct {
		after  time.Duration
		status api.Status
	}{
		{0, api.StatusCreated},
		{pace.Created - time.Millisecond, api.StatusCreated},
		{time.Millisecond, api.StatusQueued},
		{pace.Queued, api.StatusRunning},
		{pace.Listing, api.StatusRunning},
		{pace.Scanning, api.StatusFinished},
		{24 * time.Hour, api.StatusFinished},
	} {
		w.now = w.now.Add(tt.after)
		w.settle(t)
		if got := w.statuses(t, "r")[id]; got != tt.status {
			t.Errorf("after %v: got %s, want %s", w.now.Sub(start.Time()), got, tt.status)
		}
		r, _, err := w.DescribeRegistry(w.ctx(t), "r")
		if err != nil || cmp.Diff(api.ScheduleStatusCounts{string(tt.status): 1}, r.ScheduleStatusList) != "" {
			t.Errorf("got counts %v, %v, want one %s", r.ScheduleStatusList, err, tt.status)
		}
	}
}

// TestLateMovesHaveTheirDueTime checks that a clock that jumps leads to the same dates as a running one.
func TestLateMovesHaveTheirDueTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	start := openapi.MillisOf(w.now)
	for range 3 {
		if _, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()}); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.AddDate(0, 1, 0)
	w.settle(t)
	pace := scan.DefaultPace
	began := start.Add(pace.Created + pace.Queued)
	page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{Filter: new("status:Finished")})
	if err != nil || page.Count != 3 {
		t.Fatalf("got %d finished, %v, want 3", page.Count, err)
	}
	for _, s := range page.Data {
		if s.JobStartDate != began || s.JobCompletionDate != began.Add(pace.Listing+pace.Scanning) || s.Updated != s.JobCompletionDate {
			t.Errorf("got %+v, want the start at %d", s, began)
		}
	}
}

func TestCanceledSchedulesStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	id, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.CancelSchedule(w.ctx(t), "r", id); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.settle(t)
	if got := w.statuses(t, "r")[id]; got != api.StatusCanceled {
		t.Errorf("got %s, want Canceled", got)
	}
}

// only returns the one schedule of a registry.
func (w *world) only(t *testing.T, registryID string) api.Schedule {
	t.Helper()
	page, _, err := w.ListSchedules(w.ctx(t), registryID, rule.List{})
	if err != nil || page.Count != 1 {
		t.Fatalf("got %d schedules, %v, want one", page.Count, err)
	}
	return page.Data[0]
}

// date reads a time of the tests.
func date(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestOnDemandPhases checks that a scan lists first and then scans, with the six job dates.
func TestOnDemandPhases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	if _, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()}); err != nil {
		t.Fatal(err)
	}
	pace := scan.DefaultPace
	began := openapi.MillisOf(w.now).Add(pace.Created + pace.Queued)
	scanning := began.Add(pace.Listing)
	ended := scanning.Add(pace.Scanning)
	for _, tt := range []struct {
		at   openapi.Millis
		want api.Schedule
	}{
		{began - 1, api.Schedule{Status: api.StatusQueued, Updated: began.Add(-pace.Queued)}},
		{began, api.Schedule{Status: api.StatusRunning, Updated: began, JobStartDate: began, JobListingStartDate: began}},
		{scanning, api.Schedule{Status: api.StatusRunning, Updated: scanning, JobStartDate: began, JobListingStartDate: began, JobListingCompletionDate: scanning, JobScanningStartDate: scanning}},
		{ended, api.Schedule{Status: api.StatusFinished, Updated: ended, JobStartDate: began, JobListingStartDate: began, JobListingCompletionDate: scanning, JobScanningStartDate: scanning, JobScanningCompletionDate: ended, JobCompletionDate: ended}},
	} {
		w.now = tt.at.Time()
		w.settle(t)
		got := w.only(t, "r")
		tt.want.ScheduleUUID, tt.want.OnDemand, tt.want.Filters, tt.want.Created = got.ScheduleUUID, true, filters(), got.Created
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", tt.at.Time(), diff)
		}
	}
}

// TestRunsOfAutomaticSchedules checks that each run begins at its time in UTC, across months and years.
func TestRunsOfAutomaticSchedules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, now string
		body      api.ScheduleRequest
		want      []string // when the runs are queued
	}{
		{"every day", "2026-01-30 03:04:05", api.ScheduleRequest{Schedule: "19:30"}, []string{"2026-01-30 19:30:00", "2026-01-31 19:30:00", "2026-02-01 19:30:00"}},
		{"the time of today is over", "2026-01-30 19:30:00", api.ScheduleRequest{Schedule: "19:30"}, []string{"2026-01-31 19:30:00", "2026-02-01 19:30:00"}},
		{"every third day over the end of a month", "2026-04-29 12:00:00", api.ScheduleRequest{Schedule: "00:00", ScheduleScanIntervalInDays: 3}, []string{"2026-04-30 00:00:00", "2026-05-03 00:00:00", "2026-05-06 00:00:00"}},
		{"over a leap day", "2028-02-27 12:00:00", api.ScheduleRequest{Schedule: "06:00"}, []string{"2028-02-28 06:00:00", "2028-02-29 06:00:00", "2028-03-01 06:00:00"}},
		{"over the day when clocks change", "2026-03-28 12:00:00", api.ScheduleRequest{Schedule: "02:30"}, []string{"2026-03-29 02:30:00", "2026-03-30 02:30:00"}},
		{"weekly", "2026-01-02 12:00:00", api.ScheduleRequest{Schedule: "08:00", ScheduleScanIntervalInDays: 7, WeekDay: api.WeekDayMONDAY}, []string{"2026-01-05 08:00:00", "2026-01-12 08:00:00", "2026-01-19 08:00:00"}},
		{"weekly on the day of creation", "2026-01-02 12:00:00", api.ScheduleRequest{ScheduleScanIntervalInDays: 7}, []string{"2026-01-09 00:00:00", "2026-01-16 00:00:00"}},
		{"every year", "2026-01-02 12:00:00", api.ScheduleRequest{ScheduleScanIntervalInDays: 365}, []string{"2026-01-03 00:00:00", "2027-01-03 00:00:00", "2028-01-03 00:00:00", "2029-01-02 00:00:00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.now = date(t, tt.now)
			w.registry(t, "r")
			tt.body.OnDemand, tt.body.Filters = new(false), filters()
			if _, err := w.CreateSchedule(w.ctx(t), "r", tt.body); err != nil {
				t.Fatal(err)
			}
			if got := w.only(t, "r").Status; got != api.StatusBaselineCreated {
				t.Errorf("got %s at first, want BaselineCreated", got)
			}
			for i, run := range tt.want {
				at := date(t, run)
				w.now = at.Add(-time.Second)
				w.settle(t)
				if want := []api.Status{api.StatusBaselineCompleted, api.StatusCompleted}[min(i, 1)]; w.only(t, "r").Status != want {
					t.Errorf("before run %d: got %s, want %s", i+1, w.only(t, "r").Status, want)
				}
				w.now = at
				w.settle(t)
				if got := w.only(t, "r"); got.Status != api.StatusQueued || got.Updated != openapi.MillisOf(at) {
					t.Errorf("run %d: got %s at %v, want it Queued at %v", i+1, got.Status, got.Updated.Time(), at)
				}
			}
		})
	}
}

func TestLongRunSkipsMissedRuns(t *testing.T) {
	t.Parallel()
	profile := control.ScanProfile{Scanning: control.DurationRange{Min: (50 * time.Hour).Milliseconds(), Max: (50 * time.Hour).Milliseconds()}, Outcomes: []control.ScanOutcome{}}
	for at, want := range map[string]api.Status{"2026-01-04 11:59:59": api.StatusRunning, "2026-01-04 12:00:00": api.StatusCompleted, "2026-01-05 09:59:59": api.StatusCompleted, "2026-01-05 10:00:00": api.StatusRunning} {
		w := newWorld(t)
		w.registry(t, "r")
		if err := w.scans.SetScanProfile(w.ctx(t), profile); err != nil {
			t.Fatal(err)
		}
		if _, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{Schedule: "10:00", Filters: filters()}); err != nil {
			t.Fatal(err)
		}
		w.now = date(t, at)
		w.settle(t)
		if got := w.only(t, "r").Status; got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	if err := w.scans.SetScanProfile(w.ctx(t), control.ScanProfile{Outcomes: []control.ScanOutcome{
		{Repository: "team/good*", Status: control.ScanOutcomeStatusFinished},
		{Repository: "team/*", Status: control.ScanOutcomeStatusError, Errors: []control.ScanError{{ErrorCode: "PULL_FAILED", ErrorMessage: "no", ContextParams: map[string]any{"attempts": 3.0}}}},
		{Repository: "*", Status: control.ScanOutcomeStatusFailed},
	}}); err != nil {
		t.Fatal(err)
	}
	for repo, want := range map[string]struct {
		status api.Status
		code   string
	}{"team/good/app": {api.StatusFinished, ""}, "team/app": {api.StatusError, "PULL_FAILED"}, "other": {api.StatusFailed, "FAILED"}} {
		id, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: repo}}}}})
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
		w.settle(t)
		page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{Filter: new("scheduleUuid:" + id)})
		if err != nil {
			t.Fatal(err)
		}
		got := page.Data[0]
		if got.Status != want.status || want.code != "" && (len(got.Errors) != 1 || got.Errors[0].ErrorCode != want.code || len(got.Errors[0].ContextParams) == 0) || want.code == "" && got.Errors != nil {
			t.Errorf("%s: got %s %+v, want %+v", repo, got.Status, got.Errors, want)
		}
	}
	for name, p := range map[string]control.ScanProfile{
		"min over max":         {Queued: control.DurationRange{Min: 2, Max: 1}},
		"finished with errors": {Outcomes: []control.ScanOutcome{{Repository: "*", Status: control.ScanOutcomeStatusFinished, Errors: []control.ScanError{{}}}}},
	} {
		if err := w.scans.SetScanProfile(w.ctx(t), p); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// TestDurationsAreDrawnBySeed checks that durations differ between schedules, are in the range, and are the same in another world with the same seed.
func TestDurationsAreDrawnBySeed(t *testing.T) {
	t.Parallel()
	draw := func(seed int64) []openapi.Millis {
		w := newWorld(t)
		w.registry(t, "r")
		if err := w.scans.SetScanProfile(w.ctx(t), control.ScanProfile{Seed: seed, Scanning: control.DurationRange{Min: 1000, Max: 100_000}, Outcomes: []control.ScanOutcome{}}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{Filters: filters()}); err != nil {
				t.Fatal(err)
			}
		}
		start := openapi.MillisOf(w.now)
		w.now = w.now.Add(time.Hour)
		w.settle(t)
		page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{Sort: new("scheduleUuid")})
		if err != nil {
			t.Fatal(err)
		}
		var took []openapi.Millis
		for _, s := range page.Data {
			took = append(took, s.JobCompletionDate-start)
		}
		return took
	}
	one, again, other := draw(1), draw(1), draw(2)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Errorf("got %v and %v with one seed, %v with another", one, again, other)
	}
	slices.Sort(one)
	if one[0] < 1000 || one[19] > 100_000 || len(slices.Compact(one)) < 15 {
		t.Errorf("got %v, want values spread over 1000 to 100000", one)
	}
}

func TestForceEveryStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, onDemand := range []bool{true, false} {
		for _, status := range allStatuses {
			r := fmt.Sprint(status, onDemand)
			w.registry(t, r)
			id, err := w.CreateSchedule(w.ctx(t), r, api.ScheduleRequest{OnDemand: &onDemand, ScheduleScanIntervalInDays: 1, Filters: filters()})
			if err != nil {
				t.Fatal(err)
			}
			err = w.ForceSchedule(w.ctx(t), r, id, status)
			if baseline := len(status) > 8 && status[:8] == "Baseline"; onDemand && baseline {
				if ruleOf(err) != openapi.NotAutomatic {
					t.Errorf("%s: got %v, want rule %s", r, err, openapi.NotAutomatic)
				}
				continue
			}
			if got := w.only(t, r).Status; err != nil || got != status {
				t.Errorf("%s: got %s, %v", r, got, err)
			}
		}
	}
	w.now = w.now.AddDate(0, 1, 0).Truncate(24 * time.Hour).Add(-time.Minute)
	w.settle(t)
	for _, onDemand := range []bool{true, false} {
		for _, status := range allStatuses {
			if onDemand && len(status) > 8 && status[:8] == "Baseline" {
				continue
			}
			want := status // unchanged for Paused, Unknown, Canceled, and the final statuses of a scan on demand
			switch {
			case slices.Contains([]api.Status{api.StatusPaused, api.StatusUnknown, api.StatusCanceled}, status):
			case !onDemand:
				want = api.StatusCompleted
			case slices.Contains([]api.Status{api.StatusCreated, api.StatusQueued, api.StatusRunning}, status):
				want = api.StatusFinished
			}
			if got := w.only(t, fmt.Sprint(status, onDemand)).Status; got != want {
				t.Errorf("%s on demand %v after a month: got %s, want %s", status, onDemand, got, want)
			}
		}
	}
}

// TestAMonthOfAnAutomaticSchedule checks that two worlds have the same 30 runs.
func TestAMonthOfAnAutomaticSchedule(t *testing.T) {
	t.Parallel()
	month := func() []string {
		w := newWorld(t)
		w.registry(t, "r")
		if _, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{Schedule: "19:30", Filters: filters()}); err != nil {
			t.Fatal(err)
		}
		var runs []string
		for range 30 {
			clock, err := w.worlds.AdvanceClock(w.ctx(t), (24 * time.Hour).Milliseconds())
			if err != nil {
				t.Fatal(err)
			}
			s := w.only(t, "r")
			runs = append(runs, fmt.Sprint(clock.Now, s.Status, s.JobStartDate, s.JobCompletionDate))
		}
		return runs
	}
	first := month()
	if diff := cmp.Diff(first, month()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	if len(slices.Compact(slices.Clone(first))) != 30 {
		t.Errorf("got %v, want 30 runs", first)
	}
}
