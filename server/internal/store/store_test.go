package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
)

// kinds has functions that create an empty database of each kind.
var kinds = map[string]func(*testing.T) string{
	"memory":   func(*testing.T) string { return store.Memory },
	"file":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "a b%20c?.db") },
	"postgres": func(t *testing.T) string { return postgrestest.New(t, "") },
}

// each runs a test on every kind of database.
func each(t *testing.T, f func(*testing.T, *store.Store)) {
	for name, database := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open(t, database(t)))
		})
	}
}

// eachLasting runs a test on every kind of database that can be reopened.
func eachLasting(t *testing.T, f func(t *testing.T, database string)) {
	for name, database := range kinds {
		if name != "memory" {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t, database(t))
			})
		}
	}
}

func insertRegistry(ctx context.Context, tx *store.Tx, id string) error {
	return tx.InsertRegistry(ctx, api.RegistryDetails{RegistryUUID: id, RegistryURI: "https://" + id, RegistryType: api.RegistryTypeV2, Created: tx.Now})
}

func TestWorldsAreSeparate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		for _, world := range []string{"one", "two"} {
			write(t, s, world, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.PutWorld(ctx, store.World{Name: world, Plan: store.PlanFull}, 0); err != nil {
					return err
				}
				if err := insertRegistry(ctx, tx, "same-id"); err != nil {
					return err
				}
				if err := tx.InsertJob(ctx, store.Job{Job: control.Job{JobID: "same-id", Kind: control.JobKindCancelSchedules}}); err != nil {
					return err
				}
				return tx.InsertSchedule(ctx, store.Schedule{Schedule: api.Schedule{ScheduleUUID: "same-id", Status: api.StatusRunning}, RegistryID: "same-id"})
			})
		}
		write(t, s, "one", func(ctx context.Context, tx *store.Tx) error {
			return tx.CancelSchedules(ctx, "same-id", []store.Row{{ID: "same-id", Status: api.StatusRunning}})
		})
		for world, want := range map[string]store.Counts{"one": {"Canceled": 1}, "two": {"Running": 1}, "three": {}} {
			write(t, s, world, func(ctx context.Context, tx *store.Tx) error {
				got, err := tx.ScheduleCounts(ctx, "same-id")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", world, diff)
				}
				return err
			})
		}
		write(t, s, "three", func(ctx context.Context, tx *store.Tx) error {
			for name, read := range map[string]func() error{
				"registry": func() error { _, err := tx.Registry(ctx, "same-id"); return err },
				"schedule": func() error { _, err := tx.Schedule(ctx, "same-id", "same-id"); return err },
				"job":      func() error { _, err := tx.Job(ctx, "same-id"); return err },
			} {
				if err := read(); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s of another world: got %v, want ErrNotFound", name, err)
				}
			}
			return nil
		})
	})
}

func TestFailedTransactionsAreRolledBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		stop := errors.New("stop")
		err := s.Write(t.Context(), "w", func(tx *store.Tx) error {
			if err := insertRegistry(t.Context(), tx, "r"); err != nil {
				t.Error(err)
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Errorf("got %v, want the error of the function", err)
		}
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			if err := tx.HasRegistry(ctx, "r"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
			return nil
		})
	})
}

func TestReadersOfAFileCannotWrite(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "qcs.db"))
	if err := s.Read(t.Context(), "w", func(tx *store.Tx) error { return insertRegistry(t.Context(), tx, "r") }); err == nil {
		t.Error("a read transaction wrote")
	}
}

func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	first, err := store.Open(t.Context(), testdb.Database(path), now.Time)
	if err != nil {
		t.Fatal(err)
	}
	write(t, first, "w", func(ctx context.Context, tx *store.Tx) error { return insertRegistry(ctx, tx, "r") })
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, path), "w", func(ctx context.Context, tx *store.Tx) error { return tx.HasRegistry(ctx, "r") })
}

func TestRegistryHasTotalsOfRepositories(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			if err := insertRegistry(ctx, tx, "r"); err != nil {
				return err
			}
			for _, r := range []api.Repository{{RepoName: "a", TotalImages: 9}, {RepoName: "b", TotalImages: 3, TotalScannedImages: 2, TotalVulnerableImages: 1}, {RepoName: "a", TotalImages: 4}} {
				if err := tx.PutRepository(ctx, "r", r); err != nil {
					return err
				}
			}
			got, err := tx.Registry(ctx, "r")
			if got.RepoCount != 2 || got.TotalImages != 7 || got.TotalScannedImages != 2 || got.TotalVulnerableImages != 1 {
				t.Errorf("got %+v", got)
			}
			return err
		})
	})
}

func TestClearKeepsUsers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			if err := errors.Join(tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFree}, 0), insertRegistry(ctx, tx, "r"), tx.InsertAccount(ctx, store.Account{Name: "a", World: "w"})); err != nil {
				return err
			}
			if err := tx.InsertSchedule(ctx, store.Schedule{Schedule: api.Schedule{ScheduleUUID: "s", Status: api.StatusQueued}, RegistryID: "r"}); err != nil {
				return err
			}
			return tx.Clear(ctx)
		})
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			empty, err := tx.IsEmpty(ctx)
			if err != nil || !empty {
				t.Errorf("got empty %v, %v", empty, err)
			}
			accounts, err := tx.Accounts(ctx)
			if len(accounts) != 1 {
				t.Errorf("got %d users, want 1", len(accounts))
			}
			return err
		})
	})
}

// TestBusy checks that the error is Busy if another process locks the database for too long.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	s := open(t, path)
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	write(t, s, "w", func(ctx context.Context, _ *store.Tx) error {
		if _, err := other.ExecContext(ctx, "DELETE FROM job"); !store.Busy(err) {
			t.Errorf("got %v, want a busy database", err)
		}
		return nil
	})
	if store.Busy(errors.New("else")) || store.Busy(nil) {
		t.Error("got busy for another error")
	}
}
