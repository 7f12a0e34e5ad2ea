package registry

import (
	"sync/atomic"
	"time"
)

// adaptive is how many rows a transaction looks at: as many as keep other writers waiting for a time that nobody feels.
type adaptive struct{ size atomic.Int64 }

// The bounds of a chunk, and of the time that it should take. On PostgreSQL it keeps waiting only who writes in the same world: it may take several times as long.
const (
	patience          = 5
	fewest, most      = 200, 10_000
	tooShort, tooLong = 8 * time.Millisecond, 18 * time.Millisecond
)

func (a *adaptive) rows() int { return int(max(a.size.Load(), fewest)) }

// took learns from how long a chunk has taken. The last of a job may be a small one, from which it does not learn that others may be larger.
func (a *adaptive) took(d time.Duration, full, shared bool) {
	if shared {
		d /= patience
	}
	switch n := a.size.Load(); {
	case d > tooLong:
		a.size.Store(max(n/2, fewest))
	case d < tooShort && full:
		a.size.Store(min(n+n/4, most))
	}
}
