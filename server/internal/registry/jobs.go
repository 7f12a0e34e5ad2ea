package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/rules"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// notFound is the reason for skipping an id that does not exist, or not in this registry and world.
const notFound = "NotFound"

func (s *Service) newJob(
	ctx context.Context, kind control.JobKind, registryID string, selection store.Selection,
) store.Job {
	return store.Job{
		Job: control.Job{
			JobID:        call.ID(ctx, s.NewID),
			Kind:         kind,
			RegistryUUID: registryID,
			State:        control.JobStateAccepted,
			Skipped:      map[string]int{},
		},
		Selection: selection,
	}
}

// failed is the reason for skipping a schedule on which a job fails on purpose.
const failed = "Fault"

// accept inserts the row of a job. The row is all that the work needs.
func accept(ctx context.Context, tx *store.Tx, job *store.Job, total int) error {
	var err error
	job.Total, job.Accepted = total, tx.Now
	job.Selection.Failures = call.From(ctx).Failures
	if job.UpTo, err = tx.LastSeq(); err != nil {
		return err
	}
	return tx.InsertJob(ctx, *job)
}

// started enqueues a job whose row was committed, and returns its id.
func (s *Service) started(ctx context.Context, job store.Job, err error) (string, error) {
	if err != nil {
		return "", err
	}
	s.Enqueue(store.JobKey{World: call.World(ctx), ID: job.JobID})
	s.Wake()
	return job.JobID, nil
}

// DescribeJob returns the state of a job.
func (s *Service) DescribeJob(ctx context.Context, id string) (job control.Job, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		row, err := tx.Job(ctx, id)
		job = row.Job
		return err
	})
	return job, err
}

// progress is what a transaction has done of a job.
type progress struct {
	open    bool // the job was not at its end
	more    bool // it is not at its end now
	changed int  // rows that the transaction changed
}

func (s *Service) workBatch(ctx context.Context, k store.JobKey, scope store.Scope) (done progress, err error) {
	err = s.Store.Write(ctx, k.World, func(tx *store.Tx) error {
		done = progress{}
		job, err := tx.Job(ctx, k.ID)
		if tx.Paused() && scope.Only == "" || errors.Is(err, store.ErrNotFound) {
			return nil // its world is paused, or was dropped
		}
		if done.open = err == nil && job.Ended == 0; !done.open {
			return err
		}
		next := job
		next.Skipped = maps.Clone(job.Skipped)
		if next.State == control.JobStateAccepted {
			next.State, next.Started = control.JobStateRunning, tx.Now
		}
		if err := s.work(ctx, tx, &next); err != nil {
			return err
		}
		done.more, done.changed = next.Ended == 0, next.Changed-job.Changed
		return tx.SaveJob(ctx, next)
	})
	return done, err
}

// maxFailures is how often a batch of a job may fail before the job has failed.
const maxFailures = 5

// setBack puts a job whose batch failed behind the others, so that one job does not stop the
// others. After maxFailures the job has failed.
func (s *Service) setBack(ctx context.Context, k store.JobKey) error {
	return s.Store.Write(ctx, k.World, func(tx *store.Tx) error {
		job, err := tx.Job(ctx, k.ID) // as it is now: another replica may have worked on it
		if err != nil || job.Ended != 0 {
			return err
		}
		if job.Failures++; job.Failures >= maxFailures {
			job.State = control.JobStateFailed
			job.Ended = tx.Now
			job.Error = "The work could not be done; the log tells why."
		}
		return tx.SaveJob(ctx, job)
	})
}

// work does the next batch of a job.
func (s *Service) work(ctx context.Context, tx *store.Tx, job *store.Job) error {
	var ended bool
	var err error
	switch job.Kind {
	case control.JobKindDeleteRegistries:
		ended, err = workRegistries(ctx, tx, job)
	case control.JobKindCancelSchedules:
		ended, err = s.workSchedules(ctx, tx, job, bulkAction{rules.BulkCancel, tx.CancelBatch, tx.CancelSchedules})
	case control.JobKindDeleteSchedules:
		action := rules.BulkDelete
		if job.Selection.Older {
			action = rules.Delete // client v1.1: only Running is forbidden
		}
		ended, err = s.workSchedules(ctx, tx, job, bulkAction{action, tx.DeleteBatch, tx.DeleteSchedules})
	default:
		return fmt.Errorf("job %s: unknown kind %q", job.JobID, job.Kind)
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

// bulkAction is what a job does to schedules: the action that the table of statuses allows or not,
// and the statements that do it, to a whole batch or to some of its rows.
type bulkAction struct {
	action rules.Action
	batch  func(ctx context.Context, b store.Batch, counts map[api.Status]int) (int, error)
	rows   func(ctx context.Context, registryID string, rows []store.Row) error
}

// workSchedules does the next batch of a job on schedules. The status of a schedule counts as it is
// now, not as it was when the job was accepted.
func (s *Service) workSchedules(
	ctx context.Context, tx *store.Tx, job *store.Job, a bulkAction,
) (ended bool, err error) {
	if len(job.Selection.IDs) > 0 {
		return s.workIDs(ctx, tx, job, a)
	}
	b, counts, err := s.nextBatch(ctx, tx, job, a.action)
	if err != nil {
		return false, err
	}
	job.Cursor, job.Done = b.To, min(job.Done+b.Rows, job.Total)
	if job.Selection.Failures.Share > 0 {
		rows, err := tx.RowsOf(ctx, b)
		if err != nil {
			return false, err
		}
		return b.Last, workRows(ctx, job, a, rows)
	}
	for status, n := range counts {
		if !rules.Can(a.action, status) {
			job.Matched += n
			job.Skipped[string(status)] += n
			delete(counts, status)
		}
	}
	n, err := a.batch(ctx, b, counts)
	job.Matched, job.Changed = job.Matched+n, job.Changed+n
	return b.Last, err
}

// nextBatch returns the batch that a job works on next, and how many of its schedules are selected,
// by status. They are not counted where all have one status: the statement that changes them
// counts.
func (s *Service) nextBatch(
	ctx context.Context, tx *store.Tx, job *store.Job, action rules.Action,
) (b store.Batch, counts map[api.Status]int, err error) {
	o := qql.Options{Now: int64(job.Accepted), Exact: true}
	f, err := rule.Filter(job.Selection.Filter, store.Schedules.Schema, o)
	if err != nil {
		return b, nil, err
	}
	size := s.batch.rows()
	most := size
	if s.Adapt {
		most = rowsToRead(size, job.Changed, job.Done)
	}
	for _, rows := range []int{most, size} { // if most rows would change too many, read fewer
		from := store.Batch{Registry: job.RegistryUUID, After: job.Cursor, UpTo: job.UpTo, Rows: rows}
		if b, err = tx.NextBatch(ctx, job.Counts, f, from); err != nil {
			return b, nil, err
		}
		if b.Exact() && rules.Can(action, b.Status) {
			if rows > size {
				continue // all of them may change
			}
			return b, map[api.Status]int{b.Status: 0}, nil
		}
		if counts, err = tx.CountByStatus(ctx, b); err != nil {
			return b, nil, err
		}
		changes := 0
		for status, n := range counts {
			if rules.Can(action, status) {
				changes += n
			}
		}
		if changes <= 2*size {
			break
		}
	}
	return b, counts, nil
}

// workIDs does the next batch of a job on ids.
func (s *Service) workIDs(ctx context.Context, tx *store.Tx, job *store.Job, a bulkAction) (ended bool, err error) {
	end := min(int(job.Position)+min(batchRows, s.batch.rows()), len(job.Selection.IDs))
	ids := job.Selection.IDs[job.Position:end]
	rows, err := tx.RowsByID(ctx, job.RegistryUUID, ids, job.UpTo)
	if err != nil {
		return false, err
	}
	if missing := len(ids) - len(rows); missing > 0 {
		job.Skipped[notFound] += missing
	}
	job.Position, job.Done = int64(end), end
	return end == len(job.Selection.IDs), workRows(ctx, job, a, rows)
}

// workRows does the action of a job to those rows of a batch that it is allowed on.
func workRows(ctx context.Context, job *store.Job, a bulkAction, rows []store.Row) error {
	var act []store.Row
	for _, row := range rows {
		switch f := job.Selection.Failures; {
		case !rules.Can(a.action, row.Status):
			job.Skipped[string(row.Status)]++
		case f.Hits(row.ID):
			job.Skipped[failed]++
		default:
			act = append(act, row)
		}
	}
	job.Matched += len(rows)
	job.Changed += len(act)
	if len(act) == 0 {
		return nil
	}
	return a.rows(ctx, job.RegistryUUID, act)
}
