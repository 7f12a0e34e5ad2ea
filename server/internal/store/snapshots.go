package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

// A snapshot is a row with the state of a world, and copies of the rows of the world. The copies
// have a world name that no world has, so that no job and no schedule of them is ever due.

// copiesOf returns the world name of the copies of a snapshot.
func (tx *Tx) copiesOf(snapshot string) string { return tx.World + "/snapshots/" + snapshot }

// worldState is the part of the row of a world that a snapshot contains.
type worldState struct {
	Plan    Plan           `json:"plan"`
	Seq     int64          `json:"seq"`
	Shown   openapi.Millis `json:"clock"` // time of the clock; 0 for a real clock
	Rate    int64          `json:"rate"`  // of the clock, in thousandths
	Profile string         `json:"profile"`
}

func (s *worldState) fields() []any { return []any{&s.Plan, &s.Seq, &s.Shown, &s.Rate, &s.Profile} }

const snapshotColumns = `plan, seq, frozen_at, clock_rate, profile`

// readState reads the state of the world.
func (tx *Tx) readState(ctx context.Context) (s worldState, err error) {
	clock, err := tx.Clock(ctx)
	if err != nil {
		return s, err
	}
	s.Rate = clock.Rate
	if clock != RealClock() {
		s.Shown = tx.Now
	}
	err = tx.Scan(ctx, []any{&s.Plan, &s.Seq, &s.Profile},
		`SELECT plan, seq, profile FROM world WHERE id = $1`, tx.World)
	return s, err
}

// writeState sets clock, profile and number of the newest schedule of the world; the plan stays.
func (tx *Tx) writeState(ctx context.Context, s worldState) error {
	err := tx.run(ctx, `UPDATE world SET seq = $2, profile = $3 WHERE id = $1`, tx.World, s.Seq, s.Profile)
	switch {
	case err != nil:
		return err
	case s.Shown == 0:
		return tx.ResetClock(ctx)
	}
	return tx.SetClock(ctx, s.Shown, s.Rate)
}

// Snapshots lists the snapshots of the world by name.
func (tx *Tx) Snapshots(ctx context.Context) ([]control.Snapshot, error) {
	return collect(ctx, tx, func(s *control.Snapshot) []any { return []any{&s.Name, &s.Taken, &s.Rows} },
		query(`SELECT name, taken, rows FROM snapshot WHERE world = $1 ORDER BY name`, tx.World))
}

// SaveSnapshot stores the world as a snapshot. A snapshot of the same name is replaced.
func (tx *Tx) SaveSnapshot(ctx context.Context, name string) (control.Snapshot, error) {
	state, err := tx.readState(ctx)
	if err != nil {
		return control.Snapshot{}, err
	}
	return tx.putSnapshot(ctx, name, func(copies string) (worldState, int, error) {
		rows, err := tx.copyRows(ctx, tx.World, copies)
		return state, rows, err
	})
}

// ImportSnapshot stores an exported document as a snapshot.
func (tx *Tx) ImportSnapshot(ctx context.Context, name string, file control.SnapshotFile) (control.Snapshot, error) {
	return tx.putSnapshot(ctx, name, func(copies string) (worldState, int, error) {
		return tx.load(ctx, file, copies)
	})
}

// putSnapshot replaces a snapshot. The function fill inserts its rows and returns their number.
func (tx *Tx) putSnapshot(
	ctx context.Context, name string, fill func(copies string) (state worldState, rows int, err error),
) (s control.Snapshot, err error) {
	if err := tx.clearRows(ctx, tx.copiesOf(name)); err != nil {
		return s, err
	}
	state, rows, err := fill(tx.copiesOf(name))
	if err != nil {
		return s, err
	}
	s = control.Snapshot{Name: name, Taken: tx.Now, Rows: rows}
	if err := tx.run(ctx, deleteSnapshot, tx.World, name); err != nil {
		return s, err
	}
	return s, tx.run(ctx, `INSERT INTO snapshot (world, name, taken, rows, `+snapshotColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		append([]any{tx.World, s.Name, s.Taken, s.Rows}, state.fields()...)...)
}

const deleteSnapshot = `DELETE FROM snapshot WHERE world = $1 AND name = $2`

// RestoreSnapshot replaces the data, the clock and the plan of the world by those of a snapshot.
func (tx *Tx) RestoreSnapshot(ctx context.Context, name string) error {
	state, err := tx.snapshot(ctx, name)
	if err != nil {
		return err
	}
	if err := tx.clearRows(ctx, tx.World); err != nil {
		return err
	}
	if _, err := tx.copyRows(ctx, tx.copiesOf(name), tx.World); err != nil {
		return err
	}
	if err := tx.run(ctx, `UPDATE world SET plan = $2 WHERE id = $1`, tx.World, state.Plan); err != nil {
		return err
	}
	return tx.writeState(ctx, state)
}

func (tx *Tx) snapshot(ctx context.Context, name string) (s worldState, err error) {
	err = tx.find(ctx, "snapshot", s.fields(),
		query(`SELECT `+snapshotColumns+` FROM snapshot WHERE world = $1 AND name = $2`, tx.World, name))
	return s, err
}

// DeleteSnapshot deletes a snapshot, or returns ErrNotFound.
func (tx *Tx) DeleteSnapshot(ctx context.Context, name string) error {
	if _, err := tx.snapshot(ctx, name); err != nil {
		return err
	}
	if err := tx.clearRows(ctx, tx.copiesOf(name)); err != nil {
		return err
	}
	return tx.run(ctx, deleteSnapshot, tx.World, name)
}

// ExportSnapshot returns a snapshot as one document.
func (tx *Tx) ExportSnapshot(ctx context.Context, name string) (control.SnapshotFile, error) {
	state, err := tx.snapshot(ctx, name)
	if err != nil {
		return control.SnapshotFile{}, err
	}
	return tx.export(ctx, state, tx.copiesOf(name))
}

// ExportState returns the world as one document.
func (tx *Tx) ExportState(ctx context.Context) (control.SnapshotFile, error) {
	state, err := tx.readState(ctx)
	if err != nil {
		return control.SnapshotFile{}, err
	}
	return tx.export(ctx, state, tx.World)
}

// export returns a document with a state and the rows of a world or of a snapshot.
func (tx *Tx) export(ctx context.Context, s worldState, world string) (file control.SnapshotFile, err error) {
	file = control.SnapshotFile{Schema: schemaVersion, Tables: map[string]control.SnapshotTable{}}
	file.World = map[string]any{"plan": s.Plan, "seq": s.Seq, "clock": s.Shown, "rate": s.Rate, "profile": s.Profile}
	for _, name := range tables {
		t := control.SnapshotTable{}
		if t.Columns, err = tx.columns(ctx, name); err != nil {
			return file, err
		}
		list := strings.Join(t.Columns, ", ")
		t.Rows, err = tx.values(ctx, len(t.Columns),
			query(`SELECT `+list+` FROM `+name+` WHERE world = $1 ORDER BY `+list, world))
		if err != nil {
			return file, err
		}
		file.Tables[name] = t
	}
	return file, nil
}

// values reads all rows of a query as the values of their columns.
func (tx *Tx) values(ctx context.Context, columns int, q statement) ([][]any, error) {
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

// FileError is the reason why an exported document cannot be imported.
type FileError struct{ Msg string }

func (e *FileError) Error() string { return e.Msg }

func fileErrorf(format string, args ...any) error { return &FileError{fmt.Sprintf(format, args...)} }

// LoadState fills the world, which is empty, from an exported document. Its plan stays.
func (tx *Tx) LoadState(ctx context.Context, file control.SnapshotFile) error {
	state, _, err := tx.load(ctx, file, tx.World)
	if err != nil {
		return err
	}
	return tx.writeState(ctx, state)
}

// PlanOf returns the plan of the world in an exported document; "" if the document has none.
func PlanOf(file control.SnapshotFile) Plan {
	state, _ := stateOf(file.World) // LoadState returns the error
	return state.Plan
}

// load inserts the rows of an exported document into a world or a snapshot, and counts them.
func (tx *Tx) load(ctx context.Context, file control.SnapshotFile, world string) (s worldState, rows int, err error) {
	if file.Schema < oldestExported || file.Schema > schemaVersion {
		return s, 0, fileErrorf("The file is of schema %d, this database of %d.", file.Schema, schemaVersion)
	}
	if s, err = stateOf(file.World); err != nil {
		return s, 0, err
	}
	for _, name := range tables {
		t, given := file.Tables[name]
		if !given {
			continue
		}
		columns, err := tx.columns(ctx, name)
		if err != nil {
			return s, 0, err
		}
		if name == "schedule" && file.Schema < oneTarget {
			columns = columns[:len(columns)-2] // without repo and tag
		}
		if !slices.Equal(columns, t.Columns) {
			return s, 0, fileErrorf("The table %s has other columns.", name)
		}
		if err := tx.loadTable(ctx, name, t, world); err != nil {
			return s, 0, err
		}
		rows += len(t.Rows)
	}
	if file.Schema < oneTarget {
		if err := tx.runAll(ctx, moveOnlyTargets, world); err != nil {
			return s, 0, err
		}
	}
	return s, rows, tx.checkLoaded(ctx, world)
}

// moveOnlyTargets are the statements that put the only target of a schedule into the columns repo
// and tag, as the migration does.
var moveOnlyTargets = []string{
	`UPDATE schedule SET (repo, tag) = (SELECT t.repo, t.tag FROM schedule_target AS t
			WHERE t.world = schedule.world AND t.schedule = schedule.id)
		WHERE world = $1 AND (SELECT COUNT(*) FROM schedule_target AS t
			WHERE t.world = schedule.world AND t.schedule = schedule.id) = 1`,
	`DELETE FROM schedule_target WHERE world = $1 AND EXISTS (SELECT 1 FROM schedule AS s
		WHERE s.world = schedule_target.world AND s.id = schedule_target.schedule AND s.repo <> '')`,
}

func (tx *Tx) loadTable(ctx context.Context, name string, t control.SnapshotTable, world string) error {
	columns, lists := append([]string{"world"}, t.Columns...), map[string]int64{}
	registry := slices.Index(t.Columns, "registry")
	if name == "schedule" {
		columns = append(columns, "list")
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fileErrorf("Row %d of the table %s has %d values, not %d.", i+1, name, len(row), len(t.Columns))
		}
		values := append([]any{world}, row...)
		if name == "schedule" {
			of := fmt.Sprint(row[registry])
			if lists[of] == 0 {
				var err error
				if lists[of], err = tx.scheduleList(ctx, world, of); err != nil {
					return err
				}
			}
			values = append(values, lists[of])
		}
		if err := tx.insertRow(ctx, name, columns, values); err != nil {
			if Busy(err) || ctx.Err() != nil {
				return err
			}
			return fileErrorf("Row %d of the table %s cannot be stored: %v", i+1, name, err)
		}
	}
	return nil
}

// checkLoaded refuses rows of a document that the rules cannot work with: schedules that would
// always be due, targets of schedules that do not exist, and counters of unknown statuses.
func (tx *Tx) checkLoaded(ctx context.Context, world string) error {
	for _, check := range []struct{ find, msg string }{
		{
			`SELECT id FROM schedule WHERE world = $1 AND (interval_days < 0 OR interval_days = 0
			AND start_time <> '' OR queued_stay < 0 OR listing_stay < 0 OR scanning_stay < 0) LIMIT 1`,
			"The schedule %s has an invalid interval or duration.",
		},
		{
			`SELECT schedule FROM schedule_target WHERE world = $1 AND NOT EXISTS (SELECT 1 FROM schedule
			WHERE schedule.world = schedule_target.world AND schedule.id = schedule_target.schedule) LIMIT 1`,
			"The schedule %s has a target, but does not exist.",
		},
	} {
		var id string
		found, err := tx.first(ctx, []any{&id}, check.find, world)
		if err != nil {
			return err
		}
		if found {
			return fileErrorf(check.msg, id)
		}
	}
	statuses, err := column[string](ctx, tx,
		query(`SELECT DISTINCT status FROM schedule_count WHERE world = $1`, world))
	if err != nil {
		return err
	}
	for _, s := range statuses {
		if !api.Status(s).Valid() {
			return fileErrorf("The table schedule_count has the unknown status %q.", s)
		}
	}
	return nil
}

func (tx *Tx) insertRow(ctx context.Context, name string, columns []string, values []any) error {
	placeholders := make([]string, len(values))
	for i, v := range values {
		placeholders[i] = "$" + strconv.Itoa(i+1)
		if f, ok := v.(float64); ok && f == math.Trunc(f) { // JSON has no type for whole numbers
			values[i] = int64(f)
		}
	}
	return tx.run(ctx, `INSERT INTO `+name+` (`+strings.Join(columns, ", ")+`)
		VALUES (`+strings.Join(placeholders, ", ")+`)`, values...)
}

// stateOf returns the state of the world in an exported document.
func stateOf(world map[string]any) (s worldState, err error) {
	number := func(name string) int64 {
		f, _ := world[name].(float64)
		if text, ok := world[name].(string); ok { // times are texts
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		}
		return int64(f)
	}
	plan, _ := world["plan"].(string)
	s.Profile, _ = world["profile"].(string)
	s.Plan, s.Seq, s.Shown, s.Rate = Plan(plan), number("seq"), openapi.Millis(number("clock")), number("rate")
	if s.Plan != PlanFree && s.Plan != PlanTrial && s.Plan != PlanFull {
		return s, fileErrorf("The world of the file has no plan.")
	}
	return s, nil
}
