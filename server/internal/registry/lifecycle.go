package registry

import (
	"context"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// state is where a schedule is in its life.
type state struct {
	status api.Status
	phase  store.Phase
}

// moves is the life cycle as data: what becomes of a schedule that is due. What is not here holds
// its state: Paused, Unknown and Canceled always, the ends of a scan at once. A scan lists, then
// scans (user guide). An automatic schedule begins with a baseline and comes back at its time;
// which states it goes through is inferred from their names.
var moves = map[state]store.Move{
	{api.StatusCreated, store.NoPhase}: {To: api.StatusQueued, Wait: store.WhileQueued},
	{api.StatusQueued, store.NoPhase}: {
		To:     api.StatusRunning,
		Phase:  store.Listing,
		Wait:   store.WhileListing,
		Effect: store.RunStarts,
	},
	{api.StatusRunning, store.Listing}: {
		To:     api.StatusRunning,
		Phase:  store.Scanning,
		Wait:   store.WhileScanning,
		Effect: store.ListingEnds,
	},
	{api.StatusBaselineCreated, store.NoPhase}: {To: api.StatusBaselineQueued, Wait: store.WhileQueued},
	{api.StatusBaselineQueued, store.NoPhase}: {
		To:     api.StatusBaselineRunning,
		Phase:  store.Listing,
		Wait:   store.WhileListing,
		Effect: store.BaselineStarts,
	},
	{api.StatusBaselineRunning, store.Listing}: {
		To:     api.StatusBaselineCompleted,
		Wait:   store.UntilRun,
		Effect: store.BaselineEnds,
	},
	{api.StatusBaselineCompleted, store.NoPhase}: again,
	{api.StatusCompleted, store.NoPhase}:         again,
	{api.StatusFinished, store.NoPhase}:          again,
	{api.StatusError, store.NoPhase}:             again,
	{api.StatusFailed, store.NoPhase}:            again,
}

// again is how an automatic schedule comes back.
var again = store.Move{To: api.StatusQueued, Wait: store.WhileQueued, Effect: store.RunIsDue}

// moveOf is the move of a schedule that is due. The end of a scan depends on the schedule: on
// demand it is Finished for good, automatic it is Completed until the next one.
func moveOf(d store.Due) (store.Move, bool) {
	if d.Status != api.StatusRunning || d.Phase != store.Scanning {
		m, ok := moves[state{d.Status, d.Phase}]
		return m, ok
	}
	end := store.Move{To: d.Outcome, Effect: store.RunEnds}
	if !d.OnDemand {
		end.Wait = store.UntilRun
		if d.Outcome == api.StatusFinished {
			end.To = api.StatusCompleted
		}
	}
	return end, true
}

// live makes the moves that are due in the first world that has any, the earliest schedules first,
// all that make the same move together. It reports whether there were any.
func (s *Service) live(ctx context.Context, tx *store.Tx, scope store.Scope, asked surveys) (bool, error) {
	d, err := dueNow(ctx, tx, scope)
	if err != nil {
		return false, err
	}
	tx = d.tx
	if len(d.schedules) == 0 && d.isReport {
		return true, s.report(ctx, tx, d.report)
	}
	moving, failed, err := s.decide(ctx, tx, d.schedules, asked)
	if err != nil {
		return false, err
	}
	for _, m := range moving.order {
		if err := asked.move(ctx, tx, m, moving.rows[m]); err != nil {
			return false, err
		}
	}
	for id, fault := range failed {
		if err := tx.SetErrors(ctx, id, fault); err != nil {
			return false, err
		}
	}
	return len(d.schedules) > 0, nil
}

// due is what is due first in a world: schedules, or, when none is due before it, a report.
type due struct {
	tx        *store.Tx // of that world
	schedules []store.Due
	report    store.ReportSchedule
	isReport  bool
}

// dueNow looks for what is due in the first world that has anything. Schedules that are due after a
// report wait for it.
func dueNow(ctx context.Context, tx *store.Tx, scope store.Scope) (due, error) {
	world, found, err := tx.DueWorld(ctx, scope)
	if err != nil || !found {
		return due{tx: tx}, err
	}
	var d due
	if d.tx, err = tx.In(ctx, world); err != nil {
		return d, err
	}
	if d.report, d.isReport, err = d.tx.DueReportSchedule(ctx); err != nil {
		return d, err
	}
	until := d.tx.Now
	if d.isReport {
		until = d.report.DueAt
	}
	d.schedules, err = d.tx.DueRows(ctx, until, chunk)
	return d, err
}

// moving is which schedules make which moves; each move stands where the first schedule that makes
// it stood.
type moving struct {
	order []store.Move
	rows  map[store.Move][]store.Due
}

// decide sorts schedules that are due by the move that they make. A scan whose registry could not
// be listed ends in Error; one whose registry was not asked yet is left to the next time.
func (s *Service) decide(
	ctx context.Context, tx *store.Tx, due []store.Due, asked surveys,
) (moving, map[string][]api.ScheduleError, error) {
	sorted, failed := moving{rows: map[store.Move][]store.Due{}}, map[string][]api.ScheduleError{}
	addresses := map[string]string{}
	if len(s.sources) > 0 {
		var err error
		if addresses, err = addressesOf(ctx, tx, due); err != nil {
			return sorted, nil, err
		}
	}
	for _, d := range due {
		m, ok := moveOf(d)
		if !ok {
			m = store.Move{To: d.Status, Phase: d.Phase} // holds its state; nothing moves it any more
		}
		m, fault, ready := s.told(m, addresses[d.RegistryID], d, asked)
		if !ready {
			continue
		}
		if fault != nil {
			failed[d.ID] = fault
		}
		if len(sorted.rows[m]) == 0 {
			sorted.order = append(sorted.order, m)
		}
		sorted.rows[m] = append(sorted.rows[m], d)
	}
	return sorted, failed, nil
}

// told corrects the end of a scan by what the source of the registry said; it is not ready while
// that was not asked.
func (s *Service) told(
	m store.Move, uri string, d store.Due, asked surveys,
) (move store.Move, fault []api.ScheduleError, ready bool) {
	if !endsWell(m) || s.source(uri) == nil {
		return m, nil, true
	}
	v := asked[uri]
	if v.err != nil {
		m.To, fault = api.StatusError, faultOf(uri, v.err)
	}
	return m, fault, v.covers(d.Filters)
}

// move makes a move; a scan that ends well has found something.
func (v surveys) move(ctx context.Context, tx *store.Tx, m store.Move, rows []store.Due) error {
	if endsWell(m) {
		if err := v.discover(ctx, tx, rows); err != nil {
			return err
		}
	}
	err := tx.MoveSchedules(ctx, m, rows)
	if err == nil {
		happened(ctx, tx, m, rows)
	}
	return err
}

// nextRun is the first time after now at which an automatic schedule runs: at HH:MM UTC, on a day
// of the week if one is given.
func nextRun(s api.Schedule, now time.Time) openapi.Millis {
	at, err := time.Parse("15:04", s.Schedule)
	if err != nil {
		return 0 // on demand
	}
	now = now.UTC()
	run := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	for !run.After(now) || s.WeekDay != "" && weekDay(run) != s.WeekDay {
		run = run.AddDate(0, 0, 1)
	}
	return openapi.MillisOf(run)
}

// ForceSchedule puts a schedule into a status, from which it goes on as if it had got there by
// itself. An end well that is forced is Error where the registry cannot be listed.
func (s *Service) ForceSchedule(ctx context.Context, registryID, id string, status api.Status) error {
	asked := surveys{}
	var d store.Due
	var m store.Move
	var uri string
	look := func(tx *store.Tx) error {
		row, err := find(ctx, tx, registryID, id)
		if err != nil {
			return err
		}
		d = store.Due{
			Row:        store.Row{ID: id, Status: row.Status},
			RegistryID: registryID,
			At:         tx.Now,
			Filters:    row.Filters,
		}
		if m, err = forced(status, row.OnDemand); err != nil || len(s.sources) == 0 {
			return err
		}
		addresses, err := addressesOf(ctx, tx, []store.Due{d})
		uri = addresses[registryID]
		return err
	}
	if err := s.read(ctx, look); err != nil {
		return err
	}
	if endsWell(m) && s.source(uri) != nil {
		asked.note(uri, d.Filters)
		s.ask(ctx, asked)
	}
	return s.write(ctx, func(tx *store.Tx) error {
		if err := look(tx); err != nil {
			return err
		}
		m, fault, ready := s.told(m, uri, d, asked)
		if !ready {
			return broken("", "The registry has changed meanwhile; try again.")
		}
		if err := tx.SetDue(ctx, id); err != nil {
			return err
		}
		err := asked.move(ctx, tx, m, []store.Due{d})
		if err == nil && fault != nil {
			err = tx.SetErrors(ctx, id, fault)
		}
		return err
	})
}

// forced is the move that puts a schedule into a status.
func forced(status api.Status, onDemand bool) (store.Move, error) {
	m := store.Move{To: status}
	switch status {
	case api.StatusBaselineCreated, api.StatusBaselineQueued, api.StatusBaselineRunning, api.StatusBaselineCompleted:
		if onDemand {
			return m, broken(openapi.NotAutomatic, "Only automatic schedules have a baseline.")
		}
	case api.StatusPaused, api.StatusUnknown, api.StatusCanceled:
		return m, nil
	}
	switch status {
	case api.StatusCreated, api.StatusBaselineCreated, api.StatusQueued, api.StatusBaselineQueued:
		m.Wait = store.WhileQueued
	case api.StatusRunning:
		return moves[state{api.StatusQueued, store.NoPhase}], nil
	case api.StatusBaselineRunning:
		return moves[state{api.StatusBaselineQueued, store.NoPhase}], nil
	default:
		if status != api.StatusBaselineCompleted {
			m.Effect = store.RunEnds
		}
		if !onDemand {
			m.Wait = store.UntilRun
		}
	}
	return m, nil
}
