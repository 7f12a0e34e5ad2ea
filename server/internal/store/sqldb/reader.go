package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// readerPool has the connections that read a SQLite file. SQLite takes longer to prepare most
// queries than to run them, so each connection caches its statements, unlike sql.Tx.
type readerPool struct {
	db    *sql.DB
	slots chan struct{} // one slot for each connection

	mu   sync.Mutex
	free []*reader // a stack: the reader used last has the most statements
}

// reader is a connection with its prepared statements.
type reader struct {
	*sql.Conn
	prepared map[string]*sql.Stmt
	unusable bool
}

// maxReaders is how many connections read a SQLite file at the same time. As SQLite reads in this
// process, a few are enough to let short queries pass a long one.
const maxReaders = 4

func newReaderPool(db *sql.DB) *readerPool {
	return &readerPool{db: db, slots: make(chan struct{}, maxReaders)}
}

// with calls do with a connection that is not in use.
func (p *readerPool) with(ctx context.Context, do func(*reader) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.put(r)
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

func (p *readerPool) put(r *reader) {
	if r.unusable {
		_ = r.close() // take opens another connection
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, r)
}

// close closes the connections, none of which may be in use.
func (p *readerPool) close() (err error) {
	if p == nil {
		return nil
	}
	for _, r := range p.free {
		err = errors.Join(err, r.close())
	}
	p.free = nil
	return err
}

// inTransaction calls do in a transaction that only reads.
func (p *readerPool) inTransaction(ctx context.Context, do func(*reader) error) error {
	return p.with(ctx, func(r *reader) error {
		uncanceled := context.WithoutCancel(ctx)
		if _, err := r.ExecContext(uncanceled, `BEGIN`); err != nil {
			return err
		}
		defer func() {
			_, err := r.ExecContext(uncanceled, `COMMIT`)
			r.unusable = err != nil
		}()
		return do(r)
	})
}

// maxPrepared is how many statements a connection caches before it closes all of them.
const maxPrepared = 200

func (r *reader) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if cached, ok := r.prepared[query]; ok {
		return cached, nil
	}
	if len(r.prepared) >= maxPrepared {
		if err := r.closeStatements(); err != nil {
			return nil, err
		}
	}
	s, err := r.PrepareContext(context.WithoutCancel(ctx), query)
	if err == nil {
		r.prepared[query] = s
	}
	return s, err
}

func (r *reader) closeStatements() (err error) {
	for _, s := range r.prepared {
		err = errors.Join(err, s.Close())
	}
	clear(r.prepared)
	return err
}

func (r *reader) close() error { return errors.Join(r.closeStatements(), r.Close()) }

// ExecContext runs a statement.
func (r *reader) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := r.statement(ctx, query) //nolint:sqlclosecheck // cached
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// QueryContext runs a query.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := r.statement(ctx, query) //nolint:sqlclosecheck // cached
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext runs a query for one row. Only queries that count can be canceled: for the others
// the driver would spend more time on the preparation of a cancellation than on the query.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := r.statement(ctx, query) //nolint:sqlclosecheck // cached
	if err != nil {
		return r.Conn.QueryRowContext(ctx, query, args...) // returns the same error in the row
	}
	if !strings.HasPrefix(query, `SELECT COUNT`) {
		ctx = context.WithoutCancel(ctx)
	}
	return s.QueryRowContext(ctx, args...)
}
