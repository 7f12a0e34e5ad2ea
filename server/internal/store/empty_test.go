package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "make the empty database anew, if the migrations have changed")

// TestEmptyDatabaseIsCurrent: what new databases begin with is what the migrations make.
func TestEmptyDatabaseIsCurrent(t *testing.T) {
	migrated := inMemory(t)
	if err := migrated.migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	diff := cmp.Diff(tablesOf(t, migrated.write), embeddedTables(t))
	if diff == "" {
		return
	}
	if !*update {
		t.Fatalf("the embedded database is stale: run make generate (-migrations +embedded):\n%s", diff)
	}
	if _, err := migrated.write.ExecContext(t.Context(), `UPDATE goose_db_version SET tstamp = '2026-01-01 00:00:00'`); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrated.raw(t.Context(), func(c wholeDatabase) error {
		image, err := c.Serialize()
		if err == nil {
			_, err = w.Write(image)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("empty.db.gz", out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inMemory is a database in memory without anything.
func inMemory(t *testing.T) *Store {
	t.Helper()
	s := &Store{dialect: embedded, now: time.Now}
	var err error
	if s.write, err = sql.Open(embedded.driver, source(memoryName, true)); err != nil {
		t.Fatal(err)
	}
	s.read = s.write
	s.write.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func embeddedTables(t *testing.T) []string {
	t.Helper()
	s := inMemory(t)
	if err := s.fill(t.Context()); err != nil {
		if *update {
			return nil // there is none yet
		}
		t.Fatal(err)
	}
	return tablesOf(t, s.write)
}

// tablesOf is the schema of a database, and the migrations that it has seen.
func tablesOf(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), `SELECT type || ' ' || name || ': ' || COALESCE(sql, '') AS line FROM sqlite_master
		UNION ALL SELECT 'version ' || version_id || ' ' || is_applied FROM goose_db_version ORDER BY line`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
