package registry

import (
	"sync/atomic"
	"time"
)

// batchRows is how many rows of a bulk job one transaction changes, so that other writers get their
// turn.
const batchRows = 1000

// batchSize is how many rows a transaction changes: as many as make other writers wait for a time
// that users do not feel.
type batchSize struct{ size atomic.Int64 }

// The bounds of a batch, and of the time that it should take. On PostgreSQL only writers of the
// same world wait for it, so that it may take several times as long.
const (
	sharedFactor      = 5
	fewest, most      = 200, 10_000
	tooShort, tooLong = 12 * time.Millisecond, 20 * time.Millisecond
)

func (a *batchSize) rows() int { return int(max(a.size.Load(), fewest)) }

// adapt changes the size by how long a batch has taken. A batch that changed few rows does not say
// that batches may be larger.
func (a *batchSize) adapt(d time.Duration, changed int, shared bool) {
	if shared {
		d /= sharedFactor
	}
	switch n := a.size.Load(); {
	case d > tooLong:
		a.size.Store(max(n/2, fewest))
	case d < tooShort && int64(changed) > n/2:
		a.size.Store(min(n+n/4, most))
	}
}

// scanFactor is how many times as many rows a transaction may read as it may change.
const scanFactor = 10

// rowsToRead is how many rows to read to find as many to change as a transaction may, for a job
// that has changed some of those that it has read.
func rowsToRead(size, changed, read int) int {
	if read == 0 {
		return size
	}
	return min(size*read/max(changed, 1), size*scanFactor)
}
