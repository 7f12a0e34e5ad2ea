// Package pgdb connects to PostgreSQL with pgx; package sqldb runs the transactions. Only programs
// that use PostgreSQL import this package, so that others do not link pgx.
package pgdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// Connector connects to the database with this URL, "postgres://…". It is a driver.Connector.
type Connector string

// Connect implements driver.Connector.
func (c Connector) Connect(ctx context.Context) (driver.Conn, error) {
	config, err := pgx.ParseConfig(string(c))
	if err != nil {
		return nil, errors.New("the URL is invalid") // the error of pgx contains the password
	}
	if config.RuntimeParams["jit"] == "" {
		config.RuntimeParams["jit"] = "off" // compiling these queries takes longer than running them
	}
	conn, err := stdlib.GetConnector(*config).Connect(ctx)
	var failed *pgconn.ConnectError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %w", sqldb.ErrConnect, err)
	}
	return conn, err
}

// Driver implements driver.Connector.
func (Connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }
