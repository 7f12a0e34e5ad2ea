//go:build unix

// Package postgrestest gives tests databases of a PostgreSQL server: one that QCS_TEST_POSTGRES_URL
// names, or one that is started for the process and ends with it, in a temporary folder.
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

// Variable names the environment variable with the URL of a server to use. Its user must be allowed
// to create databases.
const Variable = "QCS_TEST_POSTGRES_URL"

// New gives the URL of a database that is copied from another, or empty when that is "", and that
// is dropped at the end of the test. A missing PostgreSQL fails the test: it is never skipped.
func New(t testing.TB, template string) string {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatalf(
			"PostgreSQL for tests: %v\n\"make postgres\" installs it where it may; %s names a server to use instead",
			err, Variable,
		)
	}
	return server.New(t, template)
}

// New gives the URL of a database of the server, as the function of this name does.
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

// Keep gives the URL of an empty database that stays until the process ends: to fill it once, as a
// template. Nobody may be connected to it when it is copied.
func Keep() (string, error) {
	server, err := start()
	if err != nil {
		return "", err
	}
	name, err := create(server.URL, "")
	return in(server.URL, name), err
}

// in names a database of a server.
func in(server, name string) string {
	u, _ := url.Parse(server) // it was used just now
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
