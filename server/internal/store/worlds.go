package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// Plan is what the subscription of a world may use.
type Plan string

// The plans (release notes 1.15: the report calls exist on Trial and Full only).
const (
	PlanFree  Plan = "Free"
	PlanTrial Plan = "Trial"
	PlanFull  Plan = "Full"
)

// Profile reads how scans of the world go; it was never set when the second result is false.
func (tx *Tx) Profile(ctx context.Context) (p control.ScanProfile, found bool, err error) {
	var text string
	if err := tx.Scan(ctx, []any{&text}, `SELECT profile FROM world WHERE id = $1`, tx.World); err != nil ||
		text == "" {
		return p, false, err
	}
	return p, true, json.Unmarshal([]byte(text), &p)
}

// SetProfile writes how scans of the world go.
func (tx *Tx) SetProfile(ctx context.Context, p control.ScanProfile) error {
	_, err := tx.Exec(ctx, `UPDATE world SET profile = $2 WHERE id = $1`, tx.World, asJSON(&p))
	return err
}

// Account is a user who can log in.
type Account struct {
	Name, World, Role string
	Password          string // SHA-256 in hexadecimal of a password that has 128 random bits
}

// PutWorld creates a world with a plan and a place in the list of worlds, or changes plan and place
// of a world that exists.
func (tx *Tx) PutWorld(ctx context.Context, id string, plan Plan, position int) error {
	in, err := tx.In(ctx, id)
	if err == nil && !in.exists {
		err = tx.insertWorld(ctx, id, plan, position)
		if !errors.Is(err, ErrDuplicate) {
			return err
		}
		_, err = tx.In(ctx, id) // another replica has just created it
	}
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE world SET plan = $2, position = $3 WHERE id = $1`, id, plan, position)
	}
	return err
}

// insertWorld inserts a world with a new number, and enters it.
func (tx *Tx) insertWorld(ctx context.Context, id string, plan Plan, position int) error {
	var number int64
	if err := tx.Scan(ctx, []any{&number}, `UPDATE world_number SET last = last + 1 RETURNING last`); err != nil {
		return err
	}
	n, err := tx.Exec(
		ctx, `INSERT INTO world (id, plan, position, number) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		id, plan, position, number,
	)
	if err == nil && n == 0 {
		err = fmt.Errorf("world: %w", ErrDuplicate)
	}
	if err == nil {
		_, err = tx.In(ctx, id)
	}
	return err
}

// World is one subscription: its data is seen by its users only.
type World struct {
	Name       string
	Plan       Plan
	Generation int64 // of its tokens: those of an earlier one have expired
}

// Worlds lists the worlds by their place.
func (tx *Tx) Worlds(ctx context.Context) ([]World, error) {
	return collect(
		ctx, tx, func(w *World) []any { return []any{&w.Name, &w.Plan, &w.Generation} },
		statement{`SELECT id, plan, generation FROM world ORDER BY position, id`, nil},
	)
}

// WorldNamed reads a world, or gives ErrNotFound.
func (tx *Tx) WorldNamed(ctx context.Context, name string) (World, error) {
	w := World{Name: name}
	if err := tx.Scan(
		ctx, []any{&w.Plan, &w.Generation}, `SELECT plan, generation FROM world WHERE id = $1`, name,
	); err != nil {
		return w, fmt.Errorf("world: %w", err)
	}
	return w, nil
}

// NewWorld creates a world that does not exist yet, behind the others, or returns ErrDuplicate.
func (tx *Tx) NewWorld(ctx context.Context, id string, plan Plan) error {
	var position int
	if err := tx.Scan(ctx, []any{&position}, `SELECT COALESCE(MAX(position), 0) + 1 FROM world`); err != nil {
		return err
	}
	return tx.insertWorld(ctx, id, plan, position)
}

// UpdateWorld gives the world another plan, and makes its tokens expire.
func (tx *Tx) UpdateWorld(ctx context.Context, w World) error {
	n, err := tx.Exec(ctx, `UPDATE world SET plan = $2, generation = $3 WHERE id = $1`, w.Name, w.Plan, w.Generation)
	if err == nil && n == 0 {
		err = fmt.Errorf("world: %w", ErrNotFound)
	}
	return err
}

// DropWorld removes the world with its data, users and snapshots.
func (tx *Tx) DropWorld(ctx context.Context) error {
	snapshots, err := tx.Snapshots(ctx)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		if err := tx.DeleteSnapshot(ctx, s.Name); err != nil {
			return err
		}
	}
	if err := tx.clearRows(ctx, tx.World); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM account WHERE world = $1`, tx.World); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `DELETE FROM world WHERE id = $1`, tx.World)
	if err == nil && n == 0 {
		err = fmt.Errorf("world: %w", ErrNotFound)
	}
	return err
}

// InsertAccount adds a user.
func (tx *Tx) InsertAccount(ctx context.Context, a Account) error {
	n, err := tx.Exec(
		ctx,
		`INSERT INTO account (name, world, role, password) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`,
		a.Name, a.World, a.Role, a.Password,
	)
	if err == nil && n == 0 {
		err = fmt.Errorf("user: %w", ErrDuplicate)
	}
	return err
}

// Account returns a user of any world and the state of the world, by one statement, or ErrNotFound.
func (s *Store) Account(ctx context.Context, name string) (a Account, w WorldState, err error) {
	err = s.db.Ask(ctx, func(t *sqldb.Tx) error {
		return t.Scan(
			ctx, append(w.fields(), &a.Name, &a.World, &a.Role, &a.Password),
			`SELECT `+worldColumns+`, account.name, account.world, account.role, account.password
				FROM account JOIN world ON world.id = account.world WHERE account.name = $1`, name,
		)
	})
	if err != nil {
		return a, w, fmt.Errorf("user: %w", err)
	}
	w.Now, w.Stable = w.Clock.At(s.machine(ctx)), s.owned == nil
	return a, w, nil
}

// Accounts lists the users of all worlds.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) {
	return collect(ctx, tx, func(a *Account) []any { return []any{&a.Name, &a.World, &a.Role, &a.Password} },
		statement{`SELECT name, world, role, password FROM account ORDER BY name`, nil})
}

// SetRole changes what a user of the world may do, or gives ErrNotFound.
func (tx *Tx) SetRole(ctx context.Context, name, role string) error {
	n, err := tx.Exec(ctx, `UPDATE account SET role = $3 WHERE world = $1 AND name = $2`, tx.World, name, role)
	if err == nil && n == 0 {
		err = fmt.Errorf("user: %w", ErrNotFound)
	}
	return err
}

// IsEmpty reports whether the world holds no connector and no registry, not even one that is being
// deleted.
func (tx *Tx) IsEmpty(ctx context.Context) (bool, error) {
	var n int
	err := tx.Scan(
		ctx, []any{&n},
		`SELECT (SELECT COUNT(*) FROM registry WHERE world = $1) + (SELECT COUNT(*) FROM connector WHERE world = $1)`,
		tx.World,
	)
	return n == 0, err
}

// tables hold the data of worlds, each with a column world; those that others refer to come first.
var tables = []string{
	"registry",
	"connector",
	"repository",
	"schedule",
	"schedule_target",
	"schedule_count",
	"job",
	"image",
	"image_place",
	"policy",
	"report",
	"report_schedule",
}

// Clear removes the data of the world, and gives it the real time. Users stay, so that their tokens
// and passwords go on working.
func (tx *Tx) Clear(ctx context.Context) error {
	if err := tx.clearRows(ctx, tx.World); err != nil {
		return err
	}
	_, err := tx.Exec(
		ctx,
		`UPDATE world SET seq = 0, clock_at = 0, clock_anchor = 0, clock_rate = 1000, profile = '' WHERE id = $1`,
		tx.World,
	)
	tx.Now = tx.machine
	return err
}

// clearRows removes the rows of a world, or of a snapshot.
func (tx *Tx) clearRows(ctx context.Context, world string) error {
	for _, table := range slices.Backward(tables) {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE world = $1`, world); err != nil {
			return err
		}
	}
	return nil
}

// CopyFrom gives the world, which is empty, the data, the clock and the profile of another.
func (tx *Tx) CopyFrom(ctx context.Context, other string) error {
	if _, err := tx.copyRows(ctx, other, tx.World); err != nil {
		return err
	}
	_, err := tx.Exec(
		ctx,
		`UPDATE world SET (seq, clock_at, clock_anchor, clock_rate, profile) = (SELECT seq, clock_at,
			clock_anchor, clock_rate, profile FROM world WHERE id = $2) WHERE id = $1`,
		tx.World,
		other,
	)
	return err
}

// copyRows copies the rows of a world, or of a snapshot, to another, and counts them.
func (tx *Tx) copyRows(ctx context.Context, from, to string) (rows int, err error) {
	for _, table := range tables {
		columns, err := tx.columns(ctx, table)
		if err != nil {
			return 0, err
		}
		list := strings.Join(columns, ", ")
		n, err := tx.Exec(
			ctx, `INSERT INTO `+table+` (world, `+list+`) SELECT $1, `+list+` FROM `+table+` WHERE world = $2`,
			to, from,
		)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

// columns names the columns of a table but for that of the world.
func (tx *Tx) columns(ctx context.Context, table string) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT * FROM `+table+` WHERE FALSE`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c string) bool { return c == "world" }), rows.Err()
}

// PauseWorld pauses the runner of the world in other processes for some time; 0 resumes it.
func (tx *Tx) PauseWorld(ctx context.Context, d time.Duration) error {
	until := tx.machine.Add(d)
	if d == 0 {
		until = 0
	}
	_, err := tx.Exec(ctx, `UPDATE world SET held = $2 WHERE id = $1`, tx.World, until)
	return err
}

// Paused reports whether the runner of the world was paused when the transaction began.
func (tx *Tx) Paused() bool { return tx.paused > tx.machine }
