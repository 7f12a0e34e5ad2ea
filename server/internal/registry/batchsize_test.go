package registry

import (
	"testing"
	"time"
)

// TestBatchSize checks that the batch size increases after short batches and decreases after long ones, and that a batch that changes few rows does not increase it.
func TestBatchSize(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		took        time.Duration
		changed     int
		shared      bool
		times, want int
	}{
		"short":             {time.Millisecond, 1000, false, 1, 1250},
		"short, many times": {time.Millisecond, maxRows, false, 50, maxRows},
		"few":               {time.Millisecond, 500, false, 50, 1000},
		"in the range":      {15 * time.Millisecond, 1000, false, 5, 1000},
		"long":              {30 * time.Millisecond, 1000, false, 1, 500},
		"few, but long":     {30 * time.Millisecond, 0, false, 1, 500},
		"long, many times":  {time.Second, 1000, false, 50, minRows},
		"shared":            {30 * time.Millisecond, 1000, true, 1, 1250},
	} {
		var a batchSize
		a.size.Store(1000)
		for range tt.times {
			a.adapt(tt.took, tt.changed, tt.shared)
		}
		if a.rows() != tt.want {
			t.Errorf("%s: got %d rows, want %d", name, a.rows(), tt.want)
		}
	}
}

// TestRowsToRead checks that more rows are read if few of them are changed.
func TestRowsToRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ changed, read, want int }{{0, 0, 1000}, {1000, 1000, 1000}, {500, 1000, 2000}, {1, 1000, 10_000}, {0, 1000, 10_000}} {
		if got := rowsToRead(1000, tt.changed, tt.read); got != tt.want {
			t.Errorf("%d of %d changed: got %d, want %d", tt.changed, tt.read, got, tt.want)
		}
	}
}
