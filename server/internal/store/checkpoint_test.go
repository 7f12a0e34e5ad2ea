package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/qcsdev/qcs/gen/api"
)

// TestTheLogStaysBounded while somebody writes without a pause: it begins anew when it has become too long.
func TestTheLogStaysBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	s, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const bound, most, times = 2 << 20, 100_000, 3
	s.checkpoints.most.Store(bound)
	longest, anew := int64(0), 0
	for i := 0; anew < times; i++ {
		if i == most {
			t.Fatalf("after %d commits it has begun anew %d times, and was %d bytes long at most", i, anew, longest)
		}
		err := s.Write(t.Context(), "w", func(tx *Tx) error { return put(t.Context(), tx, i) })
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if longest = max(longest, info.Size()); info.Size() < bound && longest > bound {
			longest = 0
			anew++
		}
	}
}

func put(ctx context.Context, tx *Tx, i int) error {
	if i == 0 {
		if err := tx.PutWorld(ctx, "w", PlanFull, 0); err != nil {
			return err
		}
	}
	return tx.InsertSchedule(ctx, Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprint("s", i), Status: api.StatusQueued, Created: tx.Now}, RegistryID: "r"})
}
