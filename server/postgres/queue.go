package postgres

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

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/store"
)

// River's defaults are for long jobs: it would run the job of a killed replica again after an hour.
const (
	sweepInterval = time.Second
	turn          = 500 * time.Millisecond // how long a worker works on a job before other jobs get a turn
	turnTimeout   = 10 * time.Second       // how long a turn may take
	rescueAfter   = 15 * time.Second       // after this time the turn of a killed replica runs again
	retention     = time.Minute            // how long River stores finished turns
	maxWorkers    = 8
	maxSwept      = 4 // number of jobs that a sweep works on itself
)

// queue is the connection of a replica to River, which distributes background work to the
// replicas. The rows of jobs and schedules are the truth. River only passes the keys of jobs to
// replicas, and elects the replica that sweeps: that makes the moves that are due and enqueues jobs
// that River has lost. It implements server.Queue.
type queue struct {
	pool     *pgxpool.Pool
	client   *river.Client[pgx.Tx]
	enqueued chan store.JobKey
	log      *slog.Logger
}

// jobArgs make River work on a job.
type jobArgs struct {
	World string `json:"world"`
	ID    string `json:"id"`
}

// Kind implements river.JobArgs.
func (jobArgs) Kind() string { return "qcs_job" }

// sweepArgs make River sweep.
type sweepArgs struct{}

// Kind implements river.JobArgs.
func (sweepArgs) Kind() string { return "qcs_sweep" }

// uniqueJob makes River drop a job that is in the queue already. A job that fails is enqueued again
// by a sweep; its row counts the failures.
var uniqueJob = &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{
	ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateScheduled, rivertype.JobStateRetryable,
	},
}}

// uniqueSweep makes River drop a second sweep of the same period. Its state does not matter, so
// that an unfinished sweep of a killed replica does not block the next one.
var uniqueSweep = &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: sweepInterval}}

// jobWorker works on jobs.
type jobWorker struct {
	river.WorkerDefaults[jobArgs]
	work server.Work
}

// Work implements river.Worker.
func (w *jobWorker) Work(ctx context.Context, j *river.Job[jobArgs]) error {
	more, err := w.work.WorkJob(ctx, store.JobKey{World: j.Args.World, ID: j.Args.ID}, turn)
	if err == nil && more {
		err = river.JobSnooze(0)
	}
	return err
}

// sweepWorker makes the moves that are due, and enqueues jobs on which no replica works.
type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	queue *queue
	work  server.Work
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) (err error) {
	for more := true; more && err == nil && ctx.Err() == nil; {
		more, err = w.work.StepLife(ctx)
	}
	open, failed := w.work.OpenJobs(ctx)
	err = errors.Join(err, failed)
	for i, k := range open {
		if i < maxSwept { // the replica to which River has passed the job may have been killed
			if more, failed := w.work.WorkJob(ctx, k, turn); failed != nil || !more {
				err = errors.Join(err, failed)
				continue
			}
		}
		err = errors.Join(err, w.queue.insert(ctx, k))
	}
	return err
}

// Queue implements server.Database. It migrates the tables of River.
func (d database) Queue(ctx context.Context, work server.Work, log *slog.Logger) (server.Queue, error) {
	pool, err := pgxpool.New(ctx, d.url)
	if err != nil {
		return nil, errors.New("work queue: the URL is invalid") // the error of pgx contains the password
	}
	q := &queue{pool: pool, enqueued: make(chan store.JobKey, 1024), log: log}
	workers := river.NewWorkers()
	river.AddWorker(workers, &jobWorker{work: work})
	river.AddWorker(workers, &sweepWorker{queue: q, work: work})
	sweep := func() (river.JobArgs, *river.InsertOpts) { return sweepArgs{}, uniqueSweep }
	q.client, err = river.NewClient(riverpgxv5.New(pool), &river.Config{
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: maxWorkers}},
		Logger:                      slog.New(warnings{log.Handler()}),
		JobTimeout:                  turnTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: retention,
		DiscardedJobRetentionPeriod: retention,
		CancelledJobRetentionPeriod: retention,
		FetchPollInterval:           sweepInterval,
		SoftStopTimeout:             turnTimeout,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(
			river.PeriodicInterval(sweepInterval), sweep, &river.PeriodicJobOpts{RunOnStart: true},
		)},
	})
	if err == nil {
		err = q.migrate(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("work queue: %w", err)
	}
	return q, nil
}

// lockKey is the key of the advisory lock that lets one replica at a time migrate River's tables.
const lockKey = 7_216_733

// migrate migrates River's tables.
func (q *queue) migrate(ctx context.Context) error {
	silent := &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}
	migrator, err := rivermigrate.New(riverpgxv5.New(q.pool), silent)
	if err != nil {
		return err
	}
	return q.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, lockKey); err != nil {
			return err
		}
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		_, unlock := conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, lockKey)
		return errors.Join(err, unlock)
	})
}

// Enqueue implements server.Queue: if the buffer is full, the next sweep enqueues the job.
func (q *queue) Enqueue(k store.JobKey) {
	select {
	case q.enqueued <- k:
	default:
	}
}

func (q *queue) insert(ctx context.Context, k store.JobKey) (err error) {
	_, err = q.client.Insert(ctx, jobArgs{k.World, k.ID}, uniqueJob)
	return err
}

// Run implements server.Queue. When the context ends, it waits for the turns that have begun, up to
// a bound.
func (q *queue) Run(ctx context.Context) error {
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnTimeout)
			defer cancel()
			return q.client.Stop(stopping)
		case k := <-q.enqueued:
			if err := q.insert(ctx, k); err != nil && ctx.Err() == nil {
				q.log.Warn("a job could not be enqueued", "job", k.ID, "error", err)
			}
		}
	}
}

// Close implements server.Queue.
func (q *queue) Close() { q.pool.Close() }

// warnings is a handler that drops records below warnings.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}
