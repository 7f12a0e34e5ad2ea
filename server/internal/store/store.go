// Package store keeps the emulator's data: rows, transactions and SQL. It knows no rules: what may happen to a row is decided in package registry.
//
// Every query carries the world of its transaction, so that nobody sees the data of another subscription, but for those that go through all worlds and say so. The SQL text is one for all databases; what differs is in dialect.go.
// The package must not import net/http, nor any package of the server but this one.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/qcsdev/qcs/openapi"
)

// ErrNotFound says that a row does not exist in the world of the transaction.
var ErrNotFound = errors.New("not found")

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database. It is safe for concurrent use.
type Store struct {
	write, read *sql.DB
	dialect     dialect
	now         func() time.Time
}

// Open opens the SQLite database in a file, which is made if it does not exist, or in memory when path is ":memory:", and brings its schema up to date.
// The clock gives each transaction its time.
func Open(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	s := &Store{dialect: embedded, now: now}
	var err error
	if s.write, err = sql.Open(embedded.driver, source(path, true)); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	s.read = s.write // in memory: the data belongs to the connection
	if path != memoryName {
		if s.read, err = sql.Open(embedded.driver, source(path, false)); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.read.SetMaxOpenConns(8)
		s.read.SetMaxIdleConns(8)
	}
	if path == memoryName {
		err = s.fill(ctx)
	} else {
		err = s.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(s.dialect.goose, s.write, files)
	if err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err == nil {
		return nil
	}
	// Another process that starts on the same file at the same time may have done it.
	if pending, check := provider.HasPending(ctx); check != nil || pending {
		return err
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error {
	if s.read != s.write && s.read != nil {
		return errors.Join(s.read.Close(), s.write.Close())
	}
	return s.write.Close()
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

// Tx is a transaction of one world. Now is its time by the clock of the world; everything it writes carries it.
type Tx struct {
	World   string
	Now     openapi.Millis
	machine openapi.Millis // by the clock of the store
	sql     *sql.Tx
	dialect dialect
}

// Write runs f in a transaction that is committed when f returns nil and undone otherwise.
func (s *Store) Write(ctx context.Context, world string, f func(*Tx) error) error {
	return s.run(ctx, s.write, world, f)
}

// Read runs f in a transaction that sees one state of the data and writes nothing.
func (s *Store) Read(ctx context.Context, world string, f func(*Tx) error) error {
	return s.run(ctx, s.read, world, f)
}

func (s *Store) run(ctx context.Context, db *sql.DB, world string, f func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	machine, pinned := ctx.Value(machineKey{}).(openapi.Millis)
	if !pinned {
		machine = openapi.MillisOf(s.now())
	}
	wtx, err := (&Tx{Now: machine, machine: machine, sql: tx, dialect: s.dialect}).In(ctx, world)
	if err != nil {
		return err
	}
	if err := f(wtx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

type machineKey struct{}

// At makes the clock of the store stand still for the transactions with a context.
func At(ctx context.Context, machine openapi.Millis) context.Context {
	return context.WithValue(ctx, machineKey{}, machine)
}

// In gives the same transaction for another world, whose clock it reads. A world that does not exist yet, and none, have the clock of the store.
func (tx *Tx) In(ctx context.Context, world string) (*Tx, error) {
	other := *tx
	other.World, other.Now = world, tx.machine
	if world == "" {
		return &other, nil
	}
	clock, err := other.Clock(ctx)
	if errors.Is(err, ErrNotFound) {
		return &other, nil
	}
	other.Now = clock.At(tx.machine)
	return &other, err
}

// exec runs a statement and returns the number of rows that it touched.
func (tx *Tx) exec(ctx context.Context, query string, args ...any) (int, error) {
	result, err := tx.sql.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// scan reads one row; none is ErrNotFound.
func (tx *Tx) scan(ctx context.Context, fields []any, query string, args ...any) error {
	err := tx.sql.QueryRowContext(ctx, query, args...).Scan(fields...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// statement is a query with its arguments.
type statement struct {
	text string
	args []any
}

// collect reads all rows of a query; fields names where the columns of a row go.
func collect[T any](ctx context.Context, tx *Tx, fields func(*T) []any, q statement) ([]T, error) {
	rows, err := tx.sql.QueryContext(ctx, q.text, q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		var t T
		if err := rows.Scan(fields(&t)...); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// jsonText is a column that holds a value as JSON.
type jsonText[T any] struct{ value *T }

// asJSON makes a field of a row a JSON column.
func asJSON[T any](value *T) jsonText[T] { return jsonText[T]{value} }

// Scan implements sql.Scanner.
func (j jsonText[T]) Scan(column any) error {
	switch c := column.(type) {
	case string:
		return json.Unmarshal([]byte(c), j.value)
	case []byte:
		return json.Unmarshal(c, j.value)
	}
	return fmt.Errorf("column holds %T, want JSON text", column)
}

// Value implements driver.Valuer.
func (j jsonText[T]) Value() (driver.Value, error) {
	data, err := json.Marshal(j.value)
	return string(data), err
}
