package store

import (
	"context"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/call"
)

// Selection selects the rows that a bulk job works on: by ids or, if there are none, by a filter.
type Selection struct {
	IDs    []string `json:"ids,omitempty"`
	Filter string   `json:"filter,omitempty"`
	// ByBody is the deprecated call with ids in the body: it follows column Delete of the table in
	// openapi/rules.
	ByBody bool `json:"older,omitempty"`

	Failures call.Failures `json:"failures,omitzero"` // that a fault adds
}

// Job is a bulk job with what responses do not show. Its row is the truth: one transaction reads
// the row, works on a batch and writes the row.
type Job struct {
	control.Job
	World     string
	Selection Selection
	Position  int64  // of a job on ids: index of the first id of the next batch
	Cursor    Cursor // of a job on a filter: the end of the last batch (column mark)
	UpTo      int64  // number of the newest schedule when the job was accepted; newer ones are not changed
	Failures  int    // number of batches that failed

	Counts Counts // of the registry when the job was read
}

const jobColumns = `world, id, kind, registry, selection, state, total, done, matched, changed, skipped,
	outcomes, error, accepted, started, ended, position, mark, upto, failures`

func (j *Job) fields() []any {
	return []any{
		&j.World, &j.JobID, &j.Kind, &j.RegistryUUID, asJSON(&j.Selection),
		&j.State, &j.Total, &j.Done, &j.Matched, &j.Changed, asJSON(&j.Skipped), asJSON(&j.Outcomes), &j.Error,
		&j.Accepted, &j.Started, &j.Ended, &j.Position, asJSON(&j.Cursor), &j.UpTo, &j.Failures,
	}
}

// InsertJob adds a job to the world of the transaction.
func (tx *Tx) InsertJob(ctx context.Context, j Job) error {
	j.World = tx.World
	return tx.run(ctx, `INSERT INTO job (`+jobColumns+`, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
		$11, $12, $13, $14, $15, $16, $17, $18, $19, $20, (SELECT COALESCE(MAX(seq), 0) + 1 FROM job))`,
		j.fields()...)
}

// Job reads a job of the world, or returns ErrNotFound.
func (tx *Tx) Job(ctx context.Context, id string) (j Job, err error) {
	err = tx.find(ctx, "job", append(j.fields(), (*countsText)(&j.Counts)),
		query(`SELECT `+jobColumns+`, `+jobCountsColumn+` FROM job WHERE world = $1 AND id = $2`, tx.World, id))
	return j, err
}

// NextJob returns the oldest job in the scope that has not ended; jobs that failed come last. The
// second result is false if there is none.
func (tx *Tx) NextJob(ctx context.Context, s Scope) (k JobKey, found bool, err error) {
	where := s.condition(tx, `world.id`, tx.machine)
	found, err = tx.first(ctx, []any{&k.World, &k.ID}, `SELECT world, id FROM job WHERE ended = 0
		AND EXISTS (SELECT 1 FROM world WHERE world.id = job.world AND `+where.text+`)
		ORDER BY failures, seq LIMIT 1`, where.args...)
	return k, found, err
}

// JobKey identifies a job: a copy of a world has jobs with the same ids.
type JobKey struct{ World, ID string }

// OpenJobs lists the open jobs of all worlds on which no replica works, in the order of NextJob.
func (tx *Tx) OpenJobs(ctx context.Context) ([]JobKey, error) {
	return collect(ctx, tx, func(k *JobKey) []any { return []any{&k.World, &k.ID} },
		query(`SELECT world, id FROM job WHERE ended = 0 AND lease <= $1
			AND EXISTS (SELECT 1 FROM world WHERE world.id = job.world AND world.held <= $1)
			ORDER BY failures, seq`, tx.machine))
}

// lease is how long a job is reserved for the replica that worked on it last.
const lease = 3 * time.Second

// SaveJob writes the progress of a job and extends its lease.
func (tx *Tx) SaveJob(ctx context.Context, j Job) error {
	return tx.run(ctx, `UPDATE job SET state = $3, total = $4, done = $5, matched = $6, changed = $7, skipped = $8,
		outcomes = $9, error = $10, started = $11, ended = $12, position = $13, failures = $14, lease = $15, mark = $16
		WHERE world = $1 AND id = $2`,
		j.World, j.JobID, j.State, j.Total, j.Done, j.Matched, j.Changed, asJSON(&j.Skipped), asJSON(&j.Outcomes),
		j.Error, j.Started, j.Ended, j.Position, j.Failures, tx.machine.Add(lease), asJSON(&j.Cursor))
}
