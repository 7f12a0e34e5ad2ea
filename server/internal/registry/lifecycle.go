package registry

import (
	"context"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Pace is how long a schedule stays in each state on its way to Finished.
type Pace struct {
	Created time.Duration // until it is queued
	Queued  time.Duration // until a sensor takes it
	Running time.Duration // until the scan is done
}

// DefaultPace lets a scan be watched without waiting long; our choice.
var DefaultPace = Pace{Created: time.Second, Queued: 2 * time.Second, Running: 10 * time.Second}

// moves is the life cycle as data: from, to, and how long a schedule stays there.
func (p Pace) moves() []store.Move {
	return []store.Move{
		{From: api.StatusCreated, To: api.StatusQueued, Stay: p.Queued.Milliseconds()},
		{From: api.StatusQueued, To: api.StatusRunning, Stay: p.Running.Milliseconds()},
		{From: api.StatusRunning, To: api.StatusFinished, Stay: -1},
	}
}

// first is when a schedule that is created now makes its first move.
func (p Pace) first(now openapi.Millis) openapi.Millis { return now.Add(p.Created) }

// move makes the first move that is due for any schedule.
func (p Pace) move(ctx context.Context, tx *store.Tx) (bool, error) {
	for _, m := range p.moves() {
		if moved, err := tx.MoveDue(ctx, m, tx.Now); moved || err != nil {
			return moved, err
		}
	}
	return false, nil
}
