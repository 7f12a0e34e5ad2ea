package sqldb

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// ErrUnavailable means that a transaction ended with an error that is Busy, and that it has
// certainly committed nothing.
var ErrUnavailable = errors.New("the database is not available")

// Busy reports whether an error means that the database could not be used now, so that a later try
// can succeed: another process locked it for too long, transactions were in conflict, or the
// connection was lost.
func Busy(err error) bool {
	const busy, locked, primary = 5, 6, 0xff // result codes of SQLite; the primary code is in the lowest byte
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()&primary == busy || e.Code()&primary == locked
	}
	return conflict(err) || lost(err)
}

// conflict reports whether PostgreSQL has rolled back a transaction because of a conflict with
// another one (serialization failure, deadlock).
func conflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// lost reports whether the connection to PostgreSQL is lost, or the server is starting or stopping.
func lost(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P0") || e.Code == "53300"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) && !network.Timeout()
}

// undone reports whether a commit that failed has certainly committed nothing: the database itself
// refused it, or the connection was lost before the commit was sent.
func undone(err error) bool {
	var server *pgconn.PgError
	var embedded *sqlite.Error
	return errors.As(err, &server) || errors.As(err, &embedded) && Busy(err) || pgconn.SafeToRetry(err)
}
