package store

import (
	"context"
	"errors"
	"sync"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// WorldRow is what the row of a world says about the world as a whole.
type WorldRow struct {
	World
	Number   int64 // is never used again, also after the world was dropped
	Revision int64 // counts the committed writes of the world
	Clock    Clock
}

const worldColumns = `id, plan, generation, number, revision, clock_at, clock_anchor, clock_rate`

func (r *WorldRow) fields() []any {
	return []any{
		&r.Name, &r.Plan, &r.Generation, &r.Number, &r.Revision, &r.Clock.Base, &r.Clock.Anchor, &r.Clock.Rate,
	}
}

// row reads the row of the world of a transaction: from memory where this process owns the
// database.
func (s *Store) row(ctx context.Context, tx *Tx) (r WorldRow, err error) {
	if r, _, known := s.owned.get(tx.World); known {
		return r, nil
	}
	err = tx.Scan(ctx, r.fields(), `SELECT `+worldColumns+` FROM world WHERE id = $1`, tx.World)
	return r, err
}

// WorldState is a world as a call finds it.
type WorldState struct {
	WorldRow
	Now    openapi.Millis // by the clock of the world
	Stable bool           // no write is being committed: answers of this revision may be used again
}

// WorldState returns the state of a world, or ErrNotFound.
func (s *Store) WorldState(ctx context.Context, world string) (WorldState, error) {
	row, stable, known := s.owned.get(world)
	var err error
	if !known {
		stable = s.owned == nil
		err = s.db.Ask(ctx, func(t *sqldb.Tx) error {
			row, err = s.row(ctx, &Tx{Tx: t, World: world})
			return err
		})
	}
	return WorldState{row, row.Clock.At(s.machine(ctx)), stable}, err
}

// Time returns what the clock of a world shows; that of the store for a world that does not exist.
func (s *Store) Time(ctx context.Context, world string) (openapi.Millis, error) {
	w, err := s.WorldState(ctx, world)
	if errors.Is(err, ErrNotFound) {
		return s.machine(ctx), nil
	}
	return w.Now, err
}

// ownedWorlds are the rows of the worlds of a SQLite database in memory: this process owns the
// database, so that no other process changes them. It is nil with PostgreSQL, where the database is
// read.
type ownedWorlds struct {
	mu  sync.Mutex
	all map[string]*ownedWorld
}

// ownedWorld is the row of a world.
type ownedWorld struct {
	row        WorldRow
	known      bool // row is as the database has it
	committing int  // number of transactions that are being committed
	begun      int  // number of commits that have begun, in the order of the writer
	newest     int  // the commit that row is from
}

func (s *Store) loadWorlds(ctx context.Context) (*ownedWorlds, error) {
	o := &ownedWorlds{all: map[string]*ownedWorld{}}
	err := s.db.Ask(ctx, func(t *sqldb.Tx) error {
		rows, err := collect(ctx, &Tx{Tx: t}, (*WorldRow).fields, statement{`SELECT ` + worldColumns + ` FROM world`, nil})
		for _, r := range rows {
			o.all[r.Name] = &ownedWorld{row: r, known: true}
		}
		return err
	})
	return o, err
}

// get returns the row of a world, and whether it is stable: no transaction of the world is being
// committed.
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

// onCommit brings the row of a world up to date when a transaction that has entered the world is
// committed, before the caller of Write goes on. While the commit runs the row is not stable. The
// next transaction may end before the one that was committed before it: the row of the later commit
// stays.
func (o *ownedWorlds) onCommit(ctx context.Context, tx *Tx) {
	if o == nil {
		return
	}
	world := tx.World
	tx.OnCommit(func() func(bool) {
		var row WorldRow
		err := tx.Scan(ctx, row.fields(), `SELECT `+worldColumns+` FROM world WHERE id = $1`, world)
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
