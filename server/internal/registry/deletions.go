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

// atOnce is how many registries one transaction deletes when they have few schedules.
const atOnce = 25

// workRegistries goes on with the registry that the position names, and those after it. A registry
// disappears as a whole, before its schedules are cleared in chunks, so that nobody sees half of
// one.
func workRegistries(ctx context.Context, tx *store.Tx, job *store.Job) (ended bool, err error) {
	cleared := 0
	for range atOnce {
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
		cleared += n
		if ended = int(job.Position) == len(job.Selection.IDs); ended || cleared >= batchRows {
			break
		}
	}
	return ended, nil
}

// deleteRegistry does the next piece of deleting a registry, and says how many schedules it held;
// the outcome is empty while there is more to do.
func deleteRegistry(
	ctx context.Context, tx *store.Tx, id, job string,
) (outcome control.JobOutcomeOutcome, rows int, err error) {
	counts, err := tx.CountsOf(ctx, id)
	if err == nil {
		err = deletable(counts)
	}
	var running *rule.ViolationError
	if errors.As(err, &running) {
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
	p, err := tx.NextBatch(ctx, nil, nil, store.Batch{Registry: id, UpTo: math.MaxInt64, Rows: batchRows})
	if err != nil {
		return "", 0, err
	}
	counted, err := tx.CountByStatus(ctx, p)
	if err != nil {
		return "", 0, err
	}
	if rows, err = tx.DeleteBatch(ctx, p, counted); err != nil || !p.Last {
		return "", 0, err
	}
	return control.JobOutcomeOutcomeDeleted, rows, tx.DeleteRegistry(ctx, id)
}
