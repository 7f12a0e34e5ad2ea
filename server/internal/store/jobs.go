package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/call"
)

// Selection names what a bulk job works on: ids or, without any, a filter.
type Selection struct {
	IDs    []string `json:"ids,omitempty"`
	Filter string   `json:"filter,omitempty"`
	Older  bool     `json:"older,omitempty"` // by the older form of the call, which forbids less

	Failures call.Failures `json:"failures,omitzero"` // on purpose
}

// Job is a bulk job with what the wire never shows. Its row is the truth: whoever continues it
// reads the row, works a chunk and writes the row in one transaction.
type Job struct {
	control.Job
	World     string
	Selection Selection
	Position  int64  // of a job on ids: where the next chunk begins
	Cursor    Cursor // of a job on a filter: behind what was looked at
	UpTo      int64  // the newest schedule when the job was accepted; later ones are not touched
	Failures  int    // how often a chunk could not be worked on

	Counts Counts // of its registry, when it was read
}

const jobColumns = `world, id, kind, registry, selection, state, total, done, matched, changed, skipped,
	outcomes, error, accepted, started, ended, position, mark, upto, failures`

func (j *Job) fields() []any {
	return []any{
		&j.World,
		&j.JobID,
		&j.Kind,
		&j.RegistryUUID,
		asJSON(&j.Selection),
		&j.State,
		&j.Total,
		&j.Done,
		&j.Matched,
		&j.Changed,
		asJSON(
			&j.Skipped,
		),
		asJSON(&j.Outcomes),
		&j.Error,
		&j.Accepted,
		&j.Started,
		&j.Ended,
		&j.Position,
		asJSON(&j.Cursor),
		&j.UpTo,
		&j.Failures,
	}
}

// InsertJob adds a job to the world of the transaction.
func (tx *Tx) InsertJob(ctx context.Context, j Job) error {
	j.World = tx.World
	_, err := tx.Exec(
		ctx,
		`INSERT INTO job (`+jobColumns+`, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
			$14, $15, $16, $17, $18, $19, $20, (SELECT COALESCE(MAX(seq), 0) + 1 FROM job))`,
		j.fields()...)
	return err
}

// Job reads a job of the world, or gives ErrNotFound.
func (tx *Tx) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	if err := tx.Scan(
		ctx, append(j.fields(), (*countsText)(&j.Counts)),
		`SELECT `+jobColumns+`, `+jobCountsColumn+` FROM job WHERE world = $1 AND id = $2`, tx.World, id,
	); err != nil {
		return j, fmt.Errorf("job: %w", err)
	}
	return j, nil
}

// NextJob names the job that was accepted first and is not at its end, those that failed last;
// there is none when the second result is false.
func (tx *Tx) NextJob(ctx context.Context, s Scope) (k JobKey, found bool, err error) {
	where := s.condition(tx, `world.id`, tx.machine)
	err = tx.Scan(
		ctx,
		[]any{&k.World, &k.ID},
		`SELECT world, id FROM job WHERE ended = 0 AND EXISTS (SELECT 1 FROM world WHERE world.id = job.world
			AND `+where.text+`) ORDER BY failures, seq LIMIT 1`,
		where.args...)
	if errors.Is(err, ErrNotFound) {
		return k, false, nil
	}
	return k, err == nil, err
}

// JobKey names a job: worlds that were copied have jobs with the same ids.
type JobKey struct{ World, ID string }

// OpenJobs names the jobs of all worlds that are not at their end and that nobody works on, in the
// order in which they were accepted.
func (tx *Tx) OpenJobs(ctx context.Context) ([]JobKey, error) {
	return collect(
		ctx,
		tx,
		func(k *JobKey) []any { return []any{&k.World, &k.ID} },
		statement{
			`SELECT world, id FROM job WHERE ended = 0 AND lease <= $1 AND EXISTS (SELECT 1 FROM world
				WHERE world.id = job.world AND world.held <= $1) ORDER BY failures, seq`,
			[]any{tx.machine},
		},
	)
}

// lease is how long a job belongs to who worked on it last: a replica that is gone is missed after
// it.
const lease = 3 * time.Second

// SaveJob writes how far a job is, and that somebody works on it.
func (tx *Tx) SaveJob(ctx context.Context, j Job) error {
	_, err := tx.Exec(
		ctx,
		`UPDATE job SET state = $3, total = $4, done = $5, matched = $6, changed = $7, skipped = $8,
			outcomes = $9, error = $10, started = $11, ended = $12, position = $13, failures = $14,
			lease = $15, mark = $16
		WHERE world = $1 AND id = $2`,
		j.World,
		j.JobID,
		j.State,
		j.Total,
		j.Done,
		j.Matched,
		j.Changed,
		asJSON(&j.Skipped),
		asJSON(&j.Outcomes),
		j.Error,
		j.Started,
		j.Ended,
		j.Position,
		j.Failures,
		tx.machine.Add(lease),
		asJSON(&j.Cursor),
	)
	return err
}
