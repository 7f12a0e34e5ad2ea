package store

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"
)

// Revision counts the changes of the world's registries and schedules. As long as it is the same, a list is.
func (tx *Tx) Revision(ctx context.Context) (n int64, err error) {
	return n, tx.scan(ctx, []any{&n}, `SELECT revision FROM world WHERE id = $1`, tx.World)
}

// revise notes that registries or schedules of the world have changed.
func (tx *Tx) revise(ctx context.Context) error {
	_, err := tx.exec(ctx, `UPDATE world SET revision = revision + 1 WHERE id = $1`, tx.World)
	return err
}

// Revision is that of a world, for who asks nothing else. Of a SQLite file to which nothing was written it is remembered.
func (s *Store) Revision(ctx context.Context, world string) (n int64, err error) {
	now, quiet := s.log.stamp()
	if quiet {
		if n, known := s.log.get(world, now); known {
			return n, nil
		}
	}
	err = s.Ask(ctx, "", func(tx *Tx) error {
		tx.World = world
		n, err = tx.Revision(ctx)
		return err
	})
	if err == nil && quiet {
		s.log.put(world, revisionAt{now, n})
	}
	return n, err
}

// logFile is the log of a SQLite file, into which everything is written first, by whichever process: by its time and size one sees without a question that nothing has happened.
type logFile struct {
	path string
	mu   sync.Mutex
	all  map[string]revisionAt // by world
}

// stamp is the state of the log.
type stamp struct{ written, size int64 } // nanoseconds since 1970, bytes

// revisionAt is a revision of a world, as long as the log is in a state.
type revisionAt struct {
	stamp stamp
	n     int64
}

// mostWorlds is of how many worlds a revision is remembered; with more it begins anew.
const mostWorlds = 1000

// settled is how long ago the log must have been written to: file systems count time in ticks, and two changes in one tick look like one.
const settled = 100 * time.Millisecond

// stamp gives the state of the log, if it says that nothing happens just now.
func (l *logFile) stamp() (at stamp, quiet bool) {
	if l == nil {
		return at, false
	}
	info, err := os.Stat(l.path)
	if err != nil {
		return at, false
	}
	return stamp{info.ModTime().UnixNano(), info.Size()}, time.Since(info.ModTime()) > settled
}

func (l *logFile) get(world string, now stamp) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, known := l.all[world]
	return r.n, known && r.stamp == now
}

// put remembers a revision that was read after the log was in a state.
func (l *logFile) put(world string, r revisionAt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) >= mostWorlds {
		clear(l.all)
	}
	l.all[world] = r
}

// newLogFile gives the log of a SQLite file; none on Windows, where its time may be told late.
func newLogFile(path string) *logFile {
	if runtime.GOOS == "windows" {
		return nil
	}
	return &logFile{path: path + "-wal", all: map[string]revisionAt{}}
}
