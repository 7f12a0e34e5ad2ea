package registry

import (
	"sync/atomic"
	"time"
)

// batchRows is the batch size: how many rows of a bulk job one transaction changes at most. Between
// two batches other writers get their turn.
const batchRows = 1000

// batchSize is an adaptive batch size. It bounds the time for which other writers wait.
type batchSize struct{ size atomic.Int64 }

// The bounds of the size, and of the time that a batch should take. On PostgreSQL only writers of
// the same world wait for a batch, so it may take sharedFactor times as long.
const (
	sharedFactor      = 5
	minRows, maxRows  = 200, 10_000
	tooShort, tooLong = 12 * time.Millisecond, 20 * time.Millisecond
)

func (b *batchSize) rows() int { return int(max(b.size.Load(), minRows)) }

// adapt changes the size by how long a batch took. A batch that changed few rows cannot show that
// larger batches are fast enough.
func (b *batchSize) adapt(d time.Duration, changed int, shared bool) {
	if shared {
		d /= sharedFactor
	}
	switch n := b.size.Load(); {
	case d > tooLong:
		b.size.Store(max(n/2, minRows))
	case d < tooShort && int64(changed) > n/2:
		b.size.Store(min(n+n/4, maxRows))
	}
}

// scanFactor is how many times as many rows a transaction may read as it may change.
const scanFactor = 10

// rowsToRead returns how many rows a transaction reads to find size rows to change. It estimates
// this from the share of rows that the job has changed so far.
func rowsToRead(size, changed, read int) int {
	if read == 0 {
		return size
	}
	return min(size*read/max(changed, 1), size*scanFactor)
}
