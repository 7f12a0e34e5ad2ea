package store

import (
	"context"

	"github.com/qcsdev/qcs/openapi"
)

// Clock is the time of a world as a line over that of the store: it showed Base when the store's
// clock showed Anchor, and runs Rate thousandths as fast.
type Clock struct {
	Base, Anchor openapi.Millis
	Rate         int64
}

// RealClock shows the time of the store.
func RealClock() Clock { return Clock{Rate: 1000} }

// At is the time of the world when the store's clock shows another.
func (c Clock) At(machine openapi.Millis) openapi.Millis {
	return c.Base + openapi.Millis(int64(machine-c.Anchor)*c.Rate/1000)
}

// clockAt is the same in SQL; $1 is the time of the store.
const clockAt = `world.clock_at + ($1 - world.clock_anchor) * world.clock_rate / 1000`

// Clock reads the clock of the world.
func (tx *Tx) Clock(ctx context.Context) (c Clock, err error) {
	return c, tx.Scan(
		ctx, []any{&c.Base, &c.Anchor, &c.Rate},
		`SELECT clock_at, clock_anchor, clock_rate FROM world WHERE id = $1`, tx.World,
	)
}

// SetClock makes the clock of the world show a time now and run at a rate from now on, and the
// transaction with it.
func (tx *Tx) SetClock(ctx context.Context, shows openapi.Millis, rate int64) error {
	tx.Now = shows
	return tx.putClock(ctx, Clock{Base: shows, Anchor: tx.machine, Rate: rate})
}

// ResetClock gives the world the clock of the store.
func (tx *Tx) ResetClock(ctx context.Context) error {
	tx.Now = tx.machine
	return tx.putClock(ctx, RealClock())
}

func (tx *Tx) putClock(ctx context.Context, c Clock) error {
	_, err := tx.Exec(
		ctx, `UPDATE world SET clock_at = $2, clock_anchor = $3, clock_rate = $4 WHERE id = $1`, tx.World,
		c.Base, c.Anchor, c.Rate,
	)
	return err
}
