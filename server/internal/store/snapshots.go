package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

// A snapshot is a row that says what the world was like, and copies of the world's rows under a
// name that no world has: no job and no schedule of them is ever due.

// place is what stands in the column world of the rows of a snapshot.
func (tx *Tx) place(name string) string { return tx.World + "/snapshots/" + name }

// state is what a snapshot keeps of the row of a world.
type state struct {
	Plan    Plan           `json:"plan"`
	Seq     int64          `json:"seq"`
	Frozen  openapi.Millis `json:"clock"` // what the clock showed; 0 for a real one
	Rate    int64          `json:"rate"`  // of the clock, in thousandths
	Profile string         `json:"profile"`
}

func (s *state) fields() []any { return []any{&s.Plan, &s.Seq, &s.Frozen, &s.Rate, &s.Profile} }

const snapshotColumns = `plan, seq, frozen_at, clock_rate, profile`

// state reads that of the world now.
func (tx *Tx) state(ctx context.Context) (s state, err error) {
	line, err := tx.Clock(ctx)
	if err != nil {
		return s, err
	}
	s.Rate = line.Rate
	if line != RealClock() {
		s.Frozen = tx.Now
	}
	return s, tx.Scan(
		ctx, []any{&s.Plan, &s.Seq, &s.Profile}, `SELECT plan, seq, profile FROM world WHERE id = $1`, tx.World,
	)
}

// Snapshots lists the snapshots of the world by name.
func (tx *Tx) Snapshots(ctx context.Context) ([]control.Snapshot, error) {
	return collect(
		ctx, tx, func(s *control.Snapshot) []any { return []any{&s.Name, &s.Taken, &s.Rows} },
		statement{`SELECT name, taken, rows FROM snapshot WHERE world = $1 ORDER BY name`, []any{tx.World}},
	)
}

// SaveSnapshot keeps the world under a name.
func (tx *Tx) SaveSnapshot(ctx context.Context, name string) (control.Snapshot, error) {
	s := control.Snapshot{Name: name, Taken: tx.Now}
	now, err := tx.state(ctx)
	if err != nil {
		return s, err
	}
	if err := tx.clearRows(ctx, tx.place(name)); err != nil {
		return s, err
	}
	rows, err := tx.copyRows(ctx, tx.World, tx.place(name))
	if err != nil {
		return s, err
	}
	s.Rows = rows
	return s, tx.putSnapshot(ctx, s, now)
}

func (tx *Tx) putSnapshot(ctx context.Context, s control.Snapshot, was state) error {
	if _, err := tx.Exec(ctx, `DELETE FROM snapshot WHERE world = $1 AND name = $2`, tx.World, s.Name); err != nil {
		return err
	}
	_, err := tx.Exec(
		ctx,
		`INSERT INTO snapshot (world, name, taken, rows, `+snapshotColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		append([]any{tx.World, s.Name, s.Taken, s.Rows}, was.fields()...)...)
	return err
}

// RestoreSnapshot makes the world what it was, with the plan that it had then.
func (tx *Tx) RestoreSnapshot(ctx context.Context, name string) error {
	was, err := tx.snapshot(ctx, name)
	if err != nil {
		return err
	}
	if err := tx.clearRows(ctx, tx.World); err != nil {
		return err
	}
	if _, err := tx.copyRows(ctx, tx.place(name), tx.World); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE world SET plan = $2 WHERE id = $1`, tx.World, was.Plan); err != nil {
		return err
	}
	return tx.become(ctx, was)
}

// become gives the world the clock, the profile and the counter of a state.
func (tx *Tx) become(ctx context.Context, was state) error {
	if _, err := tx.Exec(
		ctx, `UPDATE world SET seq = $2, profile = $3 WHERE id = $1`, tx.World, was.Seq, was.Profile,
	); err != nil {
		return err
	}
	if was.Frozen == 0 {
		return tx.ResetClock(ctx)
	}
	return tx.SetClock(ctx, was.Frozen, was.Rate)
}

func (tx *Tx) snapshot(ctx context.Context, name string) (was state, err error) {
	if err := tx.Scan(
		ctx, was.fields(), `SELECT `+snapshotColumns+` FROM snapshot WHERE world = $1 AND name = $2`, tx.World,
		name,
	); err != nil {
		return was, fmt.Errorf("snapshot: %w", err)
	}
	return was, nil
}

// DeleteSnapshot removes a snapshot, or gives ErrNotFound.
func (tx *Tx) DeleteSnapshot(ctx context.Context, name string) error {
	if _, err := tx.snapshot(ctx, name); err != nil {
		return err
	}
	if err := tx.clearRows(ctx, tx.place(name)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM snapshot WHERE world = $1 AND name = $2`, tx.World, name)
	return err
}

// ExportSnapshot gives a snapshot as one document.
func (tx *Tx) ExportSnapshot(ctx context.Context, name string) (control.SnapshotFile, error) {
	was, err := tx.snapshot(ctx, name)
	if err != nil {
		return control.SnapshotFile{}, err
	}
	return tx.export(ctx, was, tx.place(name))
}

// ExportState gives the world as it is as one document.
func (tx *Tx) ExportState(ctx context.Context) (control.SnapshotFile, error) {
	is, err := tx.state(ctx)
	if err != nil {
		return control.SnapshotFile{}, err
	}
	return tx.export(ctx, is, tx.World)
}

// export writes a state, and the rows of a world or of a snapshot.
func (tx *Tx) export(ctx context.Context, was state, from string) (file control.SnapshotFile, err error) {
	file = control.SnapshotFile{Schema: schemaVersion, Tables: map[string]control.SnapshotTable{}}
	file.World = map[string]any{
		"plan":    was.Plan,
		"seq":     was.Seq,
		"clock":   was.Frozen,
		"rate":    was.Rate,
		"profile": was.Profile,
	}
	for _, table := range tables {
		t := control.SnapshotTable{}
		if t.Columns, err = tx.columns(ctx, table); err != nil {
			return file, err
		}
		list := strings.Join(t.Columns, ", ")
		t.Rows, err = tx.rows(
			ctx, len(t.Columns),
			statement{`SELECT ` + list + ` FROM ` + table + ` WHERE world = $1 ORDER BY ` + list, []any{from}},
		)
		if err != nil {
			return file, err
		}
		file.Tables[table] = t
	}
	return file, nil
}

// rows reads all rows of a query as the values of their columns.
func (tx *Tx) rows(ctx context.Context, columns int, q statement) ([][]any, error) {
	rows, err := tx.Query(ctx, q.text, q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := [][]any{}
	for rows.Next() {
		row, into := make([]any, columns), make([]any, columns)
		for i := range into {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// FileError says why an exported snapshot cannot be imported.
type FileError struct{ Msg string }

func (e *FileError) Error() string { return e.Msg }

// ImportSnapshot keeps an exported snapshot under a name.
func (tx *Tx) ImportSnapshot(ctx context.Context, name string, file control.SnapshotFile) (control.Snapshot, error) {
	s := control.Snapshot{Name: name, Taken: tx.Now}
	if err := tx.clearRows(ctx, tx.place(name)); err != nil {
		return s, err
	}
	was, rows, err := tx.load(ctx, file, tx.place(name))
	if err != nil {
		return s, err
	}
	s.Rows = rows
	return s, tx.putSnapshot(ctx, s, was)
}

// LoadState makes the world, which is empty, what an exported document says; its plan stays.
func (tx *Tx) LoadState(ctx context.Context, file control.SnapshotFile) error {
	was, _, err := tx.load(ctx, file, tx.World)
	if err != nil {
		return err
	}
	return tx.become(ctx, was)
}

// PlanOf is the plan of the world in an exported document; none when it names none.
func PlanOf(file control.SnapshotFile) Plan {
	was, _ := stateOf(file.World) // whoever loads it finds the error
	return was.Plan
}

// load adds the rows of an exported document to a world or a snapshot, and counts them.
func (tx *Tx) load(ctx context.Context, file control.SnapshotFile, to string) (was state, rows int, err error) {
	if file.Schema < oldestExported || file.Schema > schemaVersion {
		return was, 0, &FileError{fmt.Sprintf("The file is of schema %d, this database of %d.", file.Schema, schemaVersion)}
	}
	if was, err = stateOf(file.World); err != nil {
		return was, 0, err
	}
	for _, table := range tables {
		columns, err := tx.columns(ctx, table)
		if err != nil {
			return was, 0, err
		}
		t, given := file.Tables[table]
		if given && strings.Join(columns, " ") != strings.Join(t.Columns, " ") {
			return was, 0, &FileError{fmt.Sprintf("The table %s has other columns.", table)}
		}
		for i, row := range t.Rows {
			if len(row) != len(columns) {
				return was, 0, &FileError{
					fmt.Sprintf("Row %d of the table %s has %d values, not %d.", i+1, table, len(row), len(columns)),
				}
			}
			if err := tx.insertRow(ctx, table, columns, append([]any{to}, row...)); err != nil {
				return was, 0, &FileError{fmt.Sprintf("Row %d of the table %s cannot be stored: %v", i+1, table, err)}
			}
		}
		rows += len(t.Rows)
	}
	if err := errors.Join(tx.checkLife(ctx, to), tx.checkTargets(ctx, to)); err != nil {
		return was, 0, err
	}
	counted, err := collect(
		ctx, tx, func(s *api.Status) []any { return []any{(*string)(s)} },
		statement{`SELECT DISTINCT status FROM schedule_count WHERE world = $1`, []any{to}},
	)
	if i := slices.IndexFunc(counted, func(s api.Status) bool { return !s.Valid() }); i >= 0 {
		err = &FileError{fmt.Sprintf("The table schedule_count has the status %q, which there is not.", counted[i])}
	}
	return was, rows, err
}

// checkLife refuses schedules whose lives would never come to a rest.
func (tx *Tx) checkLife(ctx context.Context, world string) error {
	var id string
	err := tx.Scan(
		ctx,
		[]any{&id},
		`SELECT id FROM schedule WHERE world = $1 AND (interval_days < 0 OR interval_days = 0
			AND start_time <> '' OR queued_stay < 0 OR listing_stay < 0 OR scanning_stay < 0) LIMIT 1`,
		world,
	)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		err = &FileError{fmt.Sprintf("The schedule %s has an interval or a duration that cannot be.", id)}
	}
	return err
}

// checkTargets refuses targets of schedules that there are not.
func (tx *Tx) checkTargets(ctx context.Context, world string) error {
	var id string
	err := tx.Scan(
		ctx,
		[]any{&id},
		`SELECT schedule FROM schedule_target WHERE world = $1 AND NOT EXISTS (SELECT 1 FROM schedule
			WHERE schedule.world = schedule_target.world AND schedule.id = schedule_target.schedule) LIMIT 1`,
		world,
	)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		err = &FileError{fmt.Sprintf("The schedule %s has a target, but does not exist.", id)}
	}
	return err
}

func (tx *Tx) insertRow(ctx context.Context, table string, columns []string, values []any) error {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = "$" + strconv.Itoa(i+1)
		if f, ok := v.(float64); ok && f == math.Trunc(f) { // JSON has one kind of number, these tables whole ones
			values[i] = int64(f)
		}
	}
	_, err := tx.Exec(
		ctx,
		`INSERT INTO `+table+` (world, `+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`,
		values...)
	return err
}

// stateOf reads what an exported snapshot says of the world.
func stateOf(world map[string]any) (was state, err error) {
	number := func(name string) int64 {
		f, _ := world[name].(float64)
		if text, ok := world[name].(string); ok { // times are texts
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		}
		return int64(f)
	}
	plan, _ := world["plan"].(string)
	was.Profile, _ = world["profile"].(string)
	was.Plan, was.Seq, was.Frozen, was.Rate = Plan(plan), number("seq"), openapi.Millis(number("clock")), number("rate")
	if was.Plan != PlanFree && was.Plan != PlanTrial && was.Plan != PlanFull {
		return was, &FileError{"The world of the file has no plan."}
	}
	return was, nil
}
