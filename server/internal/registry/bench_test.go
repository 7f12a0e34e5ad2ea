package registry_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// BenchmarkBulkCancel cancels all schedules of a registry that has many, in a file, with the counters kept. It reports the time for a row and the longest step, which is how long other
// writers wait.
func BenchmarkBulkCancel(b *testing.B) {
	const n = 20_000
	b.Run("20k", func(b *testing.B) {
		var longest time.Duration
		for b.Loop() {
			b.StopTimer()
			s, err := store.Open(context.Background(), b.TempDir()+"/qcs.db", func() time.Time { return time.Unix(1_700_000_000, 0) })
			if err != nil {
				b.Fatal(err)
			}
			ids := 0
			service := registry.New(registry.Options{Store: s, NewID: func() string { ids++; return fmt.Sprint("job", ids) }})
			ctx := registry.WithWorld(context.Background(), worldName)
			if err := s.Write(ctx, worldName, func(tx *store.Tx) error { return fill(ctx, tx, n) }); err != nil {
				b.Fatal(err)
			}
			if _, err := service.CancelSchedules(ctx, "r", registry.Select(nil, new("scheduleUuid:*"))); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			for worked := true; worked; {
				start := time.Now()
				if worked, err = service.Step(ctx); err != nil {
					b.Fatal(err)
				}
				longest = max(longest, time.Since(start))
			}
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-step")
	})
}

func fill(ctx context.Context, tx *store.Tx, n int) error {
	if err := tx.PutWorld(ctx, worldName, store.PlanFull, 0); err != nil {
		return err
	}
	if err := tx.InsertRegistry(ctx, api.RegistryDetails{RegistryUUID: "r", RegistryURI: "https://r"}); err != nil {
		return err
	}
	for i := range n {
		if err := tx.InsertSchedule(ctx, store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprintf("s%06d", i), Status: api.StatusQueued, Filters: filters(), Created: tx.Now}, RegistryID: "r"}); err != nil {
			return err
		}
	}
	return nil
}
