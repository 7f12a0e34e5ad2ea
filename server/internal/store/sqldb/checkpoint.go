package sqldb

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkpointer moves what is written from the log of a SQLite file into the file. A writer would do
// so itself when it commits, for hundreds of milliseconds in which no other can write; on a
// connection of its own it keeps nobody waiting for a lock. As it takes a processor and the disk
// from those who read, it waits until nobody writes, unless the log becomes too long.
type checkpointer struct {
	db, writer *sql.DB
	log        string       // path of the log
	most       atomic.Int64 // bytes after which the effort is made even while others write
	emptying   sync.Mutex
	wake       chan struct{}
	end        func()
}

const (
	enough = 4 << 20                // bytes of the log that are worth the effort
	quiet  = 200 * time.Millisecond // without a commit
)

func newCheckpointer(path string, writer *sql.DB) (*checkpointer, error) {
	db, err := sql.Open(embedded.driver, source(path, true))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	c := &checkpointer{db: db, writer: writer, log: path + "-wal", wake: make(chan struct{}, 1)}
	c.most.Store(1 << 30)
	var group sync.WaitGroup
	group.Go(func() { c.run(ctx) })
	c.end = func() {
		cancel()
		group.Wait()
	}
	return c, nil
}

// written tells of a commit. When the log is too long, who made it empties it before he goes on: a
// bulk job, which wrote most of it, so stops to write.
func (c *checkpointer) written() {
	if c == nil {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it knows
	}
	if size, most := c.size(), c.most.Load(); size > most && c.emptying.TryLock() {
		defer c.emptying.Unlock()
		if left := move(context.Background(), c.db); left > 0 && size > patient*most {
			move(context.Background(), c.writer)
		}
	}
}

// patient is how many times as long as it may be the log becomes before nobody may write until it
// is empty. It begins anew where nobody has written between its last page being moved and the next
// commit.
const patient = 2

func (c *checkpointer) run(ctx context.Context) {
	pause := time.NewTimer(quiet)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			pause.Reset(quiet)
		case <-pause.C:
			if c.size() > enough {
				move(ctx, c.db)
				shrink(ctx, c.db)
				shrink(ctx, c.writer)
			}
		}
	}
}

// move moves what is in the log, as far as nobody needs it there, and says how many pages are left.
func move(ctx context.Context, db *sql.DB) (left int) {
	var busy, pages, done int
	if err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &done); err != nil {
		return 0 // the next one does what this one could not
	}
	return pages - done
}

// shrink gives back the memory of pages that a bulk job or an import has left: tens of megabytes.
func shrink(ctx context.Context, db *sql.DB) {
	_, _ = db.ExecContext(ctx, `PRAGMA shrink_memory`) // it is tried again
}

// size is that of the log, in bytes.
func (c *checkpointer) size() int64 {
	info, err := os.Stat(c.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// close ends the work; the last connection that is closed empties the log.
func (c *checkpointer) close() error {
	if c == nil {
		return nil
	}
	c.end()
	return c.db.Close()
}
