package servertest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/servertest"
)

// Example shows the test of a program that cancels Running schedules; a real test calls New(t).
func Example() {
	_ = func(t *testing.T) {
		srv := servertest.New(t, servertest.WithSeed("release-notes"))
		job, err := srv.Client().CancelSchedules(t.Context(), "0a1d9b9a-3bab-42ec-a894-4d5969a47616", client.Filter("status:Running"))
		if err != nil {
			t.Fatal(err)
		}
		if result, err := job.Wait(t.Context(), nil); err != nil || result.Changed != 2 {
			t.Errorf("got %+v, %v", result, err)
		}
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t)
	c := srv.Client()
	r, err := c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSchedule(t.Context(), r, api.ScheduleRequest{OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}}); err != nil {
		t.Fatal(err)
	}
	srv.Advance(time.Hour)
	for s, err := range c.ListSchedules(t.Context(), r, client.List{}) {
		if err != nil || s.Status != api.StatusFinished {
			t.Errorf("got %v, %v, want Finished", s.Status, err)
		}
	}
	if got := srv.Now(); !got.Equal(servertest.Start.Add(time.Hour)) {
		t.Errorf("got %v", got)
	}
}

func TestWithPort(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithPort())
	response, err := http.Get(srv.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestIDsAreReproducible(t *testing.T) {
	t.Parallel()
	id := func() string {
		id, err := servertest.New(t, servertest.WithoutRunner()).Client().CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if a, b := id(), id(); a != b {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	const registry, schedule = "0a1d9b9a-3bab-42ec-a894-4d5969a47616", "0a1d9b9a-3bab-42ec-a894-4d5969a47616"
	srv.Force(registry, schedule, api.StatusPaused)
	for s, err := range srv.Client().ListSchedules(t.Context(), registry, client.List{Filter: "scheduleUuid:" + schedule}) {
		if err != nil || s.Status != api.StatusPaused {
			t.Errorf("got %s, %v, want Paused", s.Status, err)
		}
	}
	later := openapi.MillisOf(servertest.Start.AddDate(1, 0, 0))
	if got := srv.SetClock(control.ClockSetting{Mode: control.ClockModeOffset, Now: &later}); got.Now != later {
		t.Errorf("got %+v", got)
	}
	srv.Advance(time.Hour)
	if got := srv.Clock(); got.Mode != control.ClockModeOffset || got.Now != later.Add(time.Hour) {
		t.Errorf("got %+v, want the offset clock an hour later", got)
	}
	srv.SetScanProfile(control.ScanProfile{Seed: 3, Outcomes: []control.ScanOutcome{}})
}

// TestInABubble checks that an emulator, and waiting for a job, work with the time of testing/synctest.
func TestInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.WithSeed("release-notes"))
		began := time.Now()
		job, err := srv.Client(client.WithPollInterval(time.Hour)).CancelSchedules(t.Context(), "0a1d9b9a-3bab-42ec-a894-4d5969a47616", client.Filter("status:Running"))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if result, err := job.Wait(t.Context(), nil); err != nil || result.Changed != 2 {
			t.Errorf("got %+v, %v", result, err)
		}
		if took := time.Since(began); took > 2*time.Hour {
			t.Errorf("took %v", took)
		}
	})
}
