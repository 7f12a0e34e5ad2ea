package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// lists are what a service answers to lists that may be remembered.
type lists struct {
	Registries, OfAType, Named, ByAddress api.Registries
	Details                               api.RegistryDetails
	Schedules, Queued, ByName             api.Schedules
}

func listsOf(t *testing.T, ctx context.Context, s *registry.Service, registryID string) (l lists) {
	t.Helper()
	for filter, page := range map[string]*api.Registries{"": &l.Registries, "registryType:V2": &l.OfAType, "registryName:*a*": &l.Named, "registryUri:`https://r`": &l.ByAddress} {
		var err error
		if *page, err = s.ListRegistries(ctx, registry.Query{Filter: &filter}); err != nil {
			t.Fatal(err)
		}
	}
	for filter, page := range map[string]*api.Schedules{"": &l.Schedules, "status:Queued": &l.Queued, "name:*": &l.ByName} {
		var err error
		if *page, err = s.ListSchedules(ctx, registryID, registry.Query{Filter: &filter}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if l.Details, err = s.DescribeRegistry(ctx, registryID); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestNothingRememberedOutlivesAChange: after each kind of change, lists that were asked for before it are those that a service gives that remembers nothing; and there is a change to see.
func TestNothingRememberedOutlivesAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r", api.StatusFinished, api.StatusQueued, api.StatusError)
	ctx := w.ctx(t)
	id := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	var other, automatic string
	body := api.ScheduleRequest{Name: "nightly", OnDemand: new(false), Filters: filters(), Schedule: "03:00", ScheduleScanIntervalInDays: 1, RegistryType: api.RegistryTypeV2}
	for _, change := range []struct {
		name string
		do   func() error
	}{
		{"create a registry", func() error {
			other = id(w.CreateRegistry(ctx, api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://other.example.com", RegistryName: "a", CredentialType: api.CredentialTypeNone}))
			return nil
		}},
		{"update it", func() error {
			return w.UpdateRegistry(ctx, other, api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://other.example.com", RegistryName: "b", CredentialType: api.CredentialTypeNone})
		}},
		{"add a repository", func() error {
			_, err := w.AddRepository(ctx, "r", control.ScenarioRepository{RepoName: "team/app", TotalImages: 3})
			return err
		}},
		{"create a schedule", func() error { automatic = id(w.CreateSchedule(ctx, "r", body)); return nil }},
		{"update it", func() error {
			body.Name = "daily"
			return w.UpdateSchedule(ctx, "r", automatic, body)
		}},
		{"its scan", func() error { _, err := w.AdvanceClock(ctx, (48 * time.Hour).Milliseconds()); return err }},
		{"save a snapshot, cancel one", func() error {
			if _, err := w.SaveSnapshot(ctx, "before"); err != nil {
				return err
			}
			return w.CancelSchedule(ctx, "r", "r-Queued")
		}},
		{"restore it", func() error { _, err := w.RestoreSnapshot(ctx, "before"); return err }},
		{"force a status", func() error { return w.ForceSchedule(ctx, "r", automatic, api.StatusError) }},
		{"cancel all", func() error { _, err := w.CancelSchedules(ctx, "r", registry.Select(nil, new("status:*"))); return err }},
		{"delete one", func() error { return w.DeleteSchedule(ctx, "r", "r-Error") }},
		{"delete all", func() error { _, err := w.DeleteSchedules(ctx, "r", registry.Select(nil, new("name:*"))); return err }},
		{"delete a registry", func() error { _, err := w.DeleteRegistry(ctx, other); return err }},
		{"reset", func() error {
			return w.ResetWorld(ctx, worldName, control.Scenario{Registries: []control.ScenarioRegistry{{RegistryUUID: "r", RegistryURI: "https://r", Schedules: []control.ScenarioSchedules{{Name: "one of {n}", Count: 3}}}}})
		}},
	} {
		before := listsOf(t, ctx, w.Service, "r")
		if err := change.do(); err != nil {
			t.Fatalf("%s: %v", change.name, err)
		}
		w.settle(t)
		want := listsOf(t, ctx, registry.New(registry.Options{Store: w.store}), "r")
		if diff := cmp.Diff(want, listsOf(t, ctx, w.Service, "r")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", change.name, diff)
		}
		if cmp.Equal(before, want) {
			t.Errorf("%s: nothing to see", change.name)
		}
	}
}

// TestAWorldOfTheSameName is not the one that was dropped by another process.
func TestAWorldOfTheSameName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := registry.New(registry.Options{Store: w.store})
	create := func(uri string) {
		t.Helper()
		if _, err := w.CreateRegistry(w.ctx(t), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: uri, CredentialType: api.CredentialTypeNone}); err != nil {
			t.Fatal(err)
		}
	}
	create("https://old")
	if _, err := w.ListRegistries(w.ctx(t), registry.Query{}); err != nil {
		t.Fatal(err)
	}
	if err := other.DropWorld(w.ctx(t), worldName); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	w.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.PutWorld(ctx, worldName, store.PlanFull, 0) })
	create("https://new")
	page, err := w.ListRegistries(w.ctx(t), registry.Query{})
	if err != nil || page.Data[0].RegistryURI != "https://new" {
		t.Errorf("got %+v, %v", page, err)
	}
}
