//go:build unix

package testdb

import (
	"strings"

	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/store/pgdb"
)

// Database returns the database with a name: the path of a SQLite file, ":memory:", or the URL of a
// PostgreSQL database.
func Database(name string) store.Database {
	if strings.HasPrefix(name, "postgres://") {
		return store.Database{Server: pgdb.Connector(name)}
	}
	return store.Database{Path: name}
}
