package registry

import (
	"context"
	"errors"
	"math"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// chunk is how many rows of a bulk job one transaction works on: it keeps the write lock under 30 ms on SQLite.
const chunk = 1000

// notFound is the reason for skipping an id that does not exist, or not in this registry and world.
const notFound = "NotFound"

func (s *Service) newJob(kind control.JobKind, registryID string, selection store.Selection) store.Job {
	return store.Job{
		Job:       control.Job{JobID: s.newID(), Kind: kind, RegistryUUID: registryID, State: control.JobStateAccepted, Skipped: map[string]int{}},
		Selection: selection,
	}
}

// accept writes the row of a job, from which the work follows by itself.
func accept(ctx context.Context, tx *store.Tx, job *store.Job, total int) error {
	var err error
	job.Total, job.Accepted = total, tx.Now
	if job.UpTo, err = tx.LastSeq(ctx); err != nil {
		return err
	}
	return tx.InsertJob(ctx, *job)
}

// started wakes the runner for a job that was accepted.
func (s *Service) started(job store.Job, err error) (string, error) {
	if err != nil {
		return "", err
	}
	s.wake()
	return job.JobID, nil
}

// DescribeJob gives the state of a job.
func (s *Service) DescribeJob(ctx context.Context, id string) (job control.Job, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		row, err := tx.Job(ctx, id)
		job = row.Job
		return err
	})
	return job, err
}

// Step does one piece of the background work, in one transaction: a move of the life cycle or a chunk of the oldest job. It reports whether there was any.
// It is idempotent: a process that is killed in it has done the piece or has not.
func (s *Service) Step(ctx context.Context) (didWork bool, err error) {
	err = s.store.Write(ctx, "", func(tx *store.Tx) error {
		if didWork, err = live(ctx, tx); err != nil || didWork {
			return err
		}
		job, found, err := tx.NextJob(ctx)
		if err != nil || !found {
			return err
		}
		didWork = true
		if tx, err = tx.In(ctx, job.World); err != nil {
			return err
		}
		if job.State == control.JobStateAccepted {
			job.State, job.Started = control.JobStateRunning, tx.Now
		}
		if err := work(ctx, tx, &job); err != nil {
			return err
		}
		return tx.SaveJob(ctx, job)
	})
	return didWork && err == nil, err
}

// work does the next chunk of a job.
func work(ctx context.Context, tx *store.Tx, job *store.Job) error {
	var ended bool
	var err error
	switch job.Kind {
	case control.JobKindDeleteRegistries:
		ended, err = workRegistries(ctx, tx, job)
	case control.JobKindCancelSchedules:
		ended, err = workSchedules(ctx, tx, job, bulkAction{BulkCancel, tx.CancelSchedules})
	case control.JobKindDeleteSchedules:
		ended, err = workSchedules(ctx, tx, job, bulkAction{BulkDelete, tx.DeleteSchedules})
	}
	var token *qql.TokenError
	var syntax *qql.SyntaxError
	if errors.As(err, &token) || errors.As(err, &syntax) { // a filter that another version accepted
		job.State, job.Ended, job.Error = control.JobStateFailed, tx.Now, err.Error()
		return nil
	}
	if err == nil && ended {
		job.State, job.Ended, job.Done = control.JobStateFinished, tx.Now, job.Total
	}
	return err
}

// bulkAction is what a job does to schedules: the column of the table of statuses that decides, and the statement that does it.
type bulkAction struct {
	rule Action
	do   func(ctx context.Context, registryID string, rows []store.Row) error
}

func workSchedules(ctx context.Context, tx *store.Tx, job *store.Job, a bulkAction) (ended bool, err error) {
	rows, ended, err := nextRows(ctx, tx, job)
	if err != nil {
		return false, err
	}
	var act []store.Row
	for _, row := range rows {
		if Can(a.rule, row.Status) {
			act = append(act, row)
		} else {
			job.Skipped[string(row.Status)]++
		}
	}
	job.Matched += len(rows)
	job.Changed += len(act)
	if len(act) == 0 {
		return ended, nil
	}
	return ended, a.do(ctx, job.RegistryUUID, act)
}

// nextRows reads the next rows of a job and moves its position behind them. Their status is that of this moment, not of the moment when the job was accepted.
func nextRows(ctx context.Context, tx *store.Tx, job *store.Job) (rows []store.Row, last bool, err error) {
	if ids := job.Selection.IDs; len(ids) > 0 {
		end := min(int(job.Position)+chunk, len(ids))
		ids = ids[job.Position:end]
		rows, err = tx.RowsByID(ctx, job.RegistryUUID, ids, job.UpTo)
		if missing := len(ids) - len(rows); missing > 0 {
			job.Skipped[notFound] += missing
		}
		job.Position, job.Done = int64(end), end
		return rows, end == len(job.Selection.IDs), err
	}
	f, err := filter(job.Selection.Filter, store.Schedules, qql.Options{Now: int64(job.Accepted), Exact: true})
	if err != nil {
		return nil, false, err
	}
	rows, err = tx.RowsOf(ctx, job.RegistryUUID, f, store.Chunk{After: job.Position, UpTo: job.UpTo, Limit: chunk})
	if len(rows) > 0 {
		job.Position = rows[len(rows)-1].Seq
	}
	job.Done = min(job.Done+len(rows), job.Total)
	return rows, len(rows) < chunk, err
}

// workRegistries goes on with the registry that the position names. A registry disappears as a whole, before its schedules are cleared in chunks, so that nobody sees half of one.
func workRegistries(ctx context.Context, tx *store.Tx, job *store.Job) (ended bool, err error) {
	id := job.Selection.IDs[job.Position]
	outcome, err := deleteRegistry(ctx, tx, id, job.JobID)
	if err != nil || outcome == "" {
		return false, err
	}
	switch outcome {
	case control.JobOutcomeOutcomeNotFound:
		job.Skipped[notFound]++
	case control.JobOutcomeOutcomeRunning:
		job.Matched++
		job.Skipped[string(api.StatusRunning)]++
	default:
		job.Matched++
		job.Changed++
	}
	job.Outcomes = append(job.Outcomes, control.JobOutcome{RegistryUUID: id, Outcome: outcome})
	job.Position++
	job.Done++
	return int(job.Position) == len(job.Selection.IDs), nil
}

// deleteRegistry does the next piece of deleting a registry; the outcome is empty while there is more to do.
func deleteRegistry(ctx context.Context, tx *store.Tx, id, job string) (control.JobOutcomeOutcome, error) {
	err := tx.HasRegistry(ctx, id)
	if err == nil {
		err = deletable(ctx, tx, id)
	}
	var running *RuleError
	if errors.As(err, &running) {
		return control.JobOutcomeOutcomeRunning, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	hidden, err := tx.HideRegistry(ctx, id, job)
	if err != nil {
		return "", err
	}
	if !hidden {
		return control.JobOutcomeOutcomeNotFound, nil
	}
	rows, err := tx.RowsOf(ctx, id, nil, store.Chunk{UpTo: math.MaxInt64, Limit: chunk})
	if err != nil {
		return "", err
	}
	if len(rows) > 0 {
		if err := tx.DeleteSchedules(ctx, id, rows); err != nil {
			return "", err
		}
	}
	if len(rows) == chunk {
		return "", nil
	}
	return control.JobOutcomeOutcomeDeleted, tx.DeleteRegistry(ctx, id)
}
