package store

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

var update = flag.Bool("update", false, "make the empty database anew, if the migrations have changed")

// TestEmptyDatabaseIsCurrent compares the embedded database, of which new databases are copies, with the result of the migrations.
func TestEmptyDatabaseIsCurrent(t *testing.T) {
	path := migrated(t)
	diff := cmp.Diff(contentOf(t, path), embeddedContent(t))
	if diff == "" {
		return
	}
	if !*update {
		t.Fatalf("the embedded database is stale: run make generate (-migrations +embedded):\n%s", diff)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(image); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("empty.db.gz", out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// migrated returns the path of a new file that the migrations have filled. It is not in WAL mode, so
// that it can be a database in memory, and does not contain the time of the migrations.
func migrated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qcs.db")
	made, err := sqldb.Open(t.Context(), Database{Path: path}, schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, text := range []string{
		`UPDATE goose_db_version SET tstamp = '2026-01-01 00:00:00'`, `PRAGMA journal_mode = DELETE`, `VACUUM`,
	} {
		if _, err := file.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// embeddedContent returns the content of the embedded database.
func embeddedContent(t *testing.T) []string {
	t.Helper()
	image, err := unpacked()
	if err != nil {
		if *update {
			return nil // there is none yet
		}
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "embedded.db")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	return contentOf(t, path)
}

// contentOf returns the schema of a database, its applied migrations, and its last number of a world.
func contentOf(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return linesOf(t, db, `SELECT type || ' ' || name || ': ' || COALESCE(sql, '') AS line FROM sqlite_master
		UNION ALL SELECT 'version ' || version_id || ' ' || is_applied FROM goose_db_version
		UNION ALL SELECT 'last number of a world: ' || last FROM world_number ORDER BY line`)
}

// linesOf returns the rows of a query.
func linesOf(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
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
