package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
)

// readOnly opens a file that another store may have open.
func readOnly(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), testdb.Database(path), now.Time)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestReadOnly checks that a file can be read, checked and copied while another store has it open, and is not changed.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := kinds["file"](t)
	owner := open(t, path)
	newWorlds(t, owner, "w")
	s := readOnly(t, path)
	write(t, owner, "w", func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(insertRegistry(ctx, tx, "r"), tx.SetClock(ctx, 4711, 0))
	})
	if err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
		if tx.Now != 4711 {
			t.Errorf("got time %d, want that of the clock", tx.Now)
		}
		return tx.HasRegistry(t.Context(), "r")
	}); err != nil {
		t.Error(err)
	}
	if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("check: got %v, %v", found, err)
	}
	if err := s.Write(t.Context(), "w", func(tx *store.Tx) error { return insertRegistry(t.Context(), tx, "q") }); err == nil {
		t.Error("a read-only store has written")
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, to), "w", func(ctx context.Context, tx *store.Tx) error { return tx.HasRegistry(ctx, "r") })
}

// TestReadOnlyOfACopy checks that a copy that was never opened for writing can be read, and is not changed.
func TestReadOnlyOfACopy(t *testing.T) {
	t.Parallel()
	owner, path := open(t, kinds["file"](t)), filepath.Join(t.TempDir(), "copy.db")
	newWorlds(t, owner, "w")
	if err := owner.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if w := stateOf(t, readOnly(t, path), "w"); w.Revision != 1 {
		t.Errorf("got %+v", w)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, %v", err)
	}
	if files, err := filepath.Glob(path + "*"); err != nil || len(files) != 1 {
		t.Errorf("got files %q, %v", files, err)
	}
}

// TestReadOnlyAfterACrash checks that data that is only in the WAL is read.
func TestReadOnlyAfterACrash(t *testing.T) {
	t.Parallel()
	path, crashed := kinds["file"](t), filepath.Join(t.TempDir(), "crashed.db")
	owner := open(t, path)
	newWorlds(t, owner, "w")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(crashed+suffix, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if w := stateOf(t, readOnly(t, crashed), "w"); w.Revision != 1 {
		t.Errorf("got %+v", w)
	}
}

// TestReadOnlyCreatesNoFile checks that a database that does not exist is an error, and is not created.
func TestReadOnlyCreatesNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	if _, err := store.OpenReadOnly(t.Context(), testdb.Database(path), now.Time); err == nil {
		t.Error("a file that does not exist: got no error")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after it: got %v, want no file", err)
	}
}
