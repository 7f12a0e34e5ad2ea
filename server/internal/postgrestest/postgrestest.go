//go:build unix

// Package postgrestest provides PostgreSQL databases for tests: of the server that
// QCS_TEST_POSTGRES_URL names, or of a server in a temporary folder that ends with the process.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Variable names the URL of a server to use. Its user must be allowed to create databases.
const Variable = "QCS_TEST_POSTGRES_URL"

// New returns the URL of a new database: a copy of a template, or an empty one if template is "".
// The end of the test drops it. Without PostgreSQL the test fails; it is never skipped.
func New(t testing.TB, template string) string {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v\n"+
			"\"make postgres\" installs it where it may; %s names a server to use instead", err, Variable)
	}
	return server.New(t, template)
}

// New returns the URL of a new database of the server, like the function New.
func (c *Cluster) New(t testing.TB, template string) string {
	t.Helper()
	name, err := create(c.URL, template)
	if err != nil {
		t.Fatalf("database for a test: %v", err)
	}
	t.Cleanup(func() {
		if err := run(c.URL, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the database of a test: %v", err)
		}
	})
	return in(c.URL, name)
}

var databases atomic.Int64

func create(server, template string) (name string, err error) {
	name = fmt.Sprintf("qcs_test_%d_%d", os.Getpid(), databases.Add(1))
	text := `CREATE DATABASE ` + name
	if template != "" {
		u, err := url.Parse(template)
		if err != nil {
			return "", err
		}
		text += ` TEMPLATE ` + strings.TrimPrefix(u.Path, "/")
	}
	if os.Getenv(Variable) == "" {
		if err := run(server, text+` STRATEGY FILE_COPY`); err == nil { // faster; from version 15 on
			return name, nil
		}
	}
	return name, run(server, text)
}

// Keep returns the URL of an empty database that exists until the process ends, to be filled as a
// template. No connection to it may be open when New copies it.
func Keep() (string, error) {
	server, err := start()
	if err != nil {
		return "", err
	}
	name, err := create(server.URL, "")
	return in(server.URL, name), err
}

// in returns the URL of a database of a server.
func in(server, name string) string {
	u, _ := url.Parse(server) // cannot fail: the URL was used before
	u.Path = "/" + name
	return u.String()
}

func run(server, text string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), text)
	return errors.Join(err, db.Close())
}
