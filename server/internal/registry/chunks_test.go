package registry

import (
	"testing"
	"time"
)

// TestAdaptive: chunks grow while they are short and shrink when they are long; the rest of a small job says nothing.
func TestAdaptive(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		took         time.Duration
		full, shared bool
		times, want  int
	}{
		"short":                     {time.Millisecond, true, false, 1, 1250},
		"short, many times":         {time.Millisecond, true, false, 50, most},
		"the rest of a small job":   {time.Millisecond, false, false, 50, 1000},
		"as it should be":           {10 * time.Millisecond, true, false, 5, 1000},
		"long":                      {30 * time.Millisecond, true, false, 1, 500},
		"a long rest":               {30 * time.Millisecond, false, false, 1, 500},
		"long, many times":          {time.Second, true, false, 50, fewest},
		"it keeps only one waiting": {30 * time.Millisecond, true, true, 1, 1250},
	} {
		var a adaptive
		a.size.Store(chunk)
		for range tt.times {
			a.took(tt.took, tt.full, tt.shared)
		}
		if a.rows() != tt.want {
			t.Errorf("%s: got %d rows, want %d", name, a.rows(), tt.want)
		}
	}
}
