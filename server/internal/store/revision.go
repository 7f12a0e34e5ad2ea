package store

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Revision counts the transactions that wrote in the world. As long as it is the same, a list is.
func (tx *Tx) Revision(ctx context.Context) (n int64, err error) {
	return n, tx.scan(ctx, []any{&n}, `SELECT revision FROM world WHERE id = $1`, tx.World)
}

// Revision is that of a world, for who asks nothing else. Of a SQLite file to which nothing was
// written it is remembered.
func (s *Store) Revision(ctx context.Context, world string) (n int64, err error) {
	began := time.Now() //nolint:forbidigo // for how long it is remembered, not the time of a world
	at, quiet := s.log.stamp(began)
	if quiet {
		if n, known := s.log.get(world, at, began); known {
			return n, nil
		}
	}
	err = s.Ask(ctx, "", func(tx *Tx) error {
		tx.World = world
		n, err = tx.Revision(ctx)
		return err
	})
	if err == nil && quiet {
		s.log.put(world, revisionAt{at, began, n})
	}
	return n, err
}

// logFile is the log of a SQLite file, into which everything is written first, by whichever
// process: by its time and size one sees without a question that nothing has happened. What this
// process commits is counted besides. Another one may be held up between its last byte and the
// commit: so what is remembered counts for a second only, as clocks do.
type logFile struct {
	path   string
	clocks *clockCache // counts the commits

	mu   sync.Mutex
	file *os.File              // open, as to look at it costs a quarter of looking for its name; nil till it is needed
	all  map[string]revisionAt // by world
}

// stamp is a state of the log.
type stamp struct {
	written, size int64 // nanoseconds since 1970, bytes
	commits       uint64
}

// revisionAt is a revision of a world, as it was read in a state of the log.
type revisionAt struct {
	stamp stamp
	read  time.Time
	n     int64
}

// mostWorlds is of how many worlds a revision is remembered; with more it begins anew.
const mostWorlds = 1000

// settled is how long ago the log must have been written to: file systems count time in ticks, and
// two changes in one tick look like one.
const settled = 100 * time.Millisecond

// newLogFile gives the log of a SQLite file; none where the system does not tell of it in time.
func newLogFile(path string, clocks *clockCache) *logFile {
	if !tellsInTime {
		return nil
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return &logFile{path: path + "-wal", clocks: clocks, all: map[string]revisionAt{}}
}

// stamp gives the state of the log, if it says that nothing happens just now. A time without parts
// of a second is that of a file system that knows none.
func (l *logFile) stamp(now time.Time) (at stamp, quiet bool) {
	if l == nil {
		return at, false
	}
	commits, idle := l.clocks.state()
	written, size, there := l.look()
	return stamp{
			written,
			size,
			commits,
		}, there && idle && written%int64(time.Second) != 0 &&
			now.UnixNano()-written > int64(settled)
}

// look tells when the log was written to and how long it is. SQLite removes it with the last
// connection of all processes, and makes another one: then that is opened.
func (l *logFile) look() (written, size int64, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		if written, size, there = fileState(l.file); there {
			return written, size, true
		}
		_ = l.file.Close() // nothing was written through it
	}
	if l.file, _ = os.Open(l.path); l.file == nil { // there is none yet
		return 0, 0, false
	}
	return fileState(l.file)
}

// close is called once, when nobody asks any more. SQLite holds no locks on its log, which would
// end with this.
func (l *logFile) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close() // nothing was written through it; without a file it is an error
}

func (l *logFile) get(world string, at stamp, now time.Time) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, known := l.all[world]
	return r.n, known && r.stamp == at && now.Sub(r.read) < remembers
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
