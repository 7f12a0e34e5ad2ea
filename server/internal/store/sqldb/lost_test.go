//go:build unix

package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/qcsdev/qcs/server/internal/postgrestest"
)

// TestLostConnections ends the connection of a transaction at several moments. The transaction is run again, and is
// done once; if the connection is lost each time, the error says that nothing was done.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	insert := func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO number (n, label) VALUES (1, 'x')`)
		return err
	}
	count := func(ctx context.Context, tx *Tx) (n int, err error) {
		return n, tx.Scan(ctx, []any{&n}, `SELECT COUNT(*) FROM number`)
	}
	for name, run := range map[string]func(ctx context.Context, tx *Tx, end func()) error{
		"before a statement": func(ctx context.Context, tx *Tx, end func()) error {
			end()
			return insert(ctx, tx)
		},
		"before a second statement, after an error that was ignored": func(ctx context.Context, tx *Tx, end func()) error {
			end()
			_ = insert(ctx, tx)
			return insert(ctx, tx)
		},
		"before the commit, after an error that was ignored": func(ctx context.Context, tx *Tx, end func()) error {
			end()
			_ = insert(ctx, tx)
			return nil
		},
		"before the commit": func(ctx context.Context, tx *Tx, end func()) error {
			err := insert(ctx, tx)
			end()
			return err
		},
	} {
		for _, times := range []int{1, attempts} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				db, end := openPostgres(t)
				for _, transaction := range []func(context.Context, func(*Tx) error) error{db.Write, db.Read} {
					left := times
					err := transaction(t.Context(), func(tx *Tx) error {
						again := func() {
							if left--; left >= 0 {
								end(tx)
							}
						}
						if tx.Writes {
							return run(t.Context(), tx, again)
						}
						_, err := count(t.Context(), tx)
						again()
						return err
					})
					if unavailable := errors.Is(err, ErrUnavailable); unavailable != (times == attempts) || err != nil && !unavailable {
						t.Errorf("%d times: got %v", times, err)
					}
				}
				var rows int
				err := db.Read(t.Context(), func(tx *Tx) (err error) {
					rows, err = count(t.Context(), tx)
					return err
				})
				want := 1
				switch {
				case times == attempts:
					want = 0
				case name == "before a second statement, after an error that was ignored":
					want = 2 // both statements succeed the second time
				}
				if rows != want || err != nil {
					t.Errorf("%d times: got %d rows, %v, want %d", times, rows, err, want)
				}
			})
		}
	}
}

// TestUndone checks which failed commits have certainly done nothing.
func TestUndone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{Code: "57P01"}, true},
		{&pgconn.PgError{Code: "40001"}, true},
		{io.ErrUnexpectedEOF, false},
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, false},
	} {
		if got := undone(fmt.Errorf("x: %w", tt.err)); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}

// openPostgres opens a PostgreSQL database with the table of numbers, and returns a function that ends the connection of
// a transaction.
func openPostgres(t *testing.T) (db *DB, end func(*Tx)) {
	t.Helper()
	url := postgrestest.New(t, "")
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db, err = Open(t.Context(), Database{Server: stdlib.GetConnector(*config)}, numbers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	other, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return db, func(tx *Tx) {
		var process int
		var ended bool
		err := tx.Scan(t.Context(), []any{&process}, `SELECT pg_backend_pid()`)
		if err == nil {
			err = other.QueryRowContext(t.Context(), `SELECT pg_terminate_backend($1, 60000)`, process).Scan(&ended)
		}
		if err != nil || !ended {
			t.Errorf("end a connection: %v, %v", ended, err)
		}
	}
}

// TestLockedDatabaseIsUnavailable checks that a SQLite file that another process has locked for too long is not available.
func TestLockedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	db, err := Open(t.Context(), Database{Path: path}, numbers())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	locked, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	if _, err := locked.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	if err := write(t, db, 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
