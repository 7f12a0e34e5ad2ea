package registry_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// sameAsFresh compares pages with those that somebody gets who asks for the first time.
func sameAsFresh(t *testing.T, w *world, q registry.Query) {
	t.Helper()
	fresh := registry.New(registry.Options{Store: w.store})
	for range 2 { // the second is remembered, if any is
		got, err := w.ListSchedules(w.ctx(t), "r", q)
		if err != nil {
			t.Fatal(err)
		}
		want, err := fresh.ListSchedules(w.ctx(t), "r", q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("page %d, filter %q, sort %q (-want +got):\n%s", *q.PageNumber, *q.Filter, *q.Sort, diff)
		}
	}
}

// TestPagesDoNotDependOnHistory: whoever pages through a list, in order, back and forth, with changes in between, gets what somebody gets who asks for that page for the first time.
func TestPagesDoNotDependOnHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	random := rand.New(rand.NewPCG(5, 6))
	add := func(n int) {
		w.write(t, func(ctx context.Context, tx *store.Tx) error {
			all := make([]store.Schedule, n)
			for i := range all {
				status := []api.Status{api.StatusFinished, api.StatusQueued}[random.IntN(2)]
				all[i] = store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprintf("%08x", random.Uint32()), Status: status, Filters: filters(), Created: tx.Now.Add(-time.Duration(random.IntN(50)) * time.Second), Updated: tx.Now}, RegistryID: "r"}
			}
			return tx.InsertSchedules(ctx, all)
		})
	}
	add(400)
	number := 1
	for range 300 {
		q := registry.Query{PageNumber: &number, PageSize: new(7), Filter: new([]string{"", "status:Finished", "updated<now", "name:*"}[random.IntN(4)]), Sort: new([]string{"", "created:asc", "created:desc", "name:asc"}[random.IntN(4)])}
		for range 3 {
			sameAsFresh(t, w, q)
			number++
		}
		switch random.IntN(6) {
		case 0:
			add(1)
		case 1:
			if _, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("status:Queued"))); err != nil {
				t.Fatal(err)
			}
			w.settle(t)
		case 2:
			number = 1 + random.IntN(40)
		}
	}
}
