package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

func TestScheduleTiming(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // a Friday
	w.registry(t, "r")
	for _, tt := range []struct {
		name string
		body api.ScheduleRequest
		want api.Schedule // timing only
		rule string
	}{
		{"at once", api.ScheduleRequest{OnDemand: new(true)}, api.Schedule{OnDemand: true}, ""},
		{"at once with the start time that integrations send", api.ScheduleRequest{OnDemand: new(true), Schedule: "00:00"}, api.Schedule{OnDemand: true}, ""},
		{"no timing means at once", api.ScheduleRequest{}, api.Schedule{OnDemand: true}, ""},
		{"a start time alone means automatic", api.ScheduleRequest{Schedule: "07:00"}, api.Schedule{Schedule: "07:00", ScheduleScanIntervalInDays: 1}, ""},
		{"an interval alone means automatic at midnight", api.ScheduleRequest{ScheduleScanIntervalInDays: 3}, api.Schedule{Schedule: "00:00", ScheduleScanIntervalInDays: 3}, ""},
		{"automatic as the 2021 clients send it", api.ScheduleRequest{OnDemand: new(false), Schedule: "07:00"}, api.Schedule{Schedule: "07:00", ScheduleScanIntervalInDays: 1}, ""},
		{"weekly", api.ScheduleRequest{OnDemand: new(false), Schedule: "19:30", ScheduleScanIntervalInDays: 7, WeekDay: api.WeekDayMONDAY}, api.Schedule{Schedule: "19:30", ScheduleScanIntervalInDays: 7, WeekDay: api.WeekDayMONDAY}, ""},
		{"weekly without a day takes today's", api.ScheduleRequest{OnDemand: new(false), ScheduleScanIntervalInDays: 7}, api.Schedule{Schedule: "00:00", ScheduleScanIntervalInDays: 7, WeekDay: api.WeekDayFRIDAY}, ""},
		{"a day with another interval", api.ScheduleRequest{OnDemand: new(false), ScheduleScanIntervalInDays: 2, WeekDay: api.WeekDayMONDAY}, api.Schedule{}, openapi.WeekDayInterval},
		{"a day without an interval", api.ScheduleRequest{Schedule: "10:00", WeekDay: api.WeekDayMONDAY}, api.Schedule{}, openapi.WeekDayInterval},
		{"automatic without timing", api.ScheduleRequest{OnDemand: new(false)}, api.Schedule{}, openapi.IntervalNeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.body.Filters = filters()
			id, err := w.CreateSchedule(w.ctx(t), "r", tt.body)
			if ruleOf(err) != tt.rule || tt.rule == "" && err != nil {
				t.Fatalf("got %v, want rule %q", err, tt.rule)
			}
			if err != nil {
				return
			}
			page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{Filter: new("scheduleUuid:" + id)})
			if err != nil || page.Count != 1 {
				t.Fatalf("got %d, %v", page.Count, err)
			}
			got := page.Data[0]
			if diff := cmp.Diff(tt.want, api.Schedule{OnDemand: got.OnDemand, Schedule: got.Schedule, ScheduleScanIntervalInDays: got.ScheduleScanIntervalInDays, WeekDay: got.WeekDay}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdateSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	body := api.ScheduleRequest{Name: "nightly", OnDemand: new(false), Schedule: "07:00", ForceScan: new(true), Filters: []api.ScheduleFilter{
		{Days: nullable.NewNullableWithValue(7), RepoTags: []api.RepoTag{{Repo: "a", Tag: nullable.NewNullNullable[string]()}}},
	}}
	id, err := w.CreateSchedule(w.ctx(t), "r", body)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	change := body
	change.Name, change.ForceScan, change.Schedule, change.ScheduleScanIntervalInDays = "", nil, "21:00", 2
	change.Filters = []api.ScheduleFilter{{Days: nullable.NewNullableWithValue(7), RepoTags: []api.RepoTag{{Repo: "a"}}}} // null and absent are the same
	if _, err := w.UpdateSchedule(w.ctx(t), "r", id, change); err != nil {
		t.Fatal(err)
	}
	page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{})
	if err != nil || page.Count != 1 {
		t.Fatalf("got %+v, %v", page, err)
	}
	got := page.Data[0]
	if got.Name != "nightly" || !got.ForceScan || got.Schedule != "21:00" || got.ScheduleScanIntervalInDays != 2 || got.Updated != got.Created+60_000 {
		t.Errorf("got %+v", got)
	}
	for name, tt := range map[string]struct {
		rule   string
		change func(*api.ScheduleRequest)
	}{
		"onDemand":    {openapi.FixedField, func(b *api.ScheduleRequest) { b.OnDemand = new(true) }},
		"repo":        {openapi.FixedField, func(b *api.ScheduleRequest) { b.Filters = filters() }},
		"days":        {openapi.FixedField, func(b *api.ScheduleRequest) { b.Filters = []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}} }},
		"conditional": {openapi.WeekDayInterval, func(b *api.ScheduleRequest) { b.WeekDay = api.WeekDaySUNDAY }},
	} {
		wrong := change
		tt.change(&wrong)
		if _, err := w.UpdateSchedule(w.ctx(t), "r", id, wrong); ruleOf(err) != tt.rule {
			t.Errorf("%s: got %v, want rule %s", name, err, tt.rule)
		}
	}
	once, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(true), Filters: filters()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.UpdateSchedule(w.ctx(t), "r", once, api.ScheduleRequest{Schedule: "10:00", Filters: filters()}); ruleOf(err) != openapi.NotAutomatic {
		t.Errorf("on demand: got %v, want rule %s", err, openapi.NotAutomatic)
	}
}

// TestARenamedScheduleRunsAtTheSameTimes checks that an update without timing changes no run.
func TestARenamedScheduleRunsAtTheSameTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = date(t, "2026-04-29 12:00:00")
	w.registry(t, "r")
	id, err := w.CreateSchedule(w.ctx(t), "r", api.ScheduleRequest{OnDemand: new(false), ScheduleScanIntervalInDays: 3, Filters: filters()})
	if err != nil {
		t.Fatal(err)
	}
	w.now = date(t, "2026-04-30 12:00:00")
	w.settle(t)
	if _, err := w.UpdateSchedule(w.ctx(t), "r", id, api.ScheduleRequest{Name: "renamed", Filters: filters()}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		now  string
		want api.Status
	}{
		{"2026-05-02 12:00:00", api.StatusCompleted},
		{"2026-05-03 00:00:00", api.StatusQueued},
	} {
		w.now = date(t, tt.now)
		w.settle(t)
		if got := w.only(t, "r"); got.Status != tt.want || got.Name != "renamed" {
			t.Errorf("%s: got %+v, want status %s", tt.now, got, tt.want)
		}
	}
}

// TestTheIDOfAConnectorWinsOverItsName checks a registry that names two connectors.
func TestTheIDOfAConnectorWinsOverItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			store.InsertConnector(ctx, tx, api.ACRConnector{ACRConnectorID: "a", Name: "name of a"}, ""),
			store.InsertConnector(ctx, tx, api.ACRConnector{ACRConnectorID: "b", Name: "name of b"}, ""))
	})
	w.write(t, func(ctx context.Context, tx *store.Tx) error {
		if c, err := store.FindConnector[api.ACRConnector](ctx, tx, "b", "name of a"); err != nil || c.ACRConnectorID != "b" {
			t.Errorf("got %+v, %v", c, err)
		}
		return nil
	})
}
