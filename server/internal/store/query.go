package store

import (
	"context"
	"errors"
	"fmt"
)

// statement is a query with its arguments.
type statement struct {
	text string
	args []any
	rows int // how many rows a query probably has; 0 if that is not known
}

// query returns a statement.
func query(text string, args ...any) statement { return statement{text: text, args: args} }

// in returns the condition that a column has one of some values, which are appended to args.
func (tx *Tx) in(column string, values []string, args ...any) statement {
	text, args := tx.Dialect.In(column, values, args...)
	return statement{text: text, args: args}
}

// collect reads all rows of a query; fields returns where the columns of a row go.
func collect[T any](ctx context.Context, tx *Tx, fields func(*T) []any, q statement) ([]T, error) {
	rows, err := tx.Query(ctx, q.text, q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make([]T, 0, q.rows)
	var row T
	into := fields(&row)
	for rows.Next() {
		row = *new(T)
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// column reads the only column of all rows of a query.
func column[T any](ctx context.Context, tx *Tx, q statement) ([]T, error) {
	return collect(ctx, tx, func(v *T) []any { return []any{v} }, q)
}

// count counts rows; from is the part of the query that begins with FROM.
func (tx *Tx) count(ctx context.Context, from statement) (n int, err error) {
	err = tx.Scan(ctx, []any{&n}, `SELECT COUNT(*)`+from.text, from.args...)
	return n, err
}

// find reads one row into fields. An error, such as ErrNotFound, names the kind of the row.
func (tx *Tx) find(ctx context.Context, kind string, fields []any, q statement) error {
	if err := tx.Scan(ctx, fields, q.text, q.args...); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// first reads the first row of a query into fields, and reports whether there is one.
func (tx *Tx) first(ctx context.Context, fields []any, text string, args ...any) (found bool, err error) {
	err = tx.Scan(ctx, fields, text, args...)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// run runs a statement.
func (tx *Tx) run(ctx context.Context, text string, args ...any) error {
	_, err := tx.Exec(ctx, text, args...)
	return err
}

// runAll runs statements that have the same arguments.
func (tx *Tx) runAll(ctx context.Context, texts []string, args ...any) error {
	for _, text := range texts {
		if err := tx.run(ctx, text, args...); err != nil {
			return err
		}
	}
	return nil
}

// runOne runs a statement that inserts or changes a row of a kind. It returns none, such as
// ErrNotFound or ErrDuplicate, if the statement changed no row.
func (tx *Tx) runOne(ctx context.Context, kind string, none error, q statement) error {
	n, err := tx.Exec(ctx, q.text, q.args...)
	if err == nil && n == 0 {
		return fmt.Errorf("%s: %w", kind, none)
	}
	return err
}
