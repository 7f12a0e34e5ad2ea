package store

import (
	"context"
	"encoding/json"
	"errors"
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

// Profile reads the profile of the scans of the world; found is false if it was never set.
func (tx *Tx) Profile(ctx context.Context) (p control.ScanProfile, found bool, err error) {
	var text string
	err = tx.Scan(ctx, []any{&text}, `SELECT profile FROM world WHERE id = $1`, tx.World)
	if err != nil || text == "" {
		return p, false, err
	}
	err = json.Unmarshal([]byte(text), &p)
	return p, true, err
}

// SetProfile writes the profile of the scans of the world.
func (tx *Tx) SetProfile(ctx context.Context, p control.ScanProfile) error {
	return tx.run(ctx, `UPDATE world SET profile = $2 WHERE id = $1`, tx.World, asJSON(&p))
}

// PutWorld creates a world with a plan and a position in the list of worlds, or changes plan and
// position of a world that exists.
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
		err = tx.run(ctx, `UPDATE world SET plan = $2, position = $3 WHERE id = $1`, id, plan, position)
	}
	return err
}

// insertWorld inserts a world with a new number, and locks it.
func (tx *Tx) insertWorld(ctx context.Context, id string, plan Plan, position int) error {
	var number int64
	if err := tx.Scan(ctx, []any{&number}, `UPDATE world_number SET last = last + 1 RETURNING last`); err != nil {
		return err
	}
	err := tx.runOne(ctx, "world", ErrDuplicate, query(`INSERT INTO world (id, plan, position, number)
		VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`, id, plan, position, number))
	if err == nil {
		_, err = tx.In(ctx, id)
	}
	return err
}

// World is one subscription. Only its users see its data.
type World struct {
	Name       string
	Plan       Plan
	Generation int64 // of its tokens; tokens of an earlier generation have expired
}

func (w *World) fields() []any { return []any{&w.Name, &w.Plan, &w.Generation} }

const listedWorlds = `SELECT id, plan, generation FROM world ORDER BY position, id`

// Worlds lists the worlds by position.
func (tx *Tx) Worlds(ctx context.Context) ([]World, error) {
	return collect(ctx, tx, (*World).fields, query(listedWorlds))
}

// WorldsPage lists a page of the worlds by position; the first page is 1.
func (tx *Tx) WorldsPage(ctx context.Context, number, size int) ([]World, error) {
	return collect(ctx, tx, (*World).fields, query(listedWorlds+` LIMIT $1 OFFSET $2`, size, (number-1)*size))
}

// WorldNamed reads a world, or returns ErrNotFound.
func (tx *Tx) WorldNamed(ctx context.Context, name string) (World, error) {
	w := World{Name: name}
	err := tx.find(ctx, "world", []any{&w.Plan, &w.Generation},
		query(`SELECT plan, generation FROM world WHERE id = $1`, name))
	return w, err
}

// NewWorld creates a world as the last of the list, or returns ErrDuplicate.
func (tx *Tx) NewWorld(ctx context.Context, id string, plan Plan) error {
	var position int
	if err := tx.Scan(ctx, []any{&position}, `SELECT COALESCE(MAX(position), 0) + 1 FROM world`); err != nil {
		return err
	}
	return tx.insertWorld(ctx, id, plan, position)
}

// UpdateWorld writes the plan of a world and the generation of its tokens, or returns ErrNotFound.
func (tx *Tx) UpdateWorld(ctx context.Context, w World) error {
	return tx.runOne(ctx, "world", ErrNotFound,
		query(`UPDATE world SET plan = $2, generation = $3 WHERE id = $1`, w.Name, w.Plan, w.Generation))
}

// DropWorld deletes the world with its data, users and snapshots, or returns ErrNotFound.
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
	if err := tx.run(ctx, `DELETE FROM account WHERE world = $1`, tx.World); err != nil {
		return err
	}
	return tx.runOne(ctx, "world", ErrNotFound, query(`DELETE FROM world WHERE id = $1`, tx.World))
}

// IsEmpty reports whether the world has no connector and no registry, not even a hidden one.
func (tx *Tx) IsEmpty(ctx context.Context) (bool, error) {
	var n int
	err := tx.Scan(ctx, []any{&n}, `SELECT (SELECT COUNT(*) FROM registry WHERE world = $1) +
		(SELECT COUNT(*) FROM connector WHERE world = $1)`, tx.World)
	return n == 0, err
}

// tables are the tables with the data of worlds, each with a column world. A table comes after
// those to which its rows refer.
var tables = []string{
	"registry", "connector", "repository", "schedule", "schedule_target", "schedule_count",
	"job", "image", "image_place", "policy", "report", "report_schedule",
}

// own are the columns with values that differ between a world and its copy.
var own = []string{"world", "list"}

// Clear deletes the data of the world and resets its clock. Users and their tokens stay valid.
func (tx *Tx) Clear(ctx context.Context) error {
	if err := tx.clearRows(ctx, tx.World); err != nil {
		return err
	}
	tx.Now = tx.machine
	return tx.run(ctx, `UPDATE world SET seq = 0, clock_at = 0, clock_anchor = 0, clock_rate = 1000, profile = ''
		WHERE id = $1`, tx.World)
}

// clearRows deletes the rows of a world or of a snapshot.
func (tx *Tx) clearRows(ctx context.Context, world string) error {
	if err := tx.run(ctx, `DELETE FROM schedule_list WHERE world = $1`, world); err != nil {
		return err
	}
	for _, name := range slices.Backward(tables) {
		if err := tx.run(ctx, `DELETE FROM `+name+` WHERE world = $1`, world); err != nil {
			return err
		}
	}
	return nil
}

// CopyFrom fills the world, which is empty, with the data, the clock and the profile of another.
func (tx *Tx) CopyFrom(ctx context.Context, other string) error {
	if _, err := tx.copyRows(ctx, other, tx.World); err != nil {
		return err
	}
	return tx.run(ctx, `UPDATE world SET (seq, clock_at, clock_anchor, clock_rate, profile) =
		(SELECT seq, clock_at, clock_anchor, clock_rate, profile FROM world WHERE id = $2) WHERE id = $1`,
		tx.World, other)
}

// copyRows copies the rows of a world or of a snapshot to another, and counts them.
func (tx *Tx) copyRows(ctx context.Context, from, to string) (rows int, err error) {
	if err := tx.copyScheduleLists(ctx, from, to); err != nil {
		return 0, err
	}
	for _, name := range tables {
		columns, err := tx.columns(ctx, name)
		if err != nil {
			return 0, err
		}
		text := strings.Join(columns, ", ")
		copied := text
		if name == "schedule" {
			text += ", list"
			copied += `, (SELECT number FROM schedule_list AS l WHERE l.world = $1 AND l.registry = schedule.registry)`
		}
		n, err := tx.Exec(ctx, `INSERT INTO `+name+` (world, `+text+`)
			SELECT $1, `+copied+` FROM `+name+` WHERE world = $2`, to, from)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

// columns returns the names of the columns of a table that are equal in a copy of a world.
func (tx *Tx) columns(ctx context.Context, name string) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT * FROM `+name+` WHERE FALSE`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c string) bool { return slices.Contains(own, c) }), rows.Err()
}

// PauseWorld pauses the runner of the world in other processes for a duration; 0 resumes it. The
// end of the pause is stored in the column held.
func (tx *Tx) PauseWorld(ctx context.Context, d time.Duration) error {
	until := tx.machine.Add(d)
	if d == 0 {
		until = 0
	}
	return tx.run(ctx, `UPDATE world SET held = $2 WHERE id = $1`, tx.World, until)
}

// Paused reports whether the runner of the world was paused when the transaction began.
func (tx *Tx) Paused() bool { return tx.paused > tx.machine }
