//go:build unix

// Package testdb provides the tests of a package with the database that the environment names:
// SQLite, or PostgreSQL with QCS_TEST_DATABASE=postgres. Only tests import it.
package testdb

import (
	"os"
	"sync"
	"testing"

	"github.com/qcsdev/qcs/server/internal/postgrestest"
)

// Variable names the environment variable with the kind of the database: "sqlite", which is the
// default, or "postgres".
const Variable = "QCS_TEST_DATABASE"

// Postgres reports whether tests use PostgreSQL.
func Postgres(t testing.TB) bool {
	t.Helper()
	switch kind := os.Getenv(Variable); kind {
	case "", "sqlite":
		return false
	case "postgres":
		return true
	default:
		t.Fatalf("%s is %q, want sqlite or postgres", Variable, kind)
		return false
	}
}

// Databases are the databases for the tests of a package.
type Databases struct {
	template func() (url string, err error)
}

// New returns databases. Those of PostgreSQL are copies of a template, an empty database that fill
// has filled once.
func New(fill func(url string) error) *Databases {
	return &Databases{sync.OnceValues(func() (string, error) {
		url, err := postgrestest.Keep()
		if err == nil {
			err = fill(url)
		}
		return url, err
	})}
}

// Name returns the name of a database for one test: a SQLite database in memory, or the URL of a
// copy of the template.
func (d *Databases) Name(t testing.TB) string {
	t.Helper()
	if Postgres(t) {
		return d.copy(t)
	}
	return ":memory:"
}

func (d *Databases) copy(t testing.TB) string {
	t.Helper()
	template, err := d.template()
	if err != nil {
		t.Fatalf("template of the databases for tests: %v", err)
	}
	return postgrestest.New(t, template)
}
