// Package carrier has background work done by any of the replicas that share a PostgreSQL database,
// by River. The rows of jobs and schedules are the truth; River carries the names of jobs from one
// replica to another, and elects the one that looks after what is due. What it loses is handed over
// again.
package carrier

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

// River's defaults are made for long jobs: a job that a killed replica held would come back after
// an hour.
const (
	every    = time.Second            // how often somebody looks for what is due, and for jobs whose hand-over was lost
	slice    = 500 * time.Millisecond // how long one turn works on a job before others get theirs
	turn     = 10 * time.Second       // how long a turn may take
	rescue   = 15 * time.Second       // after which a turn of a replica that is gone is taken over
	retained = time.Minute            // how long River keeps what is done
	workers  = 8
	few      = 4 // jobs that a look works on itself
)

// Carrier is a replica's part in the work.
type Carrier struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	handed chan store.JobKey
	log    *slog.Logger
}

// jobArgs name a job that is to be worked on.
type jobArgs struct {
	World string `json:"world"`
	ID    string `json:"id"`
}

// Kind implements river.JobArgs.
func (jobArgs) Kind() string { return "qcs_job" }

// lookArgs ask for a look at what is due.
type lookArgs struct{}

// Kind implements river.JobArgs.
func (lookArgs) Kind() string { return "qcs_look" }

// once keeps River from carrying the same thing twice at the same time. What fails is handed over
// again at a look: the row of a job counts its failures itself.
var once = &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable,
	rivertype.JobStatePending,
	rivertype.JobStateRunning,
	rivertype.JobStateScheduled,
	rivertype.JobStateRetryable,
}}}

// eachTime keeps looks apart by their time, not by their state: one that a killed replica has begun
// is in nobody's way.
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

// lookWorker does what is due, and hands over jobs that nobody works on.
type lookWorker struct {
	river.WorkerDefaults[lookArgs]
	carrier *Carrier
	work    Work
}

// Work implements river.Worker.
func (w *lookWorker) Work(ctx context.Context, _ *river.Job[lookArgs]) (err error) {
	for more := true; more && err == nil && ctx.Err() == nil; {
		more, err = w.work.StepLife(ctx)
	}
	open, failed := w.work.OpenJobs(ctx)
	err = errors.Join(err, failed)
	for i, k := range open {
		if i < few {
			// whom River gave it to may be gone
			if more, failed := w.work.WorkJob(ctx, k, slice); failed != nil || !more {
				err = errors.Join(err, failed)
				continue
			}
		}
		err = errors.Join(err, w.carrier.insert(ctx, k))
	}
	return err
}

// New joins the work on a database, whose tables of River it brings up to date. Nothing is done
// before Run.
func New(ctx context.Context, database string, work Work, log *slog.Logger) (*Carrier, error) {
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, errors.New("work queue: the URL cannot be read") // pgx would repeat it, with the password
	}
	c := &Carrier{pool: pool, handed: make(chan store.JobKey, 1024), log: log}
	registered := river.NewWorkers()
	river.AddWorker(registered, &jobWorker{work: work})
	river.AddWorker(registered, &lookWorker{carrier: c, work: work})
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
				func() (river.JobArgs, *river.InsertOpts) { return lookArgs{}, eachTime },
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
func (c *Carrier) migrate(ctx context.Context) error {
	migrator, err := rivermigrate.New(
		riverpgxv5.New(c.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		return err
	}
	return c.pool.AcquireFunc(ctx, func(turn *pgxpool.Conn) error {
		const key = 7_216_733 // of ours
		if _, err := turn.Exec(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
			return err
		}
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		_, unlock := turn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, key)
		return errors.Join(err, unlock)
	})
}

// Hand has a job worked on soon. It never waits: what does not go through is found at the next
// look.
func (c *Carrier) Hand(k store.JobKey) {
	select {
	case c.handed <- k:
	default:
	}
}

func (c *Carrier) insert(ctx context.Context, k store.JobKey) (err error) {
	_, err = c.client.Insert(ctx, jobArgs{k.World, k.ID}, once)
	return err
}

// Run takes part in the work until the context ends; then what has begun is finished, up to a
// bound.
func (c *Carrier) Run(ctx context.Context) error {
	if err := c.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			stopping, done := context.WithTimeout(context.WithoutCancel(ctx), turn)
			defer done()
			return c.client.Stop(stopping)
		case k := <-c.handed:
			if err := c.insert(ctx, k); err != nil && ctx.Err() == nil {
				c.log.Warn("hand-over of a job", "job", k.ID, "error", err)
			}
		}
	}
}

// Close closes the connections. Run must have ended.
func (c *Carrier) Close() { c.pool.Close() }

// quiet lets warnings and errors of River into the log.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
