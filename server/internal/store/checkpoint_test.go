package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qcsdev/qcs/gen/api"
)

// TestTheLogStaysBounded while some write without a pause: it begins anew when it has become too long. Of many, one writes while another empties it.
func TestTheLogStaysBounded(t *testing.T) {
	t.Parallel()
	for _, writers := range []int{1, 8} {
		t.Run(fmt.Sprint(writers), func(t *testing.T) {
			t.Parallel()
			testLogStaysBounded(t, writers)
		})
	}
}

func testLogStaysBounded(t *testing.T, writers int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qcs.db")
	s, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const bound, most, times = 2 << 20, 100_000, 3
	s.checkpoints.most.Store(bound)
	if err := s.Write(t.Context(), "w", func(tx *Tx) error { return tx.PutWorld(t.Context(), "w", PlanFull, 0) }); err != nil {
		t.Fatal(err)
	}
	var next, anew atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := next.Add(1); i < most && anew.Load() < times; i = next.Add(1) {
				if err := s.Write(t.Context(), "w", func(tx *Tx) error { return put(t.Context(), tx, i) }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	longest := watchLog(t, path+"-wal", bound, func() bool { return anew.Load() < times && next.Load() < most }, func() { anew.Add(1) })
	group.Wait()
	if anew.Load() < times {
		t.Errorf("after %d commits it has begun anew %d times, and was %d bytes long at most", next.Load(), anew.Load(), longest)
	}
}

// TestTheLogWaitsForReaders that still need it: writers go on meanwhile, even where it is much too long, and it begins anew after them.
func TestTheLogWaitsForReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	s, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const bound = 1 << 20
	s.checkpoints.most.Store(bound)
	if err := s.Write(t.Context(), "w", func(tx *Tx) error { return tx.PutWorld(t.Context(), "w", PlanFull, 0) }); err != nil {
		t.Fatal(err)
	}
	written := int64(0)
	fill := func(until func(size int64) bool) {
		for size := s.checkpoints.size(); !until(size) && written < 10_000; size = s.checkpoints.size() {
			written++
			if err := s.Write(t.Context(), "w", func(tx *Tx) error { return put(t.Context(), tx, written) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = s.Read(t.Context(), "w", func(tx *Tx) error {
		before, err := tx.ScheduleCounts(t.Context(), "r") // from now on the log as it is now is needed
		if err != nil || len(before) > 0 {
			return errors.Join(err, errors.New("there is nothing yet"))
		}
		fill(func(size int64) bool { return size > 2*patient*bound })
		return nil
	})
	if size := s.checkpoints.size(); err != nil || size <= 2*patient*bound {
		t.Fatalf("the log has %d bytes under a reader, error %v", size, err)
	}
	fill(func(size int64) bool { return size < bound })
	if size := s.checkpoints.size(); size >= bound {
		t.Errorf("the log has %d bytes after %d commits, want less than %d", size, written, bound)
	}
}

// watchLog looks at a log as long as it goes on, tells each time when it is short again, and gives its greatest length.
func watchLog(t *testing.T, path string, bound int64, on func() bool, anew func()) (longest int64) {
	t.Helper()
	long := false
	for on() {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			return longest
		}
		if longest = max(longest, info.Size()); info.Size() < bound && long {
			anew()
		}
		long = info.Size() > bound
		runtime.Gosched()
	}
	return longest
}

func put(ctx context.Context, tx *Tx, i int64) error {
	return tx.InsertSchedule(ctx, Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprint("s", i), Status: api.StatusQueued, Created: tx.Now}, RegistryID: "r"})
}
