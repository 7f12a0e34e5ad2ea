package sqldb

import (
	"context"
	"database/sql"
	"errors"
)

// ErrNotFound means that a row does not exist.
var ErrNotFound = errors.New("not found")

// querier runs the statements of a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a transaction.
type Tx struct {
	Dialect
	Writes bool // the transaction may write

	querier  querier
	onCommit []func() func(committed bool)
}

// OnCommit calls begin immediately before the commit, and the function that begin returns
// immediately after it. Neither is called if the transaction is rolled back before.
func (tx *Tx) OnCommit(begin func() (end func(committed bool))) {
	tx.onCommit = append(tx.onCommit, begin)
}

// Exec runs a statement and returns the number of rows that it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int, error) {
	result, err := tx.querier.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Scan reads one row into fields; no row is ErrNotFound.
func (tx *Tx) Scan(ctx context.Context, fields []any, query string, args ...any) error {
	trace(ctx, query, args)
	err := tx.querier.QueryRowContext(ctx, query, args...).Scan(fields...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// Query runs a query. The caller closes the rows.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	trace(ctx, query, args)
	return tx.querier.QueryContext(ctx, query, args...)
}

type traceKey struct{}

// WithTrace returns a context whose queries are passed to f, for tests of query plans.
func WithTrace(ctx context.Context, f func(query string, args []any)) context.Context {
	return context.WithValue(ctx, traceKey{}, f)
}

func trace(ctx context.Context, query string, args []any) {
	if f, ok := ctx.Value(traceKey{}).(func(string, []any)); ok {
		f(query, args)
	}
}
