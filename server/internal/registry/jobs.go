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

// The reasons for which a job skips an id, besides statuses: notFound if the registry has no such
// schedule, failed if a fault makes the job fail on it.
const (
	notFound = "NotFound"
	failed   = "Fault"
)

func (s *Service) newJob(
	ctx context.Context, kind control.JobKind, registryID string, selection store.Selection,
) store.Job {
	job := control.Job{JobID: call.ID(ctx, s.NewID), Kind: kind, RegistryUUID: registryID}
	job.State, job.Skipped = control.JobStateAccepted, map[string]int{}
	return store.Job{Job: job, Selection: selection}
}

// accept inserts the row of a job. The work needs nothing but the row.
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
func (s *Service) DescribeJob(ctx context.Context, id string) (control.Job, error) {
	row, err := store.ReadValue(ctx, s.Store, call.World(ctx), func(tx *store.Tx) (store.Job, error) {
		return tx.Job(ctx, id)
	})
	return row.Job, err
}

// progress is the result of a batch of a job.
type progress struct {
	open    bool // the job had not ended before the batch
	more    bool // it has not ended after it
	adapt   bool // the duration of the batch says which batch size is good
	changed int  // number of rows that the batch changed
}

func (s *Service) workBatch(ctx context.Context, k store.JobKey, scope store.Scope) (done progress, err error) {
	err = s.Store.Write(ctx, k.World, func(tx *store.Tx) error {
		done = progress{}
		job, err := tx.Job(ctx, k.ID)
		if tx.Paused() && scope.Only == "" || errors.Is(err, store.ErrNotFound) {
			return nil // the world is paused or was dropped
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
		done.adapt = s.Adapt && job.Kind != control.JobKindDeleteRegistries
		done.more, done.changed = next.Ended == 0, next.Changed-job.Changed
		return tx.SaveJob(ctx, next)
	})
	return done, err
}

// maxFailures is how often a batch of a job may fail before the job has failed.
const maxFailures = 5

// countFailure counts a failure of a job. Jobs with failures come after the others, so that one job
// does not stop the others. After maxFailures the job has failed.
func (s *Service) countFailure(ctx context.Context, k store.JobKey) error {
	return s.Store.Write(ctx, k.World, func(tx *store.Tx) error {
		job, err := tx.Job(ctx, k.ID) // read again: another replica may have worked on it
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
		if job.Selection.ByBody {
			action = rules.Delete
		}
		ended, err = s.workSchedules(ctx, tx, job, bulkAction{action, tx.DeleteBatch, tx.DeleteSchedules})
	default:
		return fmt.Errorf("job %s: unknown kind %q", job.JobID, job.Kind)
	}
	if rule.IsViolation(err) { // another version accepted the filter
		job.State, job.Ended, job.Error = control.JobStateFailed, tx.Now, err.Error()
		return nil
	}
	job.Total = max(job.Total, job.Matched) // more may match than when the job was accepted
	if err == nil && ended {
		job.State, job.Ended, job.Done = control.JobStateFinished, tx.Now, job.Total
	}
	return err
}

// bulkAction is what a job does to schedules: the action in the table of statuses, and the
// statements that apply it to a whole batch or to single rows.
type bulkAction struct {
	action rules.Action
	batch  func(ctx context.Context, b store.Batch, counts map[api.Status]int) (int, error)
	rows   func(ctx context.Context, registryID string, rows []store.Row) error
}

// workSchedules does the next batch of a job on schedules. The status that a schedule has now
// decides, not the one that it had when the job was accepted.
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

// nextBatch returns the next batch of a job, and how many of its schedules match, by status. If all
// rows of the batch match and have one status, they are not counted, as the statement that changes
// them counts.
func (s *Service) nextBatch(
	ctx context.Context, tx *store.Tx, job *store.Job, action rules.Action,
) (b store.Batch, counts map[api.Status]int, err error) {
	o := qql.Options{Now: int64(job.Accepted), Exact: true}
	f, err := rule.Filter(job.Selection.Filter, store.Schedules.Schema, o)
	if err != nil {
		return b, nil, err
	}
	size := s.batch.rows()
	limit := size
	if s.Adapt {
		limit = rowsToRead(size, job.Changed, job.Done)
	}
	for _, rows := range []int{limit, size} { // read fewer rows if the larger batch would change too many
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

// workRows applies the action of a job to the rows of a batch whose status allows it.
func workRows(ctx context.Context, job *store.Job, a bulkAction, rows []store.Row) error {
	var allowed []store.Row
	for _, row := range rows {
		switch f := job.Selection.Failures; {
		case !rules.Can(a.action, row.Status):
			job.Skipped[string(row.Status)]++
		case f.Hits(row.ID):
			job.Skipped[failed]++
		default:
			allowed = append(allowed, row)
		}
	}
	job.Matched += len(rows)
	job.Changed += len(allowed)
	if len(allowed) == 0 {
		return nil
	}
	return a.rows(ctx, job.RegistryUUID, allowed)
}
