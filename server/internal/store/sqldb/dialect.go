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

// Dialect holds all that differs between databases; the SQL text is the same for each.
type Dialect struct {
	Like   string                      // operator that compares with a pattern, case-sensitive
	Any    string                      // what stands for any text in a pattern
	Escape func(literal string) string // writes a text into a pattern so that it stands for itself
	Arrays bool                        // rows are inserted by their columns, as arrays

	driver  string
	goose   goose.Dialect
	list    string             // condition that a column is one of the values of an argument, $
	values  func([]string) any // the argument
	shared  bool               // several processes may use it, and several writers of one process
	collate string             // of columns with texts: order by bytes, as Go compares
}

// In is the condition that a column is one of some values, and the arguments with the values added.
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
		text, _ := json.Marshal(all) // texts
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

// isPostgres reports whether a database is named by the URL of a PostgreSQL server, rather than by
// a path.
func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

var textColumn = regexp.MustCompile(`(?m)\btext(\s+NOT NULL)`)

// migration writes a migration for the database. One whose name says that it is for SQLite does
// nothing to another.
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

// source is the connection string of a SQLite file. Writers take the lock when they begin, so that
// none fails half-way; readers never write.
func source(path string, write bool) string {
	query := url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(NORMAL)"}}
	if path != Memory {
		query.Add("_pragma", "journal_mode(WAL)")
	}
	if write {
		query.Set("_txlock", "immediate")
		// KiB: what a piece of a bulk job touches; with more, jobs take longer, as they have to
		// fetch memory
		query.Add("_pragma", "cache_size(-3000)")
		query.Add("_pragma", "wal_autocheckpoint(0)")       // see checkpointer
		query.Add("_pragma", "journal_size_limit(1000000)") // bytes that the WAL keeps when it begins anew
	} else {
		query.Add("_pragma", "query_only(1)")
	}
	return fileURL(path, query)
}

// readOnlySource is the connection string of a SQLite file that must exist and is not changed, not
// even its journal mode. A copy can be made of it, which query_only would forbid.
func readOnlySource(path string) string {
	return fileURL(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
}

func fileURL(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String()
}
