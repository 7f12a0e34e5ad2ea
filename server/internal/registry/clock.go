package registry

import (
	"context"
	"math"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Now is the time of the world of a context.
func (s *Service) Now(ctx context.Context) (now openapi.Millis, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		now = tx.Now
		return nil
	})
	return now, err
}

// DescribeClock gives the clock of the world.
func (s *Service) DescribeClock(ctx context.Context) (c control.Clock, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		c, err = clockOf(ctx, tx)
		return err
	})
	return c, err
}

func clockOf(ctx context.Context, tx *store.Tx) (control.Clock, error) {
	line, err := tx.Clock(ctx)
	c := control.Clock{Now: tx.Now, Rate: float64(line.Rate) / 1000}
	switch {
	case line == store.RealClock():
		c.Mode = control.ClockModeReal
	case line.Rate == 0:
		c.Mode = control.ClockModeFrozen
	case line.Rate == 1000:
		c.Mode = control.ClockModeOffset
	default:
		c.Mode = control.ClockModeScaled
	}
	return c, err
}

// SetClock makes the clock of the world run in another way.
func (s *Service) SetClock(ctx context.Context, set control.ClockSetting) (c control.Clock, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		shows := set.Now
		if shows == 0 {
			shows = tx.Now
		}
		rate := map[control.ClockMode]int64{control.ClockModeOffset: 1000, control.ClockModeScaled: int64(math.Round(set.Rate * 1000))}[set.Mode]
		switch {
		case set.Mode == control.ClockModeReal && set.Now != 0:
			return broken("", "A real clock shows the time of the machine: leave out now.")
		case set.Mode == control.ClockModeScaled && rate == 0:
			return broken("", "A scaled clock needs a rate.")
		case set.Mode != control.ClockModeScaled && set.Rate != 0:
			return broken("", "Only a scaled clock takes a rate.")
		case set.Mode == control.ClockModeReal:
			err = tx.ResetClock(ctx)
		default:
			err = tx.SetClock(ctx, shows, rate)
		}
		if err == nil {
			c, err = clockOf(ctx, tx)
		}
		return err
	})
	if err == nil {
		s.wake()
	}
	return c, err
}

// AdvanceClock moves the clock of the world forward and returns when all that fell due has happened: each move of a schedule at its own time, the earliest first.
func (s *Service) AdvanceClock(ctx context.Context, by int64) (control.Clock, error) {
	if err := s.settle(ctx); err != nil { // what was accepted before happens before
		return control.Clock{}, err
	}
	err := s.write(ctx, func(tx *store.Tx) error {
		line, err := tx.Clock(ctx)
		if err != nil {
			return err
		}
		return tx.SetClock(ctx, tx.Now+openapi.Millis(by), line.Rate)
	})
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return control.Clock{}, err
	}
	return s.DescribeClock(ctx)
}

// settle does the background work until none is left.
func (s *Service) settle(ctx context.Context) error {
	for {
		worked, err := s.Step(ctx)
		if err != nil || !worked {
			return err
		}
	}
}
