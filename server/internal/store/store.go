// Package store keeps the emulator's data: rows, transactions and SQL. It knows no rules: what may
// happen to a row is decided in package registry.
//
// Every query carries the world of its transaction, so that nobody sees the data of another
// subscription, but for those that go through all worlds and say so. The SQL text is one for all
// databases; what differs is in dialect.go. The package must not import net/http, nor any package
// of the server but this one.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/qcsdev/qcs/openapi"
)

// ErrNotFound says that a row does not exist in the world of the transaction.
var ErrNotFound = errors.New("not found")

// Store is an open database. It is safe for concurrent use.
type Store struct {
	write, read *sql.DB
	readers     *readerPool   // of a SQLite file
	clocks      *clockCache   // of a SQLite file
	log         *logFile      // of a SQLite file
	checkpoints *checkpointer // of a SQLite file
	dialect     dialect
	now         func() time.Time
}

// Open opens a database and brings its schema up to date: a SQLite file, which is made if it does
// not exist, or one in memory when the database is ":memory:", or that of a PostgreSQL server,
// "postgres://…". The clock gives each transaction its time.
func Open(ctx context.Context, database string, now func() time.Time) (*Store, error) {
	s := &Store{now: now}
	open := s.openSQLite
	if isPostgres(database) {
		open = s.openPostgres
	}
	if err := open(ctx, database); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openSQLite(ctx context.Context, path string) (err error) {
	s.dialect = embedded
	if s.write, err = sql.Open(embedded.driver, source(path, true)); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	s.read = s.write // in memory: the data belongs to the connection
	if path == memoryName {
		err = s.fill(ctx)
	} else {
		if s.read, err = sql.Open(embedded.driver, source(path, false)); err != nil {
			return err
		}
		s.readers, s.clocks = newReaderPool(s.read), &clockCache{all: map[string]remembered{}}
		s.log = newLogFile(path, s.clocks)
		if s.checkpoints, err = newCheckpointer(path, s.write); err != nil {
			return err
		}
		err = s.migrate(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// readers is how many connections to PostgreSQL read at the same time, and as many write. SQLite
// reads in this process: a few more than one keep a long query from holding up short ones.
const (
	readers         = 8
	embeddedReaders = 4
)

func (s *Store) openPostgres(ctx context.Context, url string) error {
	if err := s.connect(url); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// connect prepares connections to a PostgreSQL server.
func (s *Store) connect(url string) error {
	s.dialect = postgres
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("open database: the URL cannot be read") // pgx would repeat it, with the password
	}
	if config.RuntimeParams["jit"] == "" {
		config.RuntimeParams["jit"] = "off" // it takes longer to compile such queries than to answer them
	}
	s.write = stdlib.OpenDB(*config)
	s.read = s.write
	s.write.SetMaxOpenConns(2 * readers)
	s.write.SetMaxIdleConns(readers)
	return nil
}

// Close closes the database.
func (s *Store) Close() error {
	if s.write == nil {
		return nil
	}
	s.log.close()
	if err := s.checkpoints.close(); err != nil {
		return errors.Join(err, s.write.Close())
	}
	if s.read != s.write && s.read != nil {
		return errors.Join(s.readers.close(), s.read.Close(), s.write.Close())
	}
	return s.write.Close()
}

// Shared reports whether other processes may work on the database at the same time: replicas on
// PostgreSQL.
func (s *Store) Shared() bool { return s.dialect.shared }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

// Tx is a transaction of one world. Now is its time by the clock of the world; everything it writes
// carries it.
type Tx struct {
	World   string
	Now     openapi.Millis
	machine openapi.Millis // by the clock of the store
	// until when somebody keeps the background work of the world to himself, where several
	// processes share a database
	held    openapi.Millis
	last    int64 // the number of the newest schedule when it began, if it writes
	exists  bool  // the world, if it writes
	sql     querier
	dialect dialect
	writes  bool
	clocks  *clockCache // where it need not ask for a clock again
	after   *[]func()   // when it is committed
}

// After has something done when the transaction is committed, and only then.
func (tx *Tx) After(do func()) { *tx.after = append(*tx.after, do) }

// Write runs f in a transaction that is committed when f returns nil and undone otherwise.
// Transactions that write in one world come one after the other. Where the database undoes it for
// the sake of another, or the connection is lost before the commit, f runs again, in a new one.
func (s *Store) Write(ctx context.Context, world string, f func(*Tx) error) error {
	return s.try(ctx, func() error { return s.run(ctx, kind{world: world, writes: true}, f) })
}

// Read runs f in a transaction that sees one state of the data and writes nothing. It runs again
// like that of Write.
func (s *Store) Read(ctx context.Context, world string, f func(*Tx) error) error {
	return s.try(ctx, func() error { return s.run(ctx, kind{world: world}, f) })
}

// Ask runs f, which asks the database one question only, without a transaction where it can do
// without: of a SQLite file always, of PostgreSQL where no clock of a world is asked for besides.
func (s *Store) Ask(ctx context.Context, world string, f func(*Tx) error) error {
	if s.readers == nil && world == "" {
		return s.try(ctx, func() error { return f(s.tx(ctx, s.read)) })
	}
	if s.readers == nil {
		return s.Read(ctx, world, f)
	}
	return s.readers.with(ctx, func(r *reader) error { return s.inWorld(ctx, r, world, f) })
}

// inWorld runs f with a connection that reads.
func (s *Store) inWorld(ctx context.Context, r *reader, world string, f func(*Tx) error) error {
	outer := s.tx(ctx, r)
	outer.clocks = s.clocks
	tx, err := outer.In(ctx, world)
	if err != nil {
		return err
	}
	return f(tx)
}

// kind says what a transaction is for.
type kind struct {
	world  string
	writes bool
}

// begin starts a transaction. On PostgreSQL, one that writes sees what others have committed, and
// keeps those of its world away by a lock; SQLite has one writer anyway, and readers whose view
// does not change.
func (s *Store) begin(ctx context.Context, writes bool) (*sql.Tx, error) {
	switch {
	case writes && s.dialect.shared:
		return s.write.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	case writes:
		return s.write.BeginTx(ctx, nil)
	case s.dialect.shared:
		return s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	}
	return s.read.BeginTx(ctx, nil)
}

// attempts is how often a transaction is tried, and pause how long the first wait between two is;
// each is twice as long as the one before.
const (
	attempts = 6
	pause    = 20 * time.Millisecond
)

// try does something again while PostgreSQL says that this can help. A commit whose outcome is not
// known is not done again.
func (s *Store) try(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		var unknown *commitError
		if err == nil || !s.dialect.shared || n == attempts ||
			!conflict(err) && (!lost(err) || errors.As(err, &unknown)) {
			return err
		}
		timer := time.NewTimer(pause << (n - 1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// commitError says that a commit failed.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

func (s *Store) run(ctx context.Context, k kind, f func(*Tx) error) error {
	if !k.writes && s.readers != nil {
		return s.readers.inTransaction(ctx, func(r *reader) error { return s.inWorld(ctx, r, k.world, f) })
	}
	tx, err := s.begin(ctx, k.writes)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	var after []func()
	outer := s.tx(ctx, tx)
	outer.writes, outer.after = k.writes, &after
	wtx, err := outer.In(ctx, k.world)
	if err != nil {
		return err
	}
	if err := f(wtx); err != nil {
		return err
	}
	committed := s.clocks.forget()
	err = tx.Commit()
	committed()
	if err != nil {
		return &commitError{err}
	}
	if k.writes {
		s.checkpoints.written()
	}
	for _, do := range after {
		do()
	}
	return nil
}

// tx is a transaction of no world yet.
func (s *Store) tx(ctx context.Context, q querier) *Tx {
	machine := s.machine(ctx)
	return &Tx{Now: machine, machine: machine, sql: q, dialect: s.dialect}
}

// machine is the time by the clock of the store.
func (s *Store) machine(ctx context.Context) openapi.Millis {
	if at, pinned := ctx.Value(machineKey{}).(openapi.Millis); pinned {
		return at
	}
	return openapi.MillisOf(s.now())
}

type machineKey struct{}

// At makes the clock of the store stand still for the transactions with a context.
func At(ctx context.Context, machine openapi.Millis) context.Context {
	return context.WithValue(ctx, machineKey{}, machine)
}

// In gives the same transaction for another world, whose clock it reads, and which it keeps to
// itself if it writes. A world that does not exist yet, and none, have the clock of the store.
func (tx *Tx) In(ctx context.Context, world string) (*Tx, error) {
	other := *tx
	other.World, other.Now, other.exists = world, tx.machine, false
	if world == "" {
		return &other, nil
	}
	if clock, known := tx.clocks.get(world, tx.machine); known {
		other.Now = clock.At(tx.machine)
		return &other, nil
	}
	clock, err := other.enter(ctx)
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
	statement{query, args}.told(ctx)
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

type queriesKey struct{}

// withQueries has each query of the transactions with a context told, to see how the database
// answers it.
func withQueries(ctx context.Context, tell func(statement)) context.Context {
	return context.WithValue(ctx, queriesKey{}, tell)
}

func (q statement) told(ctx context.Context) {
	if tell, ok := ctx.Value(queriesKey{}).(func(statement)); ok {
		tell(q)
	}
}

// collect reads all rows of a query; fields names, once, where the columns of a row go.
func collect[T any](ctx context.Context, tx *Tx, fields func(*T) []any, q statement) ([]T, error) {
	return gather(ctx, tx, rowsOf[T]{fields: fields}, q)
}

// rowsOf are the rows of a query: where their columns go, and how many there may be, as far as that
// is known.
type rowsOf[T any] struct {
	fields func(*T) []any
	most   int
}

func gather[T any](ctx context.Context, tx *Tx, wanted rowsOf[T], q statement) ([]T, error) {
	q.told(ctx)
	rows, err := tx.sql.QueryContext(ctx, q.text, q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make([]T, 0, wanted.most)
	var row T
	into := wanted.fields(&row)
	for rows.Next() {
		row = *new(T)
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
