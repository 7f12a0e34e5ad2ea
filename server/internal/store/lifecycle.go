package store

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
)

// Phase is the part of a scan that is Running.
type Phase string

// The phases (user guide: a registry scan lists first, then scans).
const (
	NoPhase  Phase = ""
	Listing  Phase = "Listing"
	Scanning Phase = "Scanning"
)

// Wait is how long a schedule stays in the state to which a move takes it.
type Wait int

// The waits: the durations of the schedule, until the next run of an automatic one, or forever.
const (
	Forever Wait = iota
	WhileQueued
	WhileListing
	WhileScanning
	UntilRun
)

// Effect is what a move does to the dates of a schedule.
type Effect int

// The effects. The date that they write is the time at which the move was due.
const (
	NoEffect Effect = iota
	RunIsDue
	RunStarts
	ListingEnds
	RunEnds
	BaselineStarts
	BaselineEnds
)

// Move takes schedules to a state.
type Move struct {
	To     api.Status
	Phase  Phase
	Wait   Wait
	Effect Effect
}

const day = `86400000`

// waits has the expressions for the time at which a schedule is due again. If a run took longer
// than the interval, the missed runs are skipped.
var waits = [...]string{
	Forever:       `0`,
	WhileQueued:   `due_at + queued_stay`,
	WhileListing:  `due_at + listing_stay`,
	WhileScanning: `due_at + scanning_stay`,
	UntilRun: `CASE WHEN run_at > due_at THEN run_at
		ELSE run_at + ((due_at - run_at) / (interval_days * ` + day + `) + 1) * interval_days * ` + day + ` END`,
}

// effects has the assignments of effects.
var effects = [...]string{
	NoEffect: ``,
	RunIsDue: `, run_at = due_at + interval_days * ` + day,
	RunStarts: `, job_start = due_at, listing_start = due_at, job_completion = 0, listing_completion = 0,
		scanning_start = 0, scanning_completion = 0, errors = 'null'`,
	ListingEnds:    `, listing_completion = due_at, scanning_start = due_at`,
	RunEnds:        `, scanning_completion = due_at, job_completion = due_at, errors = fault`,
	BaselineStarts: `, listing_start = due_at, listing_completion = 0`,
	BaselineEnds:   `, listing_completion = due_at`,
}

// Due is a schedule that is due, as far as the life cycle needs it.
type Due struct {
	Row
	RegistryID string
	Phase      Phase
	OnDemand   bool
	Outcome    api.Status
	At         openapi.Millis // the time at which it was due
	Filters    []api.ScheduleFilter
}

func (d *Due) fields() []any {
	filters := filterColumns{all: &d.Filters}
	return []any{
		&d.ID, &d.Seq, &d.Status, &d.RegistryID, &d.Phase, &d.OnDemand, &d.Outcome, &d.At,
		(*filtersColumn)(&filters), (*repoColumn)(&filters), (*tagColumn)(&filters),
	}
}

// Scope selects the worlds in which background work is done.
type Scope struct {
	Only   string   // this world, also while its runner is paused; "" for all worlds whose runner is not
	Except []string // these worlds are left out
}

// condition returns the condition that selects the worlds of a scope; column has their names. The
// first argument is the time of the store. The column held of a world is the time until which its
// runner is paused.
func (s Scope) condition(tx *Tx, column string, args ...any) statement {
	if s.Only != "" {
		args = append(args, s.Only)
		// PostgreSQL refuses a query that does not use $1.
		return query(fmt.Sprintf(`%s = $%d AND CAST($1 AS bigint) IS NOT NULL`, column, len(args)), args...)
	}
	if len(s.Except) == 0 {
		return query(`world.held <= $1`, args...)
	}
	list := tx.in(column, s.Except, args...)
	return query(`world.held <= $1 AND NOT `+list.text, list.args...)
}

// DueWorld returns a world with a schedule, of scans or of reports, that is due by the world's own
// clock. The second result is false if there is none.
func (tx *Tx) DueWorld(ctx context.Context, s Scope) (world string, found bool, err error) {
	where := s.condition(tx, `id`, tx.machine)
	found, err = tx.first(ctx, []any{&world}, `SELECT id FROM world WHERE (
		EXISTS (SELECT 1 FROM schedule AS s WHERE s.world = world.id AND s.due_at > 0 AND s.due_at <= `+clockAt+`)
		OR EXISTS (SELECT 1 FROM report_schedule AS s
			WHERE s.world = world.id AND s.due_at > 0 AND s.due_at <= `+clockAt+`)
		) AND `+where.text+` LIMIT 1`, where.args...)
	return world, found, err
}

// DueRows reads the schedules of the world that are due until a time, the earliest first.
func (tx *Tx) DueRows(ctx context.Context, until openapi.Millis, limit int) ([]Due, error) {
	return collect(ctx, tx, (*Due).fields,
		query(`SELECT id, seq, status, registry, phase, on_demand, outcome, due_at, filters, repo, tag
			FROM schedule
			WHERE world = $1 AND due_at > 0 AND due_at <= $2 ORDER BY due_at, seq LIMIT $3`, tx.World, until, limit))
}

// MoveSchedules makes a move for schedules of the world, in one statement. Each schedule moves at
// the time at which it was due.
func (tx *Tx) MoveSchedules(ctx context.Context, m Move, rows []Due) error {
	ids := make([]string, len(rows))
	deltas := map[string]map[api.Status]int{}
	for i, r := range rows {
		ids[i] = r.ID
		if deltas[r.RegistryID] == nil {
			deltas[r.RegistryID] = map[api.Status]int{}
		}
		deltas[r.RegistryID][r.Status]--
		deltas[r.RegistryID][m.To]++
	}
	list := tx.in(`id`, ids, tx.World, m.To, m.Phase)
	err := tx.run(ctx, `UPDATE schedule SET status = $2, phase = $3, updated = due_at,
		due_at = `+waits[m.Wait]+effects[m.Effect]+` WHERE world = $1 AND `+list.text, list.args...)
	for registry, delta := range deltas {
		if err == nil {
			err = tx.addCounts(ctx, registry, delta)
		}
	}
	return err
}

// SetDue makes a schedule due now, for a move that is forced.
func (tx *Tx) SetDue(ctx context.Context, id string) error {
	return tx.run(ctx, `UPDATE schedule SET due_at = $3 WHERE world = $1 AND id = $2`, tx.World, id, tx.Now)
}

// SetErrors stores the errors of the last scan of a schedule.
func (tx *Tx) SetErrors(ctx context.Context, id string, errs []api.ScheduleError) error {
	return tx.run(ctx, `UPDATE schedule SET errors = $3 WHERE world = $1 AND id = $2`, tx.World, id, asJSON(&errs))
}
