package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// TestBatches checks that the batches of a registry have each matching schedule once and no later schedule, for each batch size and even if schedules were created at the same time.
func TestBatches(t *testing.T) {
	t.Parallel()
	var all []store.Schedule
	want := map[string][]string{}
	for i, created := range []openapi.Millis{7, 1, 1, 1, 1, 2, 3, 3, 4, 5, 5, 5, 0} {
		s := store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprintf("s%02d", i), Status: api.StatusQueued, Created: created, Name: "a"}, RegistryID: "r"}
		if i%5 == 4 {
			s.Status, s.Name = api.StatusFinished, "b"
		}
		all = append(all, s)
		if i < 12 { // the last one is created after the job
			for _, text := range []string{"", "status:" + string(s.Status), "status:" + string(s.Status) + " AND name:" + s.Name} {
				want[text] = append(want[text], s.ScheduleUUID)
			}
		}
	}
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			for _, err := range []error{tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFull}, 0), insertRegistry(ctx, tx, "r"), tx.InsertSchedules(ctx, all)} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		for text, ids := range want {
			for rows := 1; rows <= len(all)+1; rows++ {
				write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
					got, err := batches(ctx, tx, text, rows)
					slices.Sort(got)
					if !slices.Equal(got, ids) {
						t.Errorf("%q by %d: got %v, want %v", text, rows, got, ids)
					}
					return err
				})
			}
		}
	})
}

// batches returns the ids of all schedules that match a filter and are not the last one, batch by batch.
func batches(ctx context.Context, tx *store.Tx, text string, rows int) (ids []string, err error) {
	var f qql.Filter
	if text != "" {
		e, err := qql.Parse(text)
		if err != nil {
			return nil, err
		}
		if f, err = qql.Bind(e, store.Schedules.Schema, qql.Options{}); err != nil {
			return nil, err
		}
	}
	counts, err := tx.CountsOf(ctx, "r")
	p := store.Batch{Registry: "r", UpTo: 12, Rows: rows}
	for err == nil && !p.Last {
		if p, err = tx.NextBatch(ctx, counts, f, store.Batch{Registry: "r", After: p.To, UpTo: 12, Rows: rows}); err != nil {
			return nil, err
		}
		found, err := tx.RowsOf(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(found) > rows {
			return nil, fmt.Errorf("a batch of at most %d has %d schedules", rows, len(found))
		}
		for _, r := range found {
			ids = append(ids, r.ID)
		}
	}
	return ids, err
}
