package sqldb

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

// numbers is a schema with one table.
func numbers() Schema {
	return Schema{Version: 1, Migrations: fstest.MapFS{
		"00001_numbers.sql": {Data: []byte("-- +goose Up\nCREATE TABLE number (n bigint NOT NULL, label text NOT NULL);\n")},
	}}
}

// open opens a SQLite file with the table of numbers.
func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), Database{Path: filepath.Join(t.TempDir(), "qcs.db")}, numbers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// write adds a number.
func write(t *testing.T, db *DB, n int64) error {
	return db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO number (n, label) VALUES ($1, $2)`, n, "a label that fills some bytes of a page")
		return err
	})
}

// TestOnCommit checks that all hooks begin before the commit and end after it, in their order, and that
// none is called without a commit.
func TestOnCommit(t *testing.T) {
	t.Parallel()
	db := open(t)
	gaveUp := errors.New("gave up")
	for name, tt := range map[string]struct {
		result error
		want   []string
	}{
		"committed":   {nil, []string{"begin 1 at 0", "begin 2 at 0", "end 1 true at 1", "end 2 true at 1"}},
		"rolled back": {gaveUp, nil},
	} {
		var events []string
		rows := func() (n int) {
			if err := db.Read(t.Context(), func(tx *Tx) error {
				return tx.Scan(t.Context(), []any{&n}, `SELECT COUNT(*) FROM number WHERE label = $1`, name)
			}); err != nil {
				t.Error(err)
			}
			return n
		}
		err := db.Write(t.Context(), func(tx *Tx) error {
			for i := range 2 {
				tx.OnCommit(func() func(bool) {
					events = append(events, fmt.Sprintf("begin %d at %d", i+1, rows()))
					return func(committed bool) {
						events = append(events, fmt.Sprintf("end %d %v at %d", i+1, committed, rows()))
					}
				})
			}
			_, err := tx.Exec(t.Context(), `INSERT INTO number (n, label) VALUES (1, $1)`, name)
			return errors.Join(err, tt.result)
		})
		if !errors.Is(err, tt.result) || !slices.Equal(events, tt.want) {
			t.Errorf("%s: got %q, %v, want %q", name, events, err, tt.want)
		}
	}
}
