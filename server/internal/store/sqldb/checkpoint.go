package sqldb

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkpointer runs the checkpoints of a SQLite file: it copies the pages of the WAL into the file.
// SQLite would do so in a commit, for hundreds of milliseconds in which no other writer gets the
// lock; a checkpoint on a connection of its own does not need the lock. It takes a processor and
// the disk from readers, so it runs when there have been no writes for a while, or when the WAL is
// too long.
type checkpointer struct {
	db, writer *sql.DB
	wal        string       // path of the WAL
	limit      atomic.Int64 // bytes of the WAL after which a commit runs a checkpoint
	running    sync.Mutex   // locked while a commit runs a checkpoint
	committed  chan struct{}
	stop       func()
}

const (
	worthwhile = 4 << 20                // bytes of the WAL that are worth a checkpoint
	idle       = 200 * time.Millisecond // time without a commit after which a checkpoint runs

	// hardLimit is a multiple of the limit. If a checkpoint beside other writers leaves a longer
	// WAL, the next one runs on the connection that writes, so that no other writer adds pages
	// meanwhile: SQLite starts the WAL anew only when all of its pages have been copied before the
	// next commit.
	hardLimit = 2
)

func newCheckpointer(path string, writer *sql.DB) (*checkpointer, error) {
	db, err := sql.Open(sqliteDriver, source(path, true))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	c := &checkpointer{db: db, writer: writer, wal: path + "-wal", committed: make(chan struct{}, 1)}
	c.limit.Store(1 << 30)
	var group sync.WaitGroup
	group.Go(func() { c.run(ctx) })
	c.stop = func() {
		cancel()
		group.Wait()
	}
	return c, nil
}

// afterCommit is called by the goroutine that has committed. If the WAL is longer than the limit,
// that goroutine runs a checkpoint before it continues, which slows down the bulk job that wrote
// the pages.
func (c *checkpointer) afterCommit() {
	if c == nil {
		return
	}
	select {
	case c.committed <- struct{}{}:
	default:
	}
	if size, limit := c.size(), c.limit.Load(); size > limit && c.running.TryLock() {
		defer c.running.Unlock()
		if left := checkpoint(context.Background(), c.db); left > 0 && size > hardLimit*limit {
			checkpoint(context.Background(), c.writer)
		}
	}
}

func (c *checkpointer) run(ctx context.Context) {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.committed:
			timer.Reset(idle)
		case <-timer.C:
			if c.size() > worthwhile {
				checkpoint(ctx, c.db)
				shrink(ctx, c.db)
				shrink(ctx, c.writer)
			}
		}
	}
}

// checkpoint copies the pages of the WAL that no reader needs, and returns how many pages are left.
func checkpoint(ctx context.Context, db *sql.DB) (left int) {
	var busy, pages, copied int
	if err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &copied); err != nil {
		return 0 // the next checkpoint copies the pages
	}
	return pages - copied
}

// shrink frees the page cache that a bulk job or an import has left: tens of megabytes.
func shrink(ctx context.Context, db *sql.DB) {
	_, _ = db.ExecContext(ctx, `PRAGMA shrink_memory`) // runs again after the next checkpoint
}

// size returns the bytes of the WAL.
func (c *checkpointer) size() int64 {
	info, err := os.Stat(c.wal)
	if err != nil {
		return 0
	}
	return info.Size()
}

// close stops the checkpoints. Closing the last connection of the file runs a final one.
func (c *checkpointer) close() error {
	if c == nil {
		return nil
	}
	c.stop()
	return c.db.Close()
}
