package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// readerPool has the connections that read a SQLite file. SQLite takes longer to read the text of
// most queries than to answer them, so each connection keeps what it has prepared, and a sql.Tx,
// which cannot, is not used.
type readerPool struct {
	db   *sql.DB
	turn chan struct{} // as many as connections

	mu   sync.Mutex
	free []*reader // the last one that was used is used next: it knows most
}

// reader is a connection with its statements.
type reader struct {
	*sql.Conn
	prepared map[string]*sql.Stmt
	broken   bool
}

// embeddedReaders is how many connections read a SQLite file at the same time. SQLite reads in this
// process: a few connections are enough, so that a long query does not delay short ones.
const embeddedReaders = 4

func newReaderPool(db *sql.DB) *readerPool {
	return &readerPool{db: db, turn: make(chan struct{}, embeddedReaders)}
}

// with does something with a connection that nobody else uses meanwhile.
func (p *readerPool) with(ctx context.Context, do func(*reader) error) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.give(r)
	return do(r)
}

func (p *readerPool) take(ctx context.Context) (*reader, error) {
	p.mu.Lock()
	if last := len(p.free) - 1; last >= 0 {
		defer p.mu.Unlock()
		r := p.free[last]
		p.free = p.free[:last]
		return r, nil
	}
	p.mu.Unlock()
	conn, err := p.db.Conn(ctx)
	return &reader{Conn: conn, prepared: map[string]*sql.Stmt{}}, err
}

func (p *readerPool) give(r *reader) {
	if r.broken {
		_, _ = r.forget(), r.Close() // another one takes its place
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, r)
}

// close closes the connections. Nobody may use them any more.
func (p *readerPool) close() error {
	if p == nil {
		return nil
	}
	var all error
	for _, r := range p.free {
		all = errors.Join(all, r.forget(), r.Close())
	}
	p.free = nil
	return all
}

// inTransaction does something in a transaction that only reads.
func (p *readerPool) inTransaction(ctx context.Context, do func(*reader) error) error {
	return p.with(ctx, func(r *reader) error {
		uncut := context.WithoutCancel(ctx)
		if _, err := r.ExecContext(uncut, `BEGIN`); err != nil {
			return err
		}
		defer func() {
			_, err := r.ExecContext(uncut, `COMMIT`) // nothing was written
			r.broken = err != nil
		}()
		return do(r)
	})
}

// mostPrepared is how many statements a connection keeps; with more it begins anew.
const mostPrepared = 200

func (r *reader) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if known, ok := r.prepared[query]; ok {
		return known, nil
	}
	if len(r.prepared) >= mostPrepared {
		if err := r.forget(); err != nil {
			return nil, err
		}
	}
	made, err := r.PrepareContext(context.WithoutCancel(ctx), query)
	if err == nil {
		r.prepared[query] = made
	}
	return made, err
}

func (r *reader) forget() error {
	var all error
	for _, s := range r.prepared {
		all = errors.Join(all, s.Close())
	}
	clear(r.prepared)
	return all
}

// ExecContext runs a statement.
func (r *reader) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := r.statement(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// QueryContext runs a query.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := r.statement(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext runs a query for one row. But for one that counts, it is not worth the effort of
// being ready to break it off.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := r.statement(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return r.Conn.QueryRowContext(ctx, query, args...) // finds the same error
	}
	if !strings.HasPrefix(query, `SELECT COUNT`) {
		ctx = context.WithoutCancel(ctx)
	}
	return s.QueryRowContext(ctx, args...)
}
