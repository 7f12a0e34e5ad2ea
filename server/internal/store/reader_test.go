package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// TestTimeFollowsTheClockAtOnce checks that the next call uses a changed clock.
func TestTimeFollowsTheClockAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			return tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFull}, 0)
		})
		for _, shows := range []openapi.Millis{1000, 2000, 500} {
			write(t, s, "w", func(ctx context.Context, tx *store.Tx) error { return tx.SetClock(ctx, shows, 0) })
			for range 3 {
				got, err := s.Time(t.Context(), "w")
				if err != nil || got != shows {
					t.Errorf("got %v, %v, want %v", got, err, shows)
				}
			}
			if err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
				if tx.Now != shows {
					t.Errorf("in a transaction: got %v, want %v", tx.Now, shows)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
		if got, err := s.Time(t.Context(), "nosuch"); err != nil || got == 500 {
			t.Errorf("a world that does not exist: got %v, %v", got, err)
		}
	})
}

// TestManyReadersAndStatements runs many concurrent read transactions, some of which fail, with many different statements.
func TestManyReadersAndStatements(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			if err := tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFull}, 0); err != nil {
				return err
			}
			return insertRegistry(ctx, tx, "r")
		})
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				for n := range 30 {
					err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
						if n%7 == 0 {
							return errGaveUp
						}
						l := store.List{Page: 1, Size: 1 + i*30 + n} // a different statement for each
						all, total, err := tx.Registries(t.Context(), l)
						if err == nil && (len(all) != 1 || total != 1 || all[0].RegistryUUID != "r") {
							err = fmt.Errorf("got %v, %d", all, total)
						}
						return err
					})
					if (n%7 == 0) != (err != nil) {
						t.Errorf("got %v", err)
					}
				}
			})
		}
		group.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Read(ended, "w", func(tx *store.Tx) error { _, _, err := tx.Registries(ended, store.List{Page: 1, Size: 1}); return err }); err == nil {
			t.Error("a transaction of a disconnected caller: got no error")
		}
		if err := s.Read(t.Context(), "w", func(tx *store.Tx) error { return tx.HasRegistry(t.Context(), "r") }); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}

var errGaveUp = fmt.Errorf("gave up")
