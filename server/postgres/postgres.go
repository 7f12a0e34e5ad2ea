// Package postgres keeps the data of an emulator in a PostgreSQL database, which any number of
// emulators (replicas) share. It is apart from package server so that programs that use SQLite do
// not link pgx and River.
package postgres

import (
	"database/sql/driver"
	"net/url"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/store/pgdb"
)

// Database returns the database with a URL, postgres://user@host/name, for Options of package
// server. Without a password in the URL, PGPASSWORD or PGPASSFILE may have it. Nothing is connected
// yet: an invalid URL is an error of server.New.
func Database(url string) server.Database { return database{url} }

// database implements server.Database.
type database struct{ url string }

// Connector implements server.Database.
func (d database) Connector() driver.Connector { return pgdb.Connector(d.url) }

// String returns the URL without passwords.
func (d database) String() string {
	u, err := url.Parse(d.url)
	if err != nil {
		return "the database" // the error contains the URL
	}
	u.RawQuery = "" // it may contain a password, too
	return u.Redacted()
}
