package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/store"
)

// chunk is how many rows of a bulk job one transaction looks at, so that other writers get their
// turn; half as many to begin with, where that adapts.
const chunk = 1000

// notFound is the reason for skipping an id that does not exist, or not in this registry and world.
const notFound = "NotFound"

func (s *Service) newJob(
	ctx context.Context, kind control.JobKind, registryID string, selection store.Selection,
) store.Job {
	return store.Job{
		Job: control.Job{
			JobID:        s.id(ctx),
			Kind:         kind,
			RegistryUUID: registryID,
			State:        control.JobStateAccepted,
			Skipped:      map[string]int{},
		},
		Selection: selection,
	}
}

// faulty is the reason for leaving a schedule on which a job fails on purpose.
const faulty = "Fault"

type failuresKey struct{}

// WithFailures has the jobs that calls with a context start fail on some of their schedules.
func WithFailures(ctx context.Context, f store.Failures) context.Context {
	return context.WithValue(ctx, failuresKey{}, f)
}

// accept writes the row of a job, from which the work follows by itself.
func accept(ctx context.Context, tx *store.Tx, job *store.Job, total int) error {
	var err error
	job.Total, job.Accepted = total, tx.Now
	job.Selection.Failures, _ = ctx.Value(failuresKey{}).(store.Failures)
	if job.UpTo, err = tx.LastSeq(); err != nil {
		return err
	}
	return tx.InsertJob(ctx, *job)
}

// started wakes the runner for a job that was accepted.
func (s *Service) started(ctx context.Context, job store.Job, err error) (string, error) {
	if err != nil {
		return "", err
	}
	s.accepted(store.JobKey{World: WorldOf(ctx), ID: job.JobID})
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

// Step does a piece of the background work: the moves of schedules that are due, as far as one
// transaction takes them, and a chunk of the oldest job, in another. Neither can keep the other
// from its turn. It reports whether there was any. A process that is killed in it has done a piece
// or has not.
func (s *Service) Step(ctx context.Context) (didWork bool, err error) {
	scope, done := s.held.others()
	defer done()
	return s.step(ctx, scope)
}

func (s *Service) step(ctx context.Context, scope store.Scope) (didWork bool, err error) {
	moved, lifeErr := s.stepLife(ctx, scope)
	worked, jobErr := s.stepJob(ctx, scope)
	err = errors.Join(lifeErr, jobErr)
	return (moved || worked) && err == nil, err
}

// stepLife makes moves that are due. Mostly there are none: it asks before it begins to write.
func (s *Service) stepLife(ctx context.Context, scope store.Scope) (moved bool, err error) {
	var due bool
	err = s.store.Ask(ctx, "", func(tx *store.Tx) error {
		_, due, err = tx.DueWorld(ctx, scope)
		return err
	})
	if err != nil || !due {
		return false, err
	}
	asked, err := s.prepare(ctx, scope)
	if err != nil {
		return false, err
	}
	err = s.store.Write(ctx, "", func(tx *store.Tx) (err error) {
		moved, err = s.live(ctx, tx, scope, asked)
		return err
	})
	return moved, err
}

// StepLife makes moves that are due, as far as one transaction takes them, and reports whether
// there were any.
func (s *Service) StepLife(ctx context.Context) (moved bool, err error) {
	scope, done := s.held.others()
	defer done()
	return s.stepLife(ctx, scope)
}

// OpenJobs names the jobs that are not at their end.
func (s *Service) OpenJobs(ctx context.Context) (open []store.JobKey, err error) {
	err = s.store.Read(ctx, "", func(tx *store.Tx) error {
		open, err = tx.OpenJobs(ctx)
		return err
	})
	return open, err
}

// StepJob works a chunk of a job, and reports whether there is more to do on it.
func (s *Service) StepJob(ctx context.Context, k store.JobKey) (more bool, err error) {
	scope, done := s.held.others()
	defer done()
	if slices.Contains(scope.Except, k.World) {
		return false, nil
	}
	return s.workJob(ctx, k, scope)
}

// WorkJob works on a job for a while, chunk by chunk, and reports whether there is more to do.
func (s *Service) WorkJob(ctx context.Context, k store.JobKey, d time.Duration) (more bool, err error) {
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		if more, err = s.StepJob(ctx, k); err != nil || !more {
			return more, err
		}
		select {
		case <-ctx.Done():
			return true, nil
		case <-end.C:
			return true, nil
		default:
		}
	}
}

// stepJob works a chunk of the oldest job. Where another process has just ended that one, there may
// be others.
func (s *Service) stepJob(ctx context.Context, scope store.Scope) (found bool, err error) {
	var k store.JobKey
	err = s.store.Ask(ctx, "", func(tx *store.Tx) error {
		k, found, err = tx.NextJob(ctx, scope)
		return err
	})
	if err == nil && found {
		_, err = s.workJob(ctx, k, scope)
	}
	return found, err
}

// workJob works a chunk of a job, if it is not at its end and nobody else holds its world, and
// reports whether there is more to do on it.
func (s *Service) workJob(ctx context.Context, k store.JobKey, scope store.Scope) (more bool, err error) {
	began := time.Now() //nolint:forbidigo // how long others wait, not the time of a world
	done, err := s.workChunk(ctx, k, scope)
	switch {
	case err == nil && done.open && s.adapt:
		s.chunk.took(time.Since(began), done.changed, s.store.Shared())
	case err != nil && done.open && ctx.Err() == nil && !store.Busy(err):
		err = errors.Join(err, s.setBack(ctx, k))
	}
	return done.more, err
}

// progress is what a transaction has done of a job: whether there was anything to do, whether there
// is more, and how many rows it changed.
type progress struct {
	open, more bool
	changed    int
}

func (s *Service) workChunk(ctx context.Context, k store.JobKey, scope store.Scope) (done progress, err error) {
	err = s.store.Write(ctx, k.World, func(tx *store.Tx) error {
		done = progress{}
		job, err := tx.Job(ctx, k.ID)
		if tx.Held() && scope.Only == "" || errors.Is(err, store.ErrNotFound) {
			return nil // its world is left to who holds it, or was dropped
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

// maxFailures is how often a job may fail before it is given up.
const maxFailures = 5

// setBack puts a job that failed behind the others, and gives it up when it fails again and again:
// one job must not stop the others.
func (s *Service) setBack(ctx context.Context, k store.JobKey) error {
	return s.store.Write(ctx, k.World, func(tx *store.Tx) error {
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

// work does the next chunk of a job.
func (s *Service) work(ctx context.Context, tx *store.Tx, job *store.Job) error {
	var ended bool
	var err error
	switch job.Kind {
	case control.JobKindDeleteRegistries:
		ended, err = workRegistries(ctx, tx, job)
	case control.JobKindCancelSchedules:
		ended, err = s.workSchedules(ctx, tx, job, bulkAction{BulkCancel, tx.CancelPiece, tx.CancelSchedules})
	case control.JobKindDeleteSchedules:
		rule := BulkDelete
		if job.Selection.Older {
			rule = Delete // client v1.1: only Running is forbidden
		}
		ended, err = s.workSchedules(ctx, tx, job, bulkAction{rule, tx.DeletePiece, tx.DeleteSchedules})
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

// bulkAction is what a job does to schedules: the column of the table of statuses that decides, and
// the statements that do it, to a piece or to some of its rows.
type bulkAction struct {
	rule  Action
	piece func(ctx context.Context, p store.Piece, counted map[api.Status]int) (int, error)
	rows  func(ctx context.Context, registryID string, rows []store.Row) error
}

// workSchedules does the next chunk of a job on schedules. Their status is that of this moment, not
// of the moment when the job was accepted.
func (s *Service) workSchedules(
	ctx context.Context, tx *store.Tx, job *store.Job, a bulkAction,
) (ended bool, err error) {
	if len(job.Selection.IDs) > 0 {
		return s.workIDs(ctx, tx, job, a)
	}
	p, counted, err := s.nextPiece(ctx, tx, job, a.rule)
	if err != nil {
		return false, err
	}
	job.Mark, job.Done = p.To, min(job.Done+p.Rows, job.Total)
	if job.Selection.Failures.Share > 0 {
		rows, err := tx.RowsOf(ctx, p)
		if err != nil {
			return false, err
		}
		return p.Last, workRows(ctx, job, a, rows)
	}
	for status, n := range counted {
		if !Can(a.rule, status) {
			job.Matched += n
			job.Skipped[string(status)] += n
			delete(counted, status)
		}
	}
	n, err := a.piece(ctx, p, counted)
	job.Matched, job.Changed = job.Matched+n, job.Changed+n
	return p.Last, err
}

// nextPiece gives the piece that a job works on next, and how many of its schedules are selected,
// by their status. Where the statement that changes them tells it as well, they are not counted.
func (s *Service) nextPiece(
	ctx context.Context, tx *store.Tx, job *store.Job, rule Action,
) (p store.Piece, counted map[api.Status]int, err error) {
	f, err := filter(job.Selection.Filter, store.Schedules, qql.Options{Now: int64(job.Accepted), Exact: true})
	if err != nil {
		return p, nil, err
	}
	size := s.chunk.rows()
	wide := size
	if s.adapt {
		wide = wider(size, job.Changed, job.Done)
	}
	for _, rows := range []int{wide, size} {
		p, err = tx.NextPiece(
			ctx, job.Counts, f,
			store.Piece{Registry: job.RegistryUUID, After: job.Mark, UpTo: job.UpTo, Rows: rows},
		)
		if err != nil {
			return p, nil, err
		}
		if p.Exact() && Can(rule, p.Status) {
			if rows > size {
				continue // all of them may change
			}
			return p, map[api.Status]int{p.Status: 0}, nil
		}
		if counted, err = tx.Tally(ctx, p); err != nil {
			return p, nil, err
		}
		changes := 0
		for status, n := range counted {
			if Can(rule, status) {
				changes += n
			}
		}
		if changes <= 2*size {
			break
		} // else it is too much for one transaction: of fewer rows, fewer change
	}
	return p, counted, nil
}

// workIDs does the next chunk of a job on ids.
func (s *Service) workIDs(ctx context.Context, tx *store.Tx, job *store.Job, a bulkAction) (ended bool, err error) {
	end := min(int(job.Position)+min(chunk, s.chunk.rows()), len(job.Selection.IDs))
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

// workRows does what a job does to some rows.
func workRows(ctx context.Context, job *store.Job, a bulkAction, rows []store.Row) error {
	var act []store.Row
	for _, row := range rows {
		switch f := job.Selection.Failures; {
		case !Can(a.rule, row.Status):
			job.Skipped[string(row.Status)]++
		case f.Share > 0 && fault.Draw(f.Seed, row.ID) < f.Share:
			job.Skipped[faulty]++
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
