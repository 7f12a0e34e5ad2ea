package sqldb

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"modernc.org/sqlite"
)

// ErrUnavailable means that a transaction ended with an error that is Busy, and that it has
// certainly committed nothing.
var ErrUnavailable = errors.New("the database is not available")

// ErrConnect means that a database server could not be reached, or refused the connection. The
// connector of a server wraps it.
var ErrConnect = errors.New("no connection to the database")

// code returns the SQLSTATE of an error of PostgreSQL; "" for other errors.
func code(err error) string {
	var e interface {
		error
		SQLState() string
	}
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

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
	c := code(err)
	return c == "40001" || c == "40P01"
}

// lost reports whether the connection to PostgreSQL is lost, or the server is starting or stopping.
func lost(err error) bool {
	if c := code(err); c != "" {
		return strings.HasPrefix(c, "08") || strings.HasPrefix(c, "57P0") || c == "53300"
	}
	var network net.Error
	return errors.Is(err, ErrConnect) || errors.Is(err, driver.ErrBadConn) || unsent(err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) && !network.Timeout()
}

// undone reports whether a commit that failed has certainly committed nothing: the database itself
// refused it, or the connection was lost before the commit was sent.
func undone(err error) bool {
	var embedded *sqlite.Error
	return code(err) != "" || errors.As(err, &embedded) && Busy(err) || unsent(err)
}

// unsent reports whether an error of the driver of PostgreSQL says that nothing was sent to the
// server, as on a connection that was closed before.
func unsent(err error) bool {
	var e interface {
		error
		SafeToRetry() bool
	}
	return errors.As(err, &e) && e.SafeToRetry()
}
