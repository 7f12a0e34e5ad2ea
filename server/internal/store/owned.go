package store

import (
	"context"
	"errors"
	"sync"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// WorldRow is the row of a world.
type WorldRow struct {
	World
	Number   int64 // never used again, not even after the world is dropped
	Revision int64 // counts the committed writes of the world
	Clock    Clock
}

const (
	worldColumns = `id, plan, tokens, generation, number, revision, clock_at, clock_anchor, clock_rate`
	selectWorld  = `SELECT ` + worldColumns + ` FROM world WHERE id = $1`
)

func (r *WorldRow) fields() []any {
	c := &r.Clock
	return []any{
		&r.Name, &r.Plan, &r.Tokens, &r.Generation, &r.Number, &r.Revision, &c.Base, &c.Anchor, &c.Rate,
	}
}

// row returns the row of the world of a transaction, from memory if this process owns the database.
func (s *Store) row(ctx context.Context, tx *Tx) (r WorldRow, err error) {
	if r, _, known := s.owned.get(tx.World); known {
		return r, nil
	}
	err = tx.Scan(ctx, r.fields(), selectWorld, tx.World)
	return r, err
}

// WorldState is the state of a world at the time of a call.
type WorldState struct {
	WorldRow
	Now    openapi.Millis // by the clock of the world
	Stable bool           // no write is being committed: responses of this revision can be cached
}

// WorldState returns the state of a world, or ErrNotFound.
func (s *Store) WorldState(ctx context.Context, world string) (WorldState, error) {
	row, stable, known := s.owned.get(world)
	var err error
	if !known {
		stable = s.owned == nil
		err = s.db.Query(ctx, func(t *sqldb.Tx) error {
			row, err = s.row(ctx, &Tx{Tx: t, World: world})
			return err
		})
	}
	return WorldState{row, row.Clock.At(s.machine(ctx)), stable}, err
}

// Time returns the time by the clock of a world; by that of the store if the world does not exist.
func (s *Store) Time(ctx context.Context, world string) (openapi.Millis, error) {
	w, err := s.WorldState(ctx, world)
	if errors.Is(err, ErrNotFound) {
		return s.machine(ctx), nil
	}
	return w.Now, err
}

// ownedWorlds has copies of the rows of the worlds of a SQLite database. The copies are current, as
// this process owns the database. With PostgreSQL it is nil: other processes may change the rows.
type ownedWorlds struct {
	mu  sync.Mutex
	all map[string]*ownedWorld
}

// ownedWorld is the copy of a row.
type ownedWorld struct {
	row        WorldRow
	known      bool // the world exists, and row is what was committed last
	committing int  // number of transactions that are being committed
	begun      int  // number of commits that have begun
	newest     int  // number of the commit that has written row
}

func (s *Store) loadWorlds(ctx context.Context) (*ownedWorlds, error) {
	o := &ownedWorlds{all: map[string]*ownedWorld{}}
	err := s.db.Query(ctx, func(t *sqldb.Tx) error {
		rows, err := collect(ctx, &Tx{Tx: t}, (*WorldRow).fields, query(`SELECT `+worldColumns+` FROM world`))
		for _, r := range rows {
			o.all[r.Name] = &ownedWorld{row: r, known: true}
		}
		return err
	})
	return o, err
}

// get returns the row of a world. It is stable unless a transaction is being committed.
func (o *ownedWorlds) get(world string) (row WorldRow, stable, known bool) {
	if o == nil {
		return row, false, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.all[world]
	if w == nil || !w.known {
		return row, false, false
	}
	return w.row, w.committing == 0, true
}

// onCommit updates the row of a world when a transaction that writes in the world is committed,
// before Write returns. While the commit runs the row is not stable. If the functions of two
// commits run in another order than the commits, the row of the later commit stays.
func (o *ownedWorlds) onCommit(ctx context.Context, tx *Tx) {
	if o == nil {
		return
	}
	world := tx.World
	tx.OnCommit(func() func(bool) {
		var row WorldRow
		err := tx.Scan(ctx, row.fields(), selectWorld, world)
		o.mu.Lock()
		defer o.mu.Unlock()
		w := o.all[world]
		if w == nil {
			w = &ownedWorld{}
			o.all[world] = w
		}
		w.committing++
		w.begun++
		commit := w.begun
		return func(committed bool) {
			o.mu.Lock()
			defer o.mu.Unlock()
			w.committing--
			if committed && commit > w.newest {
				w.row, w.known, w.newest = row, err == nil, commit
			}
			if w.committing == 0 && !w.known { // the world was dropped
				delete(o.all, world)
			}
		}
	})
}
