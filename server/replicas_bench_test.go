package server_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/postgres"
	"github.com/qcsdev/qcs/server/servertest"
)

// BenchmarkReplicas measures how long one, two and three replicas take for the same bulk jobs, one in
// each of six worlds; none may change a row twice.
func BenchmarkReplicas(b *testing.B) {
	const worlds, rows = 6, 20_000
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	for n := 1; n <= 3; n++ {
		b.Run(fmt.Sprintf("%d-replicas/%d-jobs-of-%d", n, worlds, rows), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				url := postgrestest.New(b, "")
				all := make([]*server.Server, n)
				for i := range all {
					var err error
					all[i], err = server.New(server.Options{Database: postgres.Database(url), SigningKey: bytes.Repeat([]byte{7}, 64), Users: []server.User{{Name: "u", Password: "p"}}})
					check(err)
				}
				admin := emulator.New("http://qcs.test", "", servertest.Over(all[0]))
				jobs := make([]*client.Job, worlds)
				for i := range jobs {
					w, err := admin.CreateWorld(b.Context(), control.WorldRequest{Scenario: control.Scenario{Registries: []control.ScenarioRegistry{{
						RegistryUUID: "r", RegistryURI: "https://r.example.com", Schedules: []control.ScenarioSchedules{{Count: rows, Status: "Queued"}},
					}}}})
					check(err)
					c, err := admin.SDK(w, client.WithPollInterval(20*time.Millisecond))
					check(err)
					jobs[i], err = c.CancelSchedules(b.Context(), "r", client.Filter("status:Queued"))
					check(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				var group sync.WaitGroup
				b.StartTimer()
				for _, s := range all {
					group.Go(func() { s.Run(ctx) })
				}
				for _, j := range jobs {
					r, err := j.Wait(b.Context(), nil)
					check(err)
					if r.Changed != rows {
						b.Fatalf("%d were changed, want %d", r.Changed, rows)
					}
				}
				b.StopTimer()
				cancel()
				group.Wait()
				for _, s := range all {
					check(s.Close())
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(worlds*rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
