package store

import (
	"context"
	"database/sql"
	"os"
	"sync"
)

// checkpointer moves what is written from the log of a SQLite file into the file. A writer would do so itself when it commits, for hundreds of milliseconds in which no other can write; on a connection of
// its own it is in nobody's way.
type checkpointer struct {
	db   *sql.DB
	log  string // path of the log
	wake chan struct{}
	end  func()
}

// enough is how long the log may be before it is worth the effort, in bytes.
const enough = 4 << 20

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
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if info, err := os.Stat(c.log); err == nil && info.Size() > enough {
			_, _ = c.db.ExecContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`) // the next one does what this one could not
		}
	}
}

// close ends the work; the last connection that is closed empties the log.
func (c *checkpointer) close() error {
	if c == nil {
		return nil
	}
	c.end()
	return c.db.Close()
}
