// Package sqldb runs transactions on SQLite and PostgreSQL: connections, retries, dialects,
// migrations and checkpoints. It does not depend on the tables, which package store defines.
package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"time"
)

// Memory names a SQLite database that ends with the process.
const Memory = ":memory:"

// Database is a SQLite file, a SQLite database in memory, or a database of a PostgreSQL server.
type Database struct {
	Path   string           // of a SQLite file, or Memory
	Server driver.Connector // of a PostgreSQL database, in place of Path; see package pgdb
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	Dialect
	write, read *sql.DB
	readers     *readerPool   // of a SQLite file
	checkpoints *checkpointer // of a SQLite file
	schema      Schema
}

// Open opens a database and migrates its schema. A SQLite file is created if it does not exist.
func Open(ctx context.Context, d Database, s Schema) (*DB, error) {
	db := &DB{schema: s}
	err := db.connect(d)
	if err == nil && d.Path == Memory {
		err = db.fill(ctx)
	} else if err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.Close())
	}
	return db, nil
}

// OpenReadOnly opens a SQLite file or a database of a PostgreSQL server, which must have the
// current schema. It changes neither data nor schema.
func OpenReadOnly(ctx context.Context, d Database, s Schema) (*DB, error) {
	db := &DB{schema: s}
	err := db.connectReadOnly(d)
	if err == nil {
		err = db.checkCurrent(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.Close())
	}
	return db, nil
}

func (db *DB) connect(d Database) (err error) {
	if d.Server != nil {
		db.connectServer(d.Server)
		return nil
	}
	db.Dialect = embedded
	if db.write, err = sql.Open(sqliteDriver, source(d.Path, true)); err != nil {
		return err
	}
	db.write.SetMaxOpenConns(1)
	db.read = db.write // a database in memory belongs to its only connection
	if d.Path == Memory {
		return nil
	}
	if db.read, err = sql.Open(sqliteDriver, source(d.Path, false)); err != nil {
		return err
	}
	db.readers = newReaderPool(db.read)
	db.checkpoints, err = newCheckpointer(d.Path, db.write)
	return err
}

func (db *DB) connectReadOnly(d Database) (err error) {
	if d.Server != nil {
		db.connectServer(d.Server)
		return nil
	}
	db.Dialect = embedded
	if db.read, err = sql.Open(sqliteDriver, readOnlySource(d.Path)); err != nil {
		return err
	}
	db.write, db.readers = db.read, newReaderPool(db.read)
	return nil
}

// idleConnections is how many connections to PostgreSQL stay open; at most twice as many are.
const idleConnections = 8

func (db *DB) connectServer(c driver.Connector) {
	db.Dialect, db.write = postgres, sql.OpenDB(c)
	db.read = db.write
	db.write.SetMaxOpenConns(2 * idleConnections)
	db.write.SetMaxIdleConns(idleConnections)
}

// Close closes the database.
func (db *DB) Close() error {
	if db.write == nil {
		return nil
	}
	err := errors.Join(db.checkpoints.close(), db.readers.close())
	if db.read != db.write && db.read != nil {
		err = errors.Join(err, db.read.Close())
	}
	return errors.Join(err, db.write.Close())
}

// Shared reports whether other processes may use the database: replicas on PostgreSQL.
func (db *DB) Shared() bool { return db.shared }

// Ping reports whether the database responds.
func (db *DB) Ping(ctx context.Context) error { return db.read.PingContext(ctx) }

// ErrNoBackup means that Backup does not support PostgreSQL.
var ErrNoBackup = errors.New("back up a PostgreSQL database with its own tools, such as pg_dump")

// Backup writes a copy of the database as it is now to a file that must not exist, readable for its
// owner only. The database may be written to meanwhile.
func (db *DB) Backup(ctx context.Context, path string) error {
	if db.shared {
		return ErrNoBackup
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // SQLite accepts an empty file
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if _, err := db.write.ExecContext(ctx, `VACUUM INTO $1`, path); err != nil {
		return errors.Join(fmt.Errorf("backup: %w", err), os.Remove(path))
	}
	return nil
}

// Write runs f in a transaction that is committed when f returns nil and rolled back otherwise. It
// runs f again, in a new transaction, if PostgreSQL rolled the transaction back because of a
// conflict, or if the connection was lost and nothing was committed.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	return db.try(ctx, func() error { return db.run(ctx, true, f) })
}

// Read runs f, like Write, in a transaction that sees one state of the data and writes nothing.
func (db *DB) Read(ctx context.Context, f func(*Tx) error) error {
	return db.try(ctx, func() error {
		if db.readers != nil {
			return db.readers.inTransaction(ctx, func(r *reader) error { return f(db.readTx(r)) })
		}
		return db.run(ctx, false, f)
	})
}

// Query runs f, which makes a single query, without the cost of a transaction where possible.
func (db *DB) Query(ctx context.Context, f func(*Tx) error) error {
	return db.try(ctx, func() error {
		if db.readers != nil {
			return db.readers.with(ctx, func(r *reader) error { return f(db.readTx(r)) })
		}
		return f(db.readTx(db.read))
	})
}

func (db *DB) readTx(q querier) *Tx { return &Tx{querier: q, Dialect: db.Dialect} }

// begin starts a transaction. On PostgreSQL a transaction that writes reads what others have
// committed meanwhile; the store locks the rows of its worlds. SQLite has one writer, and its
// readers always see one state.
func (db *DB) begin(ctx context.Context, writes bool) (*sql.Tx, error) {
	switch {
	case writes && db.shared:
		return db.write.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	case db.shared:
		return db.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	case writes:
		return db.write.BeginTx(ctx, nil)
	}
	return db.read.BeginTx(ctx, nil)
}

func (db *DB) run(ctx context.Context, writes bool, f func(*Tx) error) error {
	begun, err := db.begin(ctx, writes)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = begun.Rollback() }() // has no effect after Commit
	tx := &Tx{querier: begun, Dialect: db.Dialect, Writes: writes}
	if err := f(tx); err != nil {
		return err
	}
	var ended []func(committed bool)
	for _, begin := range tx.onCommit {
		ended = append(ended, begin())
	}
	err = begun.Commit()
	for _, end := range ended {
		end(err == nil)
	}
	switch {
	case err != nil && (!writes || undone(err)):
		return fmt.Errorf("commit: %w", err)
	case err != nil:
		return &commitError{err}
	}
	if writes {
		db.checkpoints.afterCommit()
	}
	return nil
}

// attempts is how often a transaction is tried. The first wait between two attempts is backoff;
// each wait is twice as long as the one before.
const (
	attempts = 6
	backoff  = 20 * time.Millisecond
)

// try runs do again after errors of PostgreSQL that a new attempt can avoid. It does not run do
// again after a commit whose outcome is unknown.
func (db *DB) try(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		var unknown *commitError
		if err == nil || !Busy(err) || errors.As(err, &unknown) {
			return err
		}
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		if !db.shared || n == attempts {
			return err
		}
		timer := time.NewTimer(backoff << (n - 1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// commitError means that a commit failed, and that it is not known whether it was done.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }
