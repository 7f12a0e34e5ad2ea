package registry

import (
	"context"
	"errors"
	"math"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// maxRegistries is how many registries one transaction deletes at most.
const maxRegistries = 25

// workRegistries deletes the registry at the position of the job, and those after it. A registry is
// hidden before its schedules are deleted in batches, so that no call sees a part of it.
func workRegistries(ctx context.Context, tx *store.Tx, job *store.Job) (ended bool, err error) {
	deleted := 0 // schedules
	for range maxRegistries {
		id := job.Selection.IDs[job.Position]
		outcome, n, err := deleteRegistry(ctx, tx, id, job.JobID)
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
		deleted += n
		if ended = int(job.Position) == len(job.Selection.IDs); ended || deleted >= batchRows {
			break
		}
	}
	return ended, nil
}

// deleteRegistry deletes a batch of the schedules of a registry and, after the last batch, the
// registry. The outcome is empty while there are more batches; rows is the size of the last one.
func deleteRegistry(
	ctx context.Context, tx *store.Tx, id, job string,
) (outcome control.JobOutcomeOutcome, rows int, err error) {
	counts, err := tx.CountsOf(ctx, id)
	if err == nil {
		err = deletable(counts)
	}
	var violation *rule.ViolationError
	if errors.As(err, &violation) {
		return control.JobOutcomeOutcomeRunning, 0, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", 0, err
	}
	hidden, err := tx.HideRegistry(ctx, id, job)
	if err != nil {
		return "", 0, err
	}
	if !hidden {
		return control.JobOutcomeOutcomeNotFound, 0, nil
	}
	b, err := tx.NextBatch(ctx, nil, nil, store.Batch{Registry: id, UpTo: math.MaxInt64, Rows: batchRows})
	if err != nil {
		return "", 0, err
	}
	counted, err := tx.CountByStatus(ctx, b)
	if err != nil {
		return "", 0, err
	}
	if rows, err = tx.DeleteBatch(ctx, b, counted); err != nil || !b.Last {
		return "", 0, err
	}
	return control.JobOutcomeOutcomeDeleted, rows, tx.DeleteRegistry(ctx, id)
}
