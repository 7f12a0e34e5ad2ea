package sqldb

import (
	"path/filepath"
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
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "qcs.db"), numbers())
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
