package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
)

// newWorlds creates worlds in a transaction each.
func newWorlds(t *testing.T, s *store.Store, names ...string) {
	t.Helper()
	for _, name := range names {
		write(t, s, "", func(ctx context.Context, tx *store.Tx) error {
			return tx.NewWorld(ctx, store.World{Name: name, Plan: store.PlanFull})
		})
	}
}

// stateOf returns the state of a world that exists.
func stateOf(t *testing.T, s *store.Store, world string) store.WorldState {
	t.Helper()
	w, err := s.WorldState(t.Context(), world)
	if err != nil {
		t.Fatalf("world %s: %v", world, err)
	}
	return w
}

// revisions returns the revisions of worlds.
func revisions(t *testing.T, s *store.Store, worlds ...string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for _, w := range worlds {
		all[w] = stateOf(t, s, w).Revision
	}
	return all
}

// TestRevisionsIncrease checks that each committed write of a world increments its revision, and that no other transaction does.
func TestRevisionsIncrease(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *store.Tx) error { return nil }
	for _, tt := range []struct {
		name  string
		do    func(t *testing.T, s *store.Store)
		moved []string
	}{
		{"a write", func(t *testing.T, s *store.Store) { write(t, s, "a", nothing) }, []string{"a"}},
		{"a write that is rolled back", func(t *testing.T, s *store.Store) {
			if err := s.Write(t.Context(), "a", func(*store.Tx) error { return errGaveUp }); !errors.Is(err, errGaveUp) {
				t.Errorf("got %v", err)
			}
		}, nil},
		{"a write whose commit fails", func(t *testing.T, s *store.Store) {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Write(ctx, "a", func(tx *store.Tx) error {
				tx.OnCommit(func() func(bool) {
					cancel()
					return func(committed bool) {
						if committed {
							t.Error("the transaction was committed")
						}
					}
				})
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}, nil},
		{"a write in several worlds", func(t *testing.T, s *store.Store) {
			write(t, s, "a", func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.In(ctx, "c")
				return err
			})
		}, []string{"a", "c"}},
		{"a write in several worlds that is rolled back", func(t *testing.T, s *store.Store) {
			_ = s.Write(t.Context(), "a", func(tx *store.Tx) error {
				_, err := tx.In(t.Context(), "c")
				return errors.Join(err, errGaveUp)
			})
		}, nil},
		{"a write in no world", func(t *testing.T, s *store.Store) { write(t, s, "", nothing) }, nil},
		{"a write in a world that does not exist", func(t *testing.T, s *store.Store) { write(t, s, "nosuch", nothing) }, nil},
		{"a read", func(t *testing.T, s *store.Store) {
			if err := s.Read(t.Context(), "a", func(*store.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		}, nil},
		{"a plan of the options", func(t *testing.T, s *store.Store) {
			write(t, s, "", func(ctx context.Context, tx *store.Tx) error {
				return tx.PutWorld(ctx, store.World{Name: "b", Plan: store.PlanFree}, 7)
			})
			if w := stateOf(t, s, "b"); w.Plan != store.PlanFree {
				t.Errorf("got plan %s, want that of the options", w.Plan)
			}
		}, []string{"b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, s *store.Store) {
				newWorlds(t, s, "a", "b", "c")
				before := revisions(t, s, "a", "b", "c")
				want := map[string]bool{"a": false, "b": false, "c": false}
				for _, w := range tt.moved {
					want[w] = true
				}
				tt.do(t, s)
				got := map[string]bool{}
				for w, after := range revisions(t, s, "a", "b", "c") {
					got[w] = after > before[w]
					if after < before[w] {
						t.Errorf("the revision of %s decreased from %d to %d", w, before[w], after)
					}
					if !stateOf(t, s, w).Stable {
						t.Errorf("%s is not stable afterwards", w)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("worlds whose revision increased (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestNotStableWhileACommitRuns checks that no response can be cached during a commit, until the revision is incremented.
func TestNotStableWhileACommitRuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		newWorlds(t, s, "a", "b")
		before := revisions(t, s, "a", "b")
		shared := s.Shared() // then the row of the database counts, and changes with the commit
		check := func(when string, stable bool, revision int64) {
			t.Helper()
			if w := stateOf(t, s, "a"); w.Stable != stable || w.Revision != revision {
				t.Errorf("%s: got stable %v, revision %d; want %v, %d", when, w.Stable, w.Revision, stable, revision)
			}
			if w := stateOf(t, s, "b"); !w.Stable || w.Revision != before["b"] {
				t.Errorf("%s: got stable %v, revision %d of another world", when, w.Stable, w.Revision)
			}
		}
		write(t, s, "a", func(_ context.Context, tx *store.Tx) error {
			check("before the commit", true, before["a"])
			tx.OnCommit(func() func(bool) {
				check("while it runs", shared, before["a"])
				return func(committed bool) {
					if !committed {
						t.Error("the transaction was not committed")
					}
					check("after it", true, before["a"]+1)
				}
			})
			return nil
		})
	})
}

// TestReadWhileACommitRuns checks that the revision is unknown, as the data is that before or after the commit.
func TestReadWhileACommitRuns(t *testing.T) {
	t.Parallel()
	s := open(t, kinds["file"](t))
	newWorlds(t, s, "w")
	write(t, s, "w", func(_ context.Context, tx *store.Tx) error {
		tx.OnCommit(func() func(bool) {
			if err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
				if tx.Revision != 0 {
					t.Errorf("got revision %d, want none", tx.Revision)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			return func(bool) {}
		})
		return nil
	})
}

// TestRevisionOfARead checks that the revision is that of the data: a write during the read is neither read nor counted.
func TestRevisionOfARead(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, database string) {
		s := open(t, database)
		newWorlds(t, s, "w")
		before := stateOf(t, s, "w").Revision
		if err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
			if err := tx.HasRegistry(t.Context(), "r"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("before the write: got %v", err)
			}
			write(t, s, "w", func(ctx context.Context, tx *store.Tx) error { return insertRegistry(ctx, tx, "r") })
			if err := tx.HasRegistry(t.Context(), "r"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("after the write: got %v", err)
			}
			if again, err := tx.In(t.Context(), "w"); err != nil || s.Shared() && again.Revision != before {
				t.Errorf("in the same transaction: got revision %d, %v, want %d", again.Revision, err, before)
			}
			if tx.Revision != before {
				t.Errorf("got revision %d, want %d", tx.Revision, before)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if after := stateOf(t, s, "w").Revision; after != before+1 {
			t.Errorf("after it: got revision %d, want %d", after, before+1)
		}
	})
}

// TestCommitsThatEndInAnotherOrder commits a transaction, and another one before the Write of the first returns, and checks that the row of the later one stays.
func TestCommitsThatEndInAnotherOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		newWorlds(t, s, "w", "dropped")
		before := stateOf(t, s, "w").Revision
		write(t, s, "", func(ctx context.Context, tx *store.Tx) error {
			tx.OnCommit(func() func(bool) {
				return func(bool) {
					write(t, s, "w", func(ctx context.Context, tx *store.Tx) error { return tx.SetClock(ctx, 4711, 0) })
					write(t, s, "dropped", func(ctx context.Context, tx *store.Tx) error { return tx.DropWorld(ctx) })
				}
			})
			_, err := tx.In(ctx, "w")
			if err == nil {
				_, err = tx.In(ctx, "dropped")
			}
			return err
		})
		if w := stateOf(t, s, "w"); w.Revision != before+2 || w.Now != 4711 || !w.Stable {
			t.Errorf("got %+v, want revision %d and the clock of the later transaction", w, before+2)
		}
		if w, err := s.WorldState(t.Context(), "dropped"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a world that was dropped: got %+v, %v", w, err)
		}
	})
}

// TestManyWriters checks that the revision has increased when Write returns, and that it has counted all writes at the end.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	const writers, writes = 8, 20
	each(t, func(t *testing.T, s *store.Store) {
		newWorlds(t, s, "w")
		before := stateOf(t, s, "w").Revision
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				for n := range writes {
					was, err := s.WorldState(t.Context(), "w")
					id := fmt.Sprint(i, "-", n)
					err = errors.Join(err, s.Write(t.Context(), "w", func(tx *store.Tx) error { return insertRegistry(t.Context(), tx, id) }))
					is, failed := s.WorldState(t.Context(), "w")
					if err != nil || failed != nil || is.Revision <= was.Revision {
						t.Errorf("got revision %d after %d, %v, %v", is.Revision, was.Revision, err, failed)
						return
					}
				}
			})
		}
		group.Wait()
		if w := stateOf(t, s, "w"); w.Revision != before+writers*writes || !w.Stable {
			t.Errorf("got revision %d, stable %v; want %d", w.Revision, w.Stable, before+writers*writes)
		}
	})
}

// TestNumbersAreNeverReused checks that a world that was dropped and created again has a new number, even after the database was reopened.
func TestNumbersAreNeverReused(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, database string) {
		used := map[int64]string{}
		for _, turn := range []string{"the first store", "the second store"} {
			s, err := store.Open(t.Context(), testdb.Database(database), now.Time)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				newWorlds(t, s, "w")
				number, is := stateOf(t, s, "w").Number, fmt.Sprintf("world %d of %s", i, turn)
				if number <= 0 || used[number] != "" {
					t.Errorf("%s: got number %d, which is that of %q", is, number, used[number])
				}
				used[number] = is
				write(t, s, "w", func(ctx context.Context, tx *store.Tx) error { return tx.DropWorld(ctx) })
				if _, err := s.WorldState(t.Context(), "w"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s: after it was dropped: got %v", is, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestWorldsSurviveARestart checks that clocks and revisions are the same after the database was reopened.
func TestWorldsSurviveARestart(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, database string) {
		worlds := []string{"real", "frozen", "scaled"}
		first, err := store.Open(t.Context(), testdb.Database(database), now.Time)
		if err != nil {
			t.Fatal(err)
		}
		newWorlds(t, first, worlds...)
		write(t, first, "frozen", func(ctx context.Context, tx *store.Tx) error { return tx.SetClock(ctx, 1000, 0) })
		write(t, first, "scaled", func(ctx context.Context, tx *store.Tx) error { return tx.SetClock(ctx, 2000, 2500) })
		want := map[string]store.WorldState{}
		for _, w := range worlds {
			want[w] = stateOf(t, first, w)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second := open(t, database)
		for _, w := range worlds {
			if diff := cmp.Diff(want[w], stateOf(t, second, w)); diff != "" {
				t.Errorf("%s (-before +after):\n%s", w, diff)
			}
		}
	})
}

// TestTimeOfNoWorld checks that a world that does not exist has the clock of the store.
func TestTimeOfNoWorld(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		newWorlds(t, s, "w")
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error { return tx.SetClock(ctx, 5, 0) })
		for world, want := range map[string]openapi.Millis{"w": 5, "nosuch": now, "": now} {
			if got, err := s.Time(t.Context(), world); err != nil || got != want {
				t.Errorf("%q: got %d, %v, want %d", world, got, err, want)
			}
		}
	})
}
