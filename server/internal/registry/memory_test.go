package registry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/store"
)

func has[V any](m *memory[V], k pageKey) bool {
	v, _ := m.last(k)
	return v != nil
}

// TestMemoryIsBounded: what is remembered has a bound in bytes, and of a world nothing stays but what is true.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory[int]
	key := func(world string, n int) pageKey { return pageKey{world: world, number: n} }
	for n := range 1000 {
		m.put(key("w", n), 1, n, 10_000)
		if m.size > maxMemory || m.get(key("w", n), 1) == nil {
			t.Fatalf("after %d: %d bytes", n, m.size)
		}
	}
	if m.get(key("w", 999), 2) != nil {
		t.Error("it counts at another revision")
	}
	m.put(key("v", 1), 7, 1, 100)
	m.put(key("w", 1), 2, 1, 100)
	if has(&m, key("w", 999)) || !has(&m, key("w", 1)) || !has(&m, key("v", 1)) || m.size != 2*(100+least) {
		t.Errorf("got %d bytes of %d worlds", m.size, len(m.worlds))
	}
	m.put(key("w", 1), 2, 1, 100)
	if m.size != 2*(100+least) {
		t.Errorf("the same once more: got %d bytes", m.size)
	}
}

// TestLargePagesAreNotRemembered, by what they hold, not by their rows.
func TestLargePagesAreNotRemembered(t *testing.T) {
	t.Parallel()
	for targets, remembers := range map[int]bool{1: true, 1000: false} {
		s, err := store.Open(t.Context(), ":memory:", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		tags := make([]api.RepoTag, targets)
		for i := range tags {
			tags[i] = api.RepoTag{Repo: fmt.Sprint(strings.Repeat("x", 100), i)}
		}
		if err := s.Write(t.Context(), "w", func(tx *store.Tx) error {
			if err := tx.PutWorld(t.Context(), "w", store.PlanFull, 0); err != nil {
				return err
			}
			if err := tx.InsertRegistry(t.Context(), api.RegistryDetails{RegistryUUID: "r", RegistryURI: "https://r", RegistryType: api.RegistryTypeV2}); err != nil {
				return err
			}
			return tx.InsertSchedule(t.Context(), store.Schedule{Schedule: api.Schedule{ScheduleUUID: "s", Filters: []api.ScheduleFilter{{RepoTags: tags}}}, RegistryID: "r"})
		}); err != nil {
			t.Fatal(err)
		}
		service := New(Options{Store: s})
		if _, err := service.ListSchedules(WithWorld(t.Context(), "w"), "r", Query{}); err != nil {
			t.Fatal(err)
		}
		if got := has(&service.pages.schedules, pageKey{world: "w", registry: "r", number: 1, size: defaultPageSize}); got != remembers {
			t.Errorf("%d targets: remembered is %v", targets, got)
		}
	}
}
