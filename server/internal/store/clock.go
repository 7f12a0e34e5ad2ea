package store

import (
	"context"

	"github.com/qcsdev/qcs/openapi"
)

// Clock maps the time of the store to the time of a world: the clock of the world showed Base when
// that of the store showed Anchor, and runs at Rate thousandths of its speed.
type Clock struct {
	Base, Anchor openapi.Millis
	Rate         int64
}

// RealClock returns a clock that shows the time of the store.
func RealClock() Clock { return Clock{Rate: 1000} }

// At returns the time of the world when the clock of the store shows machine.
func (c Clock) At(machine openapi.Millis) openapi.Millis {
	return c.Base + openapi.Millis(int64(machine-c.Anchor)*c.Rate/1000)
}

// clockAt is Clock.At in SQL; $1 is the time of the store.
const clockAt = `world.clock_at + ($1 - world.clock_anchor) * world.clock_rate / 1000`

// Clock reads the clock of the world.
func (tx *Tx) Clock(ctx context.Context) (c Clock, err error) {
	err = tx.Scan(ctx, []any{&c.Base, &c.Anchor, &c.Rate},
		`SELECT clock_at, clock_anchor, clock_rate FROM world WHERE id = $1`, tx.World)
	return c, err
}

// SetClock sets the clock of the world, and the time of the transaction, to now; from now on the
// clock runs at a rate in thousandths.
func (tx *Tx) SetClock(ctx context.Context, now openapi.Millis, rate int64) error {
	tx.Now = now
	return tx.putClock(ctx, Clock{Base: now, Anchor: tx.machine, Rate: rate})
}

// ResetClock sets the clock of the world to that of the store.
func (tx *Tx) ResetClock(ctx context.Context) error {
	tx.Now = tx.machine
	return tx.putClock(ctx, RealClock())
}

func (tx *Tx) putClock(ctx context.Context, c Clock) error {
	return tx.run(ctx, `UPDATE world SET clock_at = $2, clock_anchor = $3, clock_rate = $4 WHERE id = $1`,
		tx.World, c.Base, c.Anchor, c.Rate)
}
