package servertest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/servertest"
)

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

// TestClockOfABubble checks that time.Sleep moves an emulator that has the clock of the bubble, whether its runner or the test does the background work, and that Advance moves it further.
func TestClockOfABubble(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]servertest.Option{"runner": nil, "settle": {servertest.WithoutRunner()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t, append(options, servertest.WithClock(time.Now))...)
				c := srv.Client()
				r, err := c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone})
				if err != nil {
					t.Fatal(err)
				}
				scan := func() {
					t.Helper()
					if _, err := c.CreateSchedule(t.Context(), r, api.ScheduleRequest{OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}}); err != nil {
						t.Fatal(err)
					}
				}
				want := func(status api.Status, schedules int) {
					t.Helper()
					n := 0
					for s, err := range c.ListSchedules(t.Context(), r, client.List{Filter: "status:" + string(status)}) {
						if n++; err != nil {
							t.Error(s, err)
						}
					}
					if n != schedules {
						t.Errorf("got %d schedules in %s, want %d", n, status, schedules)
					}
				}
				scan()
				time.Sleep(time.Minute) // a scan takes 13 seconds
				synctest.Wait()
				if name == "settle" {
					want(api.StatusCreated, 1)
					srv.Settle()
				}
				want(api.StatusFinished, 1)
				scan()
				srv.Advance(time.Hour)
				want(api.StatusFinished, 2)
				if got, want := srv.Now(), time.Now().Add(time.Hour); !got.Equal(want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		})
	}
}
