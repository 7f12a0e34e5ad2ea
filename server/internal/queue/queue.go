// Package queue distributes background work to the replicas that share a PostgreSQL database, by
// River. The rows of jobs and schedules are the truth: River carries the keys of jobs from one
// replica to another and elects the replica that looks for what is due. A job that River loses is
// enqueued again.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/qcsdev/qcs/server/internal/store"
)

// Work is what there is to do. A call does a piece and reports whether there is more.
type Work interface {
	OpenJobs(ctx context.Context) ([]store.JobKey, error)
	WorkJob(ctx context.Context, k store.JobKey, d time.Duration) (more bool, err error)
	StepLife(ctx context.Context) (more bool, err error)
}

// River's defaults are made for long jobs: the job of a killed replica would come back after an
// hour.
const (
	every    = time.Second            // how often a replica sweeps
	slice    = 500 * time.Millisecond // how long one turn works on a job before other jobs get a turn
	turn     = 10 * time.Second       // how long a turn may take
	rescue   = 15 * time.Second       // after which the turn of a replica that is gone is done again
	retained = time.Minute            // how long River keeps what is done
	workers  = 8
	few      = 4 // jobs that a sweep works on itself
)

// Queue is a replica's connection to the queue.
type Queue struct {
	pool     *pgxpool.Pool
	client   *river.Client[pgx.Tx]
	enqueued chan store.JobKey
	log      *slog.Logger
}

// jobArgs name a job that is to be worked on.
type jobArgs struct {
	World string `json:"world"`
	ID    string `json:"id"`
}

// Kind implements river.JobArgs.
func (jobArgs) Kind() string { return "qcs_job" }

// sweepArgs ask for a sweep.
type sweepArgs struct{}

// Kind implements river.JobArgs.
func (sweepArgs) Kind() string { return "qcs_sweep" }

// once keeps River from having the same job twice at the same time. A job that fails is enqueued
// again by a sweep; its row counts its failures.
var once = &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable,
	rivertype.JobStatePending,
	rivertype.JobStateRunning,
	rivertype.JobStateScheduled,
	rivertype.JobStateRetryable,
}}}

// eachTime tells sweeps apart by their time, not by their state: a sweep that a killed replica has
// begun does not block the next one.
var eachTime = &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: every}}

// jobWorker works on jobs.
type jobWorker struct {
	river.WorkerDefaults[jobArgs]
	work Work
}

// Work implements river.Worker.
func (w *jobWorker) Work(ctx context.Context, j *river.Job[jobArgs]) error {
	more, err := w.work.WorkJob(ctx, store.JobKey{World: j.Args.World, ID: j.Args.ID}, slice)
	if err == nil && more {
		err = river.JobSnooze(0)
	}
	return err
}

// sweepWorker does what is due, and enqueues jobs that no replica works on.
type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	queue *Queue
	work  Work
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) (err error) {
	for more := true; more && err == nil && ctx.Err() == nil; {
		more, err = w.work.StepLife(ctx)
	}
	open, failed := w.work.OpenJobs(ctx)
	err = errors.Join(err, failed)
	for i, k := range open {
		if i < few {
			// the replica that River gave it to may be gone
			if more, failed := w.work.WorkJob(ctx, k, slice); failed != nil || !more {
				err = errors.Join(err, failed)
				continue
			}
		}
		err = errors.Join(err, w.queue.insert(ctx, k))
	}
	return err
}

// New connects to the queue of a database, and brings the tables of River up to date. No work is
// done before Run.
func New(ctx context.Context, database string, work Work, log *slog.Logger) (*Queue, error) {
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, errors.New("work queue: the URL cannot be read") // pgx would repeat it, with the password
	}
	c := &Queue{pool: pool, enqueued: make(chan store.JobKey, 1024), log: log}
	registered := river.NewWorkers()
	river.AddWorker(registered, &jobWorker{work: work})
	river.AddWorker(registered, &sweepWorker{queue: c, work: work})
	c.client, err = river.NewClient(riverpgxv5.New(pool), &river.Config{
		Workers:                     registered,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Logger:                      slog.New(quiet{log.Handler()}),
		JobTimeout:                  turn,
		RescueStuckJobsAfter:        rescue,
		CompletedJobRetentionPeriod: retained,
		DiscardedJobRetentionPeriod: retained,
		CancelledJobRetentionPeriod: retained,
		FetchPollInterval:           every,
		SoftStopTimeout:             turn,
		PeriodicJobs: []*river.PeriodicJob{
			river.NewPeriodicJob(
				river.PeriodicInterval(every),
				func() (river.JobArgs, *river.InsertOpts) { return sweepArgs{}, eachTime },
				&river.PeriodicJobOpts{RunOnStart: true},
			),
		},
	})
	if err == nil {
		err = c.migrate(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("work queue: %w", err)
	}
	return c, nil
}

// migrate brings River's tables up to date, one replica after the other.
func (q *Queue) migrate(ctx context.Context) error {
	migrator, err := rivermigrate.New(
		riverpgxv5.New(q.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		return err
	}
	return q.pool.AcquireFunc(ctx, func(turn *pgxpool.Conn) error {
		const key = 7_216_733 // of our lock
		if _, err := turn.Exec(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
			return err
		}
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		_, unlock := turn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, key)
		return errors.Join(err, unlock)
	})
}

// Enqueue enqueues a job. It never waits: a job that does not get through is found by the next
// sweep.
func (q *Queue) Enqueue(k store.JobKey) {
	select {
	case q.enqueued <- k:
	default:
	}
}

func (q *Queue) insert(ctx context.Context, k store.JobKey) (err error) {
	_, err = q.client.Insert(ctx, jobArgs{k.World, k.ID}, once)
	return err
}

// Run works until the context ends; then it finishes what has begun, up to a bound.
func (q *Queue) Run(ctx context.Context) error {
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			stopping, done := context.WithTimeout(context.WithoutCancel(ctx), turn)
			defer done()
			return q.client.Stop(stopping)
		case k := <-q.enqueued:
			if err := q.insert(ctx, k); err != nil && ctx.Err() == nil {
				q.log.Warn("a job could not be enqueued", "job", k.ID, "error", err)
			}
		}
	}
}

// Close closes the connections. Run must have ended.
func (q *Queue) Close() { q.pool.Close() }

// quiet lets warnings and errors of River into the log.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
