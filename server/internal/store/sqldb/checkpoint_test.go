package sqldb

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestWALStaysBounded checks that SQLite starts the WAL anew when it is too long, while goroutines write
// without a pause.
func TestWALStaysBounded(t *testing.T) {
	t.Parallel()
	for _, writers := range []int{1, 8} {
		t.Run(fmt.Sprint(writers), func(t *testing.T) {
			t.Parallel()
			testWALStaysBounded(t, writers)
		})
	}
}

func testWALStaysBounded(t *testing.T, writers int) {
	t.Helper()
	db := open(t)
	const bound, maxWrites, times = 2 << 20, 100_000, 3
	db.checkpoints.limit.Store(bound)
	var next, anew atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := next.Add(1); i < maxWrites && anew.Load() < times; i = next.Add(1) {
				if err := write(t, db, i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	longest := watchWAL(t, db.checkpoints.wal, bound, func() bool { return anew.Load() < times && next.Load() < maxWrites }, func() { anew.Add(1) })
	group.Wait()
	if anew.Load() < times {
		t.Errorf("after %d commits SQLite has started the WAL anew %d times, and it had at most %d bytes", next.Load(), anew.Load(), longest)
	}
}

// TestWALWaitsForReaders checks that writers continue while a reader needs the WAL, even if it is much too
// long, and that SQLite starts it anew after the reader.
func TestWALWaitsForReaders(t *testing.T) {
	t.Parallel()
	db := open(t)
	const bound = 1 << 20
	db.checkpoints.limit.Store(bound)
	written := int64(0)
	fill := func(until func(size int64) bool) {
		for size := db.checkpoints.size(); !until(size) && written < 10_000; size = db.checkpoints.size() {
			written++
			if err := write(t, db, written); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := db.Read(t.Context(), func(tx *Tx) error {
		var n int // from this query on the reader needs the present WAL
		if err := tx.Scan(t.Context(), []any{&n}, `SELECT COUNT(*) FROM number`); err != nil || n > 0 {
			return fmt.Errorf("got %d rows before the first write, %w", n, err)
		}
		fill(func(size int64) bool { return size > 2*hardLimit*bound })
		return nil
	})
	if size := db.checkpoints.size(); err != nil || size <= 2*hardLimit*bound {
		t.Fatalf("the WAL has %d bytes under a reader, error %v", size, err)
	}
	fill(func(size int64) bool { return size < bound })
	if size := db.checkpoints.size(); size >= bound {
		t.Errorf("the WAL has %d bytes after %d commits, want less than %d", size, written, bound)
	}
}

// watchWAL reads the length of a WAL while on returns true, calls anew whenever it is short again, and
// returns its greatest length.
func watchWAL(t *testing.T, path string, bound int64, on func() bool, anew func()) (longest int64) {
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
