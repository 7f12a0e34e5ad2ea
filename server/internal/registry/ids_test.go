package registry_test

import (
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/qcsdev/qcs/server/internal/registry"
)

// TestIDs checks that ids increase whether the clock stands still, advances or goes back, that they are unique, and that they are UUIDs of version 4.
func TestIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ids := registry.NewIDs(func() time.Time { return at }, rand.Reader)
	var all []string
	for _, later := range []time.Duration{0, 0, time.Nanosecond, time.Millisecond, time.Hour, -2 * time.Hour, 0, 300 * 24 * time.Hour} {
		at = at.Add(later)
		all = append(all, ids.New())
	}
	if !slices.IsSorted(all) {
		t.Errorf("got %q, want increasing ids", all)
	}
	for _, id := range all {
		if u, err := uuid.Parse(id); err != nil || u.Version() != 4 || u.Variant() != uuid.RFC4122 {
			t.Errorf("%s: got version %d, variant %v, %v", id, u.Version(), u.Variant(), err)
		}
	}
	if first, want := all[0][:13], "69f495c0-0000"; first != want {
		t.Errorf("got %s, want it to begin with the time %s", first, want)
	}
	concurrent := registry.NewIDs(func() time.Time { return at.Add(-time.Hour) }, rand.Reader)
	found := map[string]bool{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				id := concurrent.New()
				mu.Lock()
				found[id] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(found) != 4000 {
		t.Errorf("got %d different ids, want 4000", len(found))
	}
}
