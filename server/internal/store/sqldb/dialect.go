package sqldb

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// Dialect is what differs between the databases. The SQL text is the same for both.
type Dialect struct {
	Like   string                      // case-sensitive operator that compares with a pattern
	Any    string                      // wildcard for any text in a pattern
	Escape func(literal string) string // quotes a text for a pattern
	Arrays bool                        // Insert passes the columns of all rows as arrays

	driver  string
	goose   goose.Dialect
	list    string             // condition that a column is one of the values of the argument $
	values  func([]string) any // returns that argument
	shared  bool               // several processes, and several writers of one process, may use the database
	collate string             // collation of text columns: by bytes, as Go compares
}

// In returns the condition that a column has one of some values, and args with the values appended.
func (d Dialect) In(column string, values []string, args ...any) (string, []any) {
	args = append(args, d.values(values))
	return column + " " + strings.ReplaceAll(d.list, "$", "$"+strconv.Itoa(len(args))), args
}

// embedded is SQLite inside the process. GLOB is case-sensitive, SQLite's LIKE is not. One
// connection writes, so that no row needs a lock.
var embedded = Dialect{
	driver: "sqlite", goose: goose.DialectSQLite3,
	Like: "GLOB", Any: "*", Escape: escapeGlob,
	list: "IN (SELECT value FROM json_each($))",
	values: func(all []string) any {
		text, _ := json.Marshal(all) // cannot fail for strings
		return string(text)
	},
}

// postgres is PostgreSQL.
var postgres = Dialect{
	driver: "pgx", goose: goose.DialectPostgres,
	Like: "LIKE", Any: "%", Escape: strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace,
	list:   "= ANY($)",
	values: func(all []string) any { return all },
	shared: true, Arrays: true, collate: ` COLLATE "C"`,
}

// isPostgres reports whether the name of a database is the URL of a PostgreSQL server.
func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

var textColumn = regexp.MustCompile(`(?m)\btext(\s+NOT NULL)`)

// migration adapts a migration to the dialect. A migration *.sqlite.sql does nothing on PostgreSQL.
func (d Dialect) migration(name string, migration []byte) []byte {
	switch {
	case d.collate == "":
		return migration
	case strings.HasSuffix(name, ".sqlite.sql"):
		return []byte("-- +goose Up\nSELECT 1;\n")
	}
	return textColumn.ReplaceAll(migration, []byte("text"+d.collate+"$1"))
}

func escapeGlob(literal string) string {
	var out []byte
	for _, b := range []byte(literal) {
		if b == '*' || b == '?' || b == '[' {
			out = append(out, '[', b, ']')
			continue
		}
		out = append(out, b)
	}
	return string(out)
}

// source returns the connection string of a SQLite file. Writers take the lock when a transaction
// begins, so that they do not fail in the middle of it; readers cannot write.
func source(path string, write bool) string {
	query := url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(NORMAL)"}}
	if path != Memory {
		query.Add("_pragma", "journal_mode(WAL)")
		query.Add("_pragma", "mmap_size(1073741824)") // bytes of the file that are read without a system call
	}
	if write {
		query.Set("_txlock", "immediate")
		query.Add("_pragma", "cache_size(-3000)")           // KiB: the pages of a batch; larger caches were slower
		query.Add("_pragma", "wal_autocheckpoint(0)")       // see checkpointer
		query.Add("_pragma", "journal_size_limit(1000000)") // bytes; SQLite truncates a longer WAL
	} else {
		query.Add("_pragma", "query_only(1)")
	}
	return fileURL(path, query)
}

// readOnlySource returns the connection string of a SQLite file that must exist and does not
// change, not even its journal mode. Unlike with query_only, Backup works.
func readOnlySource(path string) string {
	return fileURL(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
}

func fileURL(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String()
}
