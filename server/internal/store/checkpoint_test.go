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
	const bound = 2 << 20
	s.checkpoints.most.Store(bound)
	longest := int64(0)
	for i := range 3000 {
		err := s.Write(t.Context(), "w", func(tx *Tx) error { return put(t.Context(), tx, i) })
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path + "-wal"); err == nil {
			longest = max(longest, info.Size())
		}
	}
	t.Logf("the log was %d bytes long at most", longest)
	if longest > 8*bound {
		t.Errorf("got %d bytes, want a few times %d at most", longest, bound)
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
