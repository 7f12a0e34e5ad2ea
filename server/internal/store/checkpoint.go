package store

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"time"
)

// checkpointer moves what is written from the log of a SQLite file into the file. A writer would do so itself when it commits, for hundreds of milliseconds in which no other can write; on a connection of
// its own it keeps nobody waiting for a lock. As it takes a processor and the disk from those who read, it waits until nobody writes, unless the log becomes too long.
type checkpointer struct {
	db   *sql.DB
	log  string // path of the log
	wake chan struct{}
	end  func()
}

const (
	enough = 4 << 20                // bytes of the log that are worth the effort
	most   = 256 << 20              // bytes after which the effort is made even while others write
	quiet  = 200 * time.Millisecond // without a commit
)

func newCheckpointer(path string) (*checkpointer, error) {
	db, err := sql.Open(embedded.driver, source(path, true))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	c := &checkpointer{db: db, log: path + "-wal", wake: make(chan struct{}, 1)}
	var group sync.WaitGroup
	group.Go(func() { c.run(ctx) })
	c.end = func() {
		cancel()
		group.Wait()
	}
	return c, nil
}

// written tells of a commit.
func (c *checkpointer) written() {
	if c == nil {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it knows
	}
}

func (c *checkpointer) run(ctx context.Context) {
	pause := time.NewTimer(quiet)
	defer pause.Stop()
	var moved int64 // size of the log when it was moved last
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			pause.Reset(quiet)
			grown := c.size() - moved
			if grown < 0 { // it began anew
				moved = 0
			}
			if grown < most {
				continue
			}
		case <-pause.C:
		}
		if size := c.size(); size > enough {
			_, _ = c.db.ExecContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`) // the next one does what this one could not
			moved = size
		}
	}
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
