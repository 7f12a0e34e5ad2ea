package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/control"
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
	if err := tx.scan(ctx, []any{&text}, `SELECT profile FROM world WHERE id = $1`, tx.World); err != nil ||
		text == "" {
		return p, false, err
	}
	return p, true, json.Unmarshal([]byte(text), &p)
}

// SetProfile writes how scans of the world go.
func (tx *Tx) SetProfile(ctx context.Context, p control.ScanProfile) error {
	_, err := tx.exec(ctx, `UPDATE world SET profile = $2 WHERE id = $1`, tx.World, asJSON(&p))
	return err
}

// Account is a user who can log in.
type Account struct {
	Name, World, Role string
	Password          string // SHA-256 in hexadecimal of a password that has 128 random bits
}

// PutWorld makes a world with a plan and a place in the list of worlds, or gives them to an
// existing one.
func (tx *Tx) PutWorld(ctx context.Context, id string, plan Plan, position int) error {
	// see NewWorld
	_, err := tx.exec(
		ctx,
		`INSERT INTO world (id, plan, position, revision) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE
			SET plan = excluded.plan, position = excluded.position`,
		id,
		plan,
		position,
		tx.machine,
	)
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
	if err := tx.scan(
		ctx, []any{&w.Plan, &w.Generation}, `SELECT plan, generation FROM world WHERE id = $1`, name,
	); err != nil {
		return w, fmt.Errorf("world: %w", err)
	}
	return w, nil
}

// NewWorld makes a world that does not exist yet, behind the others, or gives ErrDuplicate.
func (tx *Tx) NewWorld(ctx context.Context, id string, plan Plan) error {
	// another revision than that of an earlier world of the name
	n, err := tx.exec(
		ctx,
		`INSERT INTO world (id, plan, position, revision)
			VALUES ($1, $2, (SELECT COALESCE(MAX(position), 0) + 1 FROM world), $3) ON CONFLICT (id) DO NOTHING`,
		id,
		plan,
		tx.machine,
	)
	if err == nil && n == 0 {
		err = fmt.Errorf("world: %w", ErrDuplicate)
	}
	return err
}

// UpdateWorld gives the world another plan, and makes its tokens expire.
func (tx *Tx) UpdateWorld(ctx context.Context, w World) error {
	n, err := tx.exec(ctx, `UPDATE world SET plan = $2, generation = $3 WHERE id = $1`, w.Name, w.Plan, w.Generation)
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
	if _, err := tx.exec(ctx, `DELETE FROM account WHERE world = $1`, tx.World); err != nil {
		return err
	}
	n, err := tx.exec(ctx, `DELETE FROM world WHERE id = $1`, tx.World)
	if err == nil && n == 0 {
		err = fmt.Errorf("world: %w", ErrNotFound)
	}
	return err
}

// InsertAccount adds a user.
func (tx *Tx) InsertAccount(ctx context.Context, a Account) error {
	n, err := tx.exec(
		ctx,
		`INSERT INTO account (name, world, role, password) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`,
		a.Name, a.World, a.Role, a.Password,
	)
	if err == nil && n == 0 {
		err = fmt.Errorf("user: %w", ErrDuplicate)
	}
	return err
}

// AccountNamed reads a user of any world, or gives ErrNotFound.
func (tx *Tx) AccountNamed(ctx context.Context, name string) (Account, error) {
	a := Account{Name: name}
	if err := tx.scan(
		ctx, []any{&a.World, &a.Role, &a.Password}, `SELECT world, role, password FROM account WHERE name = $1`,
		name,
	); err != nil {
		return a, fmt.Errorf("user: %w", err)
	}
	return a, nil
}

// Accounts lists the users of all worlds.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) {
	return collect(ctx, tx, func(a *Account) []any { return []any{&a.Name, &a.World, &a.Role, &a.Password} },
		statement{`SELECT name, world, role, password FROM account ORDER BY name`, nil})
}

// SetRole changes what a user of the world may do, or gives ErrNotFound.
func (tx *Tx) SetRole(ctx context.Context, name, role string) error {
	n, err := tx.exec(ctx, `UPDATE account SET role = $3 WHERE world = $1 AND name = $2`, tx.World, name, role)
	if err == nil && n == 0 {
		err = fmt.Errorf("user: %w", ErrNotFound)
	}
	return err
}

// IsEmpty reports whether the world holds no connector and no registry, not even one that is being
// deleted.
func (tx *Tx) IsEmpty(ctx context.Context) (bool, error) {
	var n int
	err := tx.scan(
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
	_, err := tx.exec(
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
		if _, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE world = $1`, world); err != nil {
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
	_, err := tx.exec(
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
		n, err := tx.exec(
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
	rows, err := tx.sql.QueryContext(ctx, `SELECT * FROM `+table+` WHERE FALSE`)
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

// HoldWorld leaves the background work of the world to this process until a time of the store; 0
// gives it back.
func (tx *Tx) HoldWorld(ctx context.Context, d time.Duration) error {
	until := tx.machine.Add(d)
	if d == 0 {
		until = 0
	}
	_, err := tx.exec(ctx, `UPDATE world SET held = $2 WHERE id = $1`, tx.World, until)
	return err
}

// Held reports whether somebody held the world when the transaction began.
func (tx *Tx) Held() bool { return tx.held > tx.machine }
