package store

import (
	"context"
	"errors"
	"strconv"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
)

// Phase is the part of a scan that is Running.
type Phase string

// The phases (user guide: a registry scan lists first, then scans). Outside a scan there is none.
const (
	NoPhase  Phase = ""
	Listing  Phase = "Listing"
	Scanning Phase = "Scanning"
)

// Wait says how long a schedule stays where a move takes it.
type Wait int

// The waits: by the durations of the schedule, until an automatic schedule runs again, or for ever.
const (
	Forever Wait = iota
	WhileQueued
	WhileListing
	WhileScanning
	UntilRun
)

// Effect is what a move does to the dates of a schedule.
type Effect int

// The effects. A move happens at the moment it was due, so that is the date that it writes.
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

// sql says when a schedule is due again. A run that took longer than the interval leaves out those
// that it missed.
func (w Wait) sql() string {
	switch w {
	case WhileQueued:
		return `due_at + queued_stay`
	case WhileListing:
		return `due_at + listing_stay`
	case WhileScanning:
		return `due_at + scanning_stay`
	case UntilRun:
		return `CASE WHEN run_at > due_at THEN run_at
			ELSE run_at + ((due_at - run_at) / (interval_days * ` + day + `) + 1) * interval_days * ` + day + ` END`
	default:
		return `0`
	}
}

func (e Effect) sql() string {
	switch e {
	case RunIsDue:
		return `, run_at = due_at + interval_days * ` + day
	case RunStarts:
		return `, job_start = due_at, listing_start = due_at, job_completion = 0, listing_completion = 0,
			scanning_start = 0, scanning_completion = 0, errors = 'null'`
	case ListingEnds:
		return `, listing_completion = due_at, scanning_start = due_at`
	case RunEnds:
		return `, scanning_completion = due_at, job_completion = due_at, errors = fault`
	case BaselineStarts:
		return `, listing_start = due_at, listing_completion = 0`
	case BaselineEnds:
		return `, listing_completion = due_at`
	default:
		return ``
	}
}

// Due is as much of a schedule as the life cycle needs to decide.
type Due struct {
	Row
	RegistryID string
	Phase      Phase
	OnDemand   bool
	Outcome    api.Status
	At         openapi.Millis // when it was due
	Filters    []api.ScheduleFilter
}

func (d *Due) fields() []any {
	return []any{&d.ID, &d.Seq, &d.Status, &d.RegistryID, &d.Phase, &d.OnDemand, &d.Outcome, &d.At, asJSON(&d.Filters)}
}

// Scope says in which worlds background work is looked for.
type Scope struct {
	Only   string   // this one; all when it is empty,
	Except []string // but for these
}

// condition holds for the rows of worlds that are looked at; column is where they name their world.
// The first argument is the time of the store: worlds that somebody holds are left alone, unless
// they are the only one.
func (s Scope) condition(tx *Tx, column string, args ...any) statement {
	if s.Only != "" {
		args = append(args, s.Only)
		// PostgreSQL wants every argument used
		return statement{column + ` = $` + strconv.Itoa(len(args)) + ` AND CAST($1 AS bigint) IS NOT NULL`, args}
	}
	if len(s.Except) == 0 {
		return statement{`world.held <= $1`, args}
	}
	list := tx.in(column, s.Except, args...)
	return statement{`world.held <= $1 AND NOT ` + list.text, list.args}
}

// DueWorld names a world that has a schedule, of scans or of reports, which is due by the world's
// own clock; there is none when the second result is false.
func (tx *Tx) DueWorld(ctx context.Context, s Scope) (world string, found bool, err error) {
	where := s.condition(tx, `id`, tx.machine)
	err = tx.Scan(ctx, []any{&world}, `SELECT id FROM world
		WHERE (EXISTS (SELECT 1 FROM schedule WHERE schedule.world = world.id AND schedule.due_at > 0
		AND schedule.due_at <= `+clockAt+`)
		OR EXISTS (SELECT 1 FROM report_schedule WHERE report_schedule.world = world.id
		AND report_schedule.due_at > 0 AND report_schedule.due_at <= `+clockAt+`))
		AND `+where.text+` LIMIT 1`, where.args...)
	if errors.Is(err, ErrNotFound) {
		return "", false, nil
	}
	return world, err == nil, err
}

// DueRows reads the schedules of the world that are due until a time, the earliest first.
func (tx *Tx) DueRows(ctx context.Context, until openapi.Millis, limit int) ([]Due, error) {
	return collect(
		ctx,
		tx,
		(*Due).fields,
		statement{`SELECT id, seq, status, registry, phase, on_demand, outcome, due_at, filters FROM schedule
		WHERE world = $1 AND due_at > 0 AND due_at <= $2 ORDER BY due_at, seq LIMIT $3`, []any{tx.World, until, limit}},
	)
}

// MoveSchedules makes a move for rows of the world: one statement for all. Each moves at the moment
// it was due.
func (tx *Tx) MoveSchedules(ctx context.Context, m Move, rows []Due) error {
	keys := make([]string, len(rows))
	delta := map[string]map[api.Status]int{}
	for i, r := range rows {
		keys[i] = r.ID
		if delta[r.RegistryID] == nil {
			delta[r.RegistryID] = map[api.Status]int{}
		}
		delta[r.RegistryID][r.Status]--
		delta[r.RegistryID][m.To]++
	}
	list := tx.in(`id`, keys, tx.World, m.To, m.Phase)
	if _, err := tx.Exec(
		ctx,
		`UPDATE schedule SET status = $2, phase = $3, updated = due_at,
			due_at = `+m.Wait.sql()+m.Effect.sql()+` WHERE world = $1 AND `+list.text,
		list.args...); err != nil {
		return err
	}
	for registry, d := range delta {
		if err := tx.addCounts(ctx, registry, d); err != nil {
			return err
		}
	}
	return nil
}

// SetDue makes a schedule due now, for a move that is forced.
func (tx *Tx) SetDue(ctx context.Context, id string) error {
	_, err := tx.Exec(ctx, `UPDATE schedule SET due_at = $3 WHERE world = $1 AND id = $2`, tx.World, id, tx.Now)
	return err
}

// SetErrors notes why the scan of a schedule ended as it did.
func (tx *Tx) SetErrors(ctx context.Context, id string, errs []api.ScheduleError) error {
	_, err := tx.Exec(ctx, `UPDATE schedule SET errors = $3 WHERE world = $1 AND id = $2`, tx.World, id, asJSON(&errs))
	return err
}
