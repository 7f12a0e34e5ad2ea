// Package store has the emulator's data: rows, and the SQL that reads and writes them. It
// contains no rules: the packages registry, scan, report and world decide what may happen to a row.
// Connections and transactions are in sqldb.
//
// Every query names the world of its transaction, so that no call sees the data of another
// subscription. The few queries that read all worlds say so. The package must not import net/http.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// ErrNotFound means that a row does not exist in the world of the transaction.
var ErrNotFound = sqldb.ErrNotFound

// ErrUnavailable means that the database was busy or could not be reached, and that the transaction
// has committed nothing.
var ErrUnavailable = sqldb.ErrUnavailable

// Busy reports whether the database could not be used now, so that a later try can succeed.
func Busy(err error) bool { return sqldb.Busy(err) }

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db    *sqldb.DB
	owned *ownedWorlds // the rows of the worlds of a SQLite database; nil with PostgreSQL
	now   func() time.Time
}

// Memory names a database that ends with the process.
const Memory = sqldb.Memory

// Database is a SQLite file, Memory, or a database of a PostgreSQL server.
type Database = sqldb.Database

// Open opens a database and migrates its schema. A SQLite file is created if it does not exist, and
// must belong to this process. Transactions take their time from the clock now.
func Open(ctx context.Context, d Database, now func() time.Time) (*Store, error) {
	db, err := sqldb.Open(ctx, d, schema())
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, now: now}
	if db.Shared() {
		return s, nil
	}
	if s.owned, err = s.loadWorlds(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// OpenReadOnly opens a database that other processes may use. It changes neither data nor schema.
func OpenReadOnly(ctx context.Context, d Database, now func() time.Time) (*Store, error) {
	db, err := sqldb.OpenReadOnly(ctx, d, schema())
	if err != nil {
		return nil, err
	}
	return &Store{db: db, now: now}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Shared reports whether other processes may use the database: replicas on PostgreSQL.
func (s *Store) Shared() bool { return s.db.Shared() }

// Ping reports whether the database responds.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Backup copies a SQLite database, also during writes, to a file that must not exist.
func (s *Store) Backup(ctx context.Context, path string) error { return s.db.Backup(ctx, path) }

// Tx is a transaction of one world.
type Tx struct {
	*sqldb.Tx
	World    string
	Now      openapi.Millis // by the clock of the world; the time of everything that the transaction writes
	Revision int64          // of the data that the transaction reads; 0 if it is not known

	store   *Store
	machine openapi.Millis // the time by the clock of the store

	// Only transactions that write fill these.
	exists  bool           // whether the world exists
	lastSeq int64          // number of the newest schedule of the world when the transaction began
	paused  openapi.Millis // until when the runner of the world is paused for other processes (column held)
}

// Write runs f in a transaction that is committed when f returns nil and rolled back otherwise.
// Transactions that write in one world come one after the other. f may run again; see
// sqldb.DB.Write.
func (s *Store) Write(ctx context.Context, world string, f func(*Tx) error) error {
	return s.db.Write(ctx, func(t *sqldb.Tx) error { return s.inWorld(ctx, t, world, f) })
}

// Read runs f in a transaction that sees one state of the data and writes nothing. f may run again.
func (s *Store) Read(ctx context.Context, world string, f func(*Tx) error) error {
	// The revision is read before the transaction begins, so that it is never newer than the data.
	before, stable, _ := s.owned.get(world)
	return s.db.Read(ctx, func(t *sqldb.Tx) error {
		return s.inWorld(ctx, t, world, func(tx *Tx) error {
			if stable {
				tx.Revision = before.Revision
			}
			return f(tx)
		})
	})
}

// ReadValue is Read for a function that returns a value.
func ReadValue[T any](ctx context.Context, s *Store, world string, f func(*Tx) (T, error)) (v T, err error) {
	err = s.Read(ctx, world, func(tx *Tx) error {
		v, err = f(tx)
		return err
	})
	return v, err
}

// WriteValue is Write for a function that returns a value.
func WriteValue[T any](ctx context.Context, s *Store, world string, f func(*Tx) (T, error)) (v T, err error) {
	err = s.Write(ctx, world, func(tx *Tx) error {
		v, err = f(tx)
		return err
	})
	return v, err
}

// Query runs f, which makes a single query, without the cost of a transaction where possible.
func (s *Store) Query(ctx context.Context, world string, f func(*Tx) error) error {
	if s.db.Shared() && world != "" {
		return s.Read(ctx, world, f) // reading the clock of the world is a second query
	}
	return s.db.Query(ctx, func(t *sqldb.Tx) error { return s.inWorld(ctx, t, world, f) })
}

func (s *Store) inWorld(ctx context.Context, t *sqldb.Tx, world string, f func(*Tx) error) error {
	machine := s.machine(ctx)
	tx, err := (&Tx{Tx: t, Now: machine, machine: machine, store: s}).In(ctx, world)
	if err != nil {
		return err
	}
	return f(tx)
}

// machine returns the time of the store or, for a recorded or replayed call, that of the call.
func (s *Store) machine(ctx context.Context) openapi.Millis {
	if at := call.From(ctx).At; at != 0 {
		return at
	}
	return openapi.MillisOf(s.now())
}

// In returns the same transaction for another world. If the transaction writes, In locks the world
// and increments its revision. A world that does not exist, and the empty name, have the clock of
// the store.
func (tx *Tx) In(ctx context.Context, world string) (*Tx, error) {
	other := *tx
	other.World, other.Now, other.Revision, other.exists = world, tx.machine, 0, false
	if world == "" {
		return &other, nil
	}
	row, err := other.enter(ctx)
	if errors.Is(err, ErrNotFound) {
		return &other, nil
	}
	other.Now = row.Clock.At(tx.machine)
	if tx.store.owned == nil { // the row comes from the snapshot of the data that the transaction reads
		other.Revision = row.Revision
	}
	return &other, err
}

// enter reads the row of the world, or locks it and increments the revision before a write.
func (tx *Tx) enter(ctx context.Context) (WorldRow, error) {
	if !tx.Writes {
		return tx.store.row(ctx, tx)
	}
	var r WorldRow
	err := tx.Scan(ctx, append(r.fields(), &tx.paused, &tx.lastSeq),
		`UPDATE world SET revision = revision + 1 WHERE id = $1 RETURNING `+worldColumns+`, held, seq`, tx.World)
	tx.exists = err == nil
	if tx.exists {
		tx.store.owned.onCommit(ctx, tx)
	}
	return r, err
}
