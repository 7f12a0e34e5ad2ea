package registry

import (
	"sync/atomic"
	"time"
)

// adaptive is how many rows a transaction changes: as many as keep other writers waiting for a time
// that nobody feels.
type adaptive struct{ size atomic.Int64 }

// The bounds of a chunk, and of the time that it should take. On PostgreSQL it keeps waiting only
// who writes in the same world: it may take several times as long.
const (
	patience          = 5
	fewest, most      = 200, 10_000
	tooShort, tooLong = 12 * time.Millisecond, 20 * time.Millisecond
)

func (a *adaptive) rows() int { return int(max(a.size.Load(), fewest)) }

// took learns from how long a chunk has taken. From one that changed few rows it does not learn
// that others may be larger.
func (a *adaptive) took(d time.Duration, changed int, shared bool) {
	if shared {
		d /= patience
	}
	switch n := a.size.Load(); {
	case d > tooLong:
		a.size.Store(max(n/2, fewest))
	case d < tooShort && int64(changed) > n/2:
		a.size.Store(min(n+n/4, most))
	}
}

// widest is how many times as many rows a transaction may look at as it may change.
const widest = 10

// wider is how many rows to look at to find as many to change as a transaction may, in a job that
// has changed some of those that it looked at.
func wider(size, changed, looked int) int {
	if looked == 0 {
		return size
	}
	return min(size*looked/max(changed, 1), size*widest)
}
