package store

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
)

// Move takes all schedules in one status that are due to the next one.
type Move struct {
	From, To api.Status
	Stay     int64 // milliseconds until the next move; negative when To is an end
}

// dueTogether is how many schedules one move takes at least before it leaves the rest to the next one, so that other writers get their turn.
const dueTogether = 1000

// MoveDue makes a move for the schedules of all worlds that are due at a time, the earliest first, in set-based statements. Each schedule moves at the moment it was due,
// not at the moment of the call. It reports whether any moved.
func (tx *Tx) MoveDue(ctx context.Context, m Move, at openapi.Millis) (bool, error) {
	cut := at
	err := tx.scan(ctx, []any{&cut}, `SELECT due_at FROM schedule WHERE due_at > 0 AND due_at <= $1 AND status = $2 ORDER BY due_at LIMIT 1 OFFSET $3`, at, m.From, dueTogether-1)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	for _, count := range []struct {
		status api.Status
		sign   int
	}{{m.From, -1}, {m.To, 1}} {
		if _, err := tx.exec(ctx, `INSERT INTO schedule_count (world, registry, status, n)
			SELECT world, registry, $3, $4 * COUNT(*) FROM schedule WHERE due_at > 0 AND due_at <= $1 AND status = $2 GROUP BY world, registry
			ON CONFLICT (world, registry, status) DO UPDATE SET n = schedule_count.n + excluded.n`, cut, m.From, count.status, count.sign); err != nil {
			return false, err
		}
	}
	n, err := tx.exec(ctx, `UPDATE schedule SET status = $3, updated = due_at, due_at = CASE WHEN $4 >= 0 THEN due_at + $4 ELSE 0 END,
		job_start = CASE WHEN $3 = 'Running' THEN due_at ELSE job_start END, job_completion = CASE WHEN $4 < 0 THEN due_at ELSE job_completion END
		WHERE due_at > 0 AND due_at <= $1 AND status = $2`, cut, m.From, m.To, m.Stay)
	return n > 0, err
}
