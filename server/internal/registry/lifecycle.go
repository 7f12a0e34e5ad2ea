package registry

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// state is the state of a schedule in its life cycle.
type state struct {
	status api.Status
	phase  store.Phase
}

// lifecycle has the move of each state, which a schedule makes when it is due. States without a
// move are final: Paused, Unknown and Canceled. The end of a scan is in moveOf.
//
// A scan lists, then scans (user guide). An automatic schedule begins with a baseline and runs
// again at its time. The order of the states is inferred from their names.
var lifecycle = map[state]store.Move{
	{api.StatusCreated, store.NoPhase}: {To: api.StatusQueued, Wait: store.WhileQueued},
	{api.StatusQueued, store.NoPhase}: {
		To: api.StatusRunning, Phase: store.Listing, Wait: store.WhileListing, Effect: store.RunStarts,
	},
	{api.StatusRunning, store.Listing}: {
		To: api.StatusRunning, Phase: store.Scanning, Wait: store.WhileScanning, Effect: store.ListingEnds,
	},
	{api.StatusBaselineCreated, store.NoPhase}: {To: api.StatusBaselineQueued, Wait: store.WhileQueued},
	{api.StatusBaselineQueued, store.NoPhase}: {
		To: api.StatusBaselineRunning, Phase: store.Listing, Wait: store.WhileListing, Effect: store.BaselineStarts,
	},
	{api.StatusBaselineRunning, store.Listing}: {
		To: api.StatusBaselineCompleted, Wait: store.UntilRun, Effect: store.BaselineEnds,
	},
	{api.StatusBaselineCompleted, store.NoPhase}: nextScan,
	{api.StatusCompleted, store.NoPhase}:         nextScan,
	{api.StatusFinished, store.NoPhase}:          nextScan,
	{api.StatusError, store.NoPhase}:             nextScan,
	{api.StatusFailed, store.NoPhase}:            nextScan,
}

// nextScan begins the next scan of an automatic schedule.
var nextScan = store.Move{To: api.StatusQueued, Wait: store.WhileQueued, Effect: store.RunIsDue}

// moveOf returns the move of a schedule that is due. The end of a scan depends on the schedule: a
// schedule on demand stays Finished, an automatic one is Completed until its next scan.
func moveOf(d store.Due) (store.Move, bool) {
	if d.Status != api.StatusRunning || d.Phase != store.Scanning {
		m, ok := lifecycle[state{d.Status, d.Phase}]
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

// endsWell reports whether a move ends a scan successfully.
func endsWell(m store.Move) bool {
	return m.Effect == store.RunEnds && (m.To == api.StatusFinished || m.To == api.StatusCompleted)
}

// makeDueMoves makes the moves that are due in one world, the earliest schedules first, or the
// report that is due before them. Schedules with the same move share one statement. It reports
// whether there was any work.
func (s *Service) makeDueMoves(
	ctx context.Context, tx *store.Tx, scope store.Scope, listings scan.Listings,
) (made moves, worked bool, err error) {
	d, err := dueNow(ctx, tx, scope)
	if err != nil {
		return made, false, err
	}
	tx = d.tx
	if len(d.schedules) == 0 && d.isReport {
		return made, true, s.Reports.Make(ctx, tx, d.report)
	}
	made, failures, err := s.decide(ctx, tx, d.schedules, listings)
	if err != nil {
		return made, false, err
	}
	for _, m := range made.order {
		if endsWell(m) {
			if err := scan.Save(ctx, tx, made.rows[m], listings); err != nil {
				return made, false, err
			}
		}
		if err := tx.MoveSchedules(ctx, m, made.rows[m]); err != nil {
			return made, false, err
		}
	}
	for id, failure := range failures {
		if err := tx.SetErrors(ctx, id, failure); err != nil {
			return made, false, err
		}
	}
	return made, len(d.schedules) > 0, nil
}

// due is what is due first in a world: schedules or, if none is due before it, a report.
type due struct {
	tx        *store.Tx // of that world
	schedules []store.Due
	report    store.ReportSchedule
	isReport  bool
}

// dueNow reads what is due in one world. Schedules that are due after a report wait for it.
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
	d.schedules, err = d.tx.DueRows(ctx, until, batchRows)
	return d, err
}

// moves are the moves of schedules, in the order of the first schedule that makes each move.
type moves struct {
	order []store.Move
	rows  map[store.Move][]store.Due
}

// decide groups due schedules by their moves. A scan whose registry could not be listed ends in
// Error; decide returns the errors by schedule. A scan whose registry is not listed yet waits.
func (s *Service) decide(
	ctx context.Context, tx *store.Tx, due []store.Due, listings scan.Listings,
) (moves, map[string][]api.ScheduleError, error) {
	sorted, failures := moves{rows: map[store.Move][]store.Due{}}, map[string][]api.ScheduleError{}
	addresses := map[string]string{}
	if len(s.Sources) > 0 {
		var err error
		if addresses, err = scan.Addresses(ctx, tx, due); err != nil {
			return sorted, nil, err
		}
	}
	for _, d := range due {
		m, ok := moveOf(d)
		if !ok {
			m = store.Move{To: d.Status, Phase: d.Phase} // keeps its state and is never due again
		}
		m, failure, listed := s.outcome(m, addresses[d.RegistryID], d, listings)
		if !listed {
			continue
		}
		if failure != nil {
			failures[d.ID] = failure
		}
		if len(sorted.rows[m]) == 0 {
			sorted.order = append(sorted.order, m)
		}
		sorted.rows[m] = append(sorted.rows[m], d)
	}
	return sorted, failures, nil
}

// outcome returns the move m, changed to Error if it would end a scan successfully whose registry
// could not be listed. The result listed is false if the listing lacks selectors of the schedule.
func (s *Service) outcome(
	m store.Move, uri string, d store.Due, listings scan.Listings,
) (move store.Move, failure []api.ScheduleError, listed bool) {
	if !endsWell(m) || s.Sources.Of(uri) == nil {
		return m, nil, true
	}
	if failure = listings.Failure(uri); failure != nil {
		m.To = api.StatusError
	}
	return m, failure, listings.Covers(uri, d.Filters)
}

// forced returns the move that puts a schedule into a status.
func forced(status api.Status, onDemand bool) (store.Move, error) {
	m := store.Move{To: status}
	switch status {
	case api.StatusBaselineCreated, api.StatusBaselineQueued, api.StatusBaselineRunning, api.StatusBaselineCompleted:
		if onDemand {
			return m, rule.Errorf(openapi.NotAutomatic, "Only automatic schedules have a baseline.")
		}
	case api.StatusPaused, api.StatusUnknown, api.StatusCanceled:
		return m, nil
	}
	switch status {
	case api.StatusCreated, api.StatusBaselineCreated, api.StatusQueued, api.StatusBaselineQueued:
		m.Wait = store.WhileQueued
	case api.StatusRunning:
		return lifecycle[state{api.StatusQueued, store.NoPhase}], nil
	case api.StatusBaselineRunning:
		return lifecycle[state{api.StatusBaselineQueued, store.NoPhase}], nil
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
