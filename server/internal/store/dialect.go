package store

import (
	"errors"
	"net/url"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // the driver "sqlite", too
)

// Busy reports whether an error says that the database was in use by another process for too long: trying again later can help.
func Busy(err error) bool {
	const busy, locked, primary = 5, 6, 0xff // result codes of SQLite; the primary code is in the lowest byte
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&primary == busy || e.Code()&primary == locked)
}

// dialect holds all that differs between databases; the SQL text is the same for each.
type dialect struct {
	driver string
	goose  goose.Dialect
	like   string                      // operator that compares with a pattern, with regard to case
	any    string                      // what stands for any text in a pattern
	escape func(literal string) string // a text as it stands, in a pattern
}

// embedded is SQLite inside the process. GLOB regards case, which its LIKE does not.
var embedded = dialect{driver: "sqlite", goose: goose.DialectSQLite3, like: "GLOB", any: "*", escape: escapeGlob}

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

// memoryName means a database that lives as long as the process.
const memoryName = ":memory:"

// source is the connection string of a SQLite file. Writers take the lock when they begin, so that none fails half-way; readers never write.
func source(path string, write bool) string {
	query := url.Values{"_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "synchronous(NORMAL)"}}
	if path != memoryName {
		query.Add("_pragma", "journal_mode(WAL)")
	}
	if write {
		query.Set("_txlock", "immediate")
	} else {
		query.Add("_pragma", "query_only(1)")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String()
}
