package world

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Now returns the time of the world of a call.
func (s *Service) Now(ctx context.Context) (openapi.Millis, error) {
	return s.Store.Time(ctx, call.World(ctx))
}

// DescribeClock returns the clock of the world.
func (s *Service) DescribeClock(ctx context.Context) (control.Clock, error) {
	return read(ctx, s, func(tx *store.Tx) (control.Clock, error) { return clockOf(ctx, tx) })
}

func clockOf(ctx context.Context, tx *store.Tx) (control.Clock, error) {
	clock, err := tx.Clock(ctx)
	c := control.Clock{Now: tx.Now, Rate: float64(clock.Rate) / 1000}
	switch {
	case clock == store.RealClock():
		c.Mode = control.ClockModeReal
	case clock.Rate == 0:
		c.Mode = control.ClockModeFrozen
	case clock.Rate == 1000:
		c.Mode = control.ClockModeOffset
	default:
		c.Mode = control.ClockModeScaled
	}
	return c, err
}

// SetClock changes the mode, the time or the rate of the clock of the world.
func (s *Service) SetClock(ctx context.Context, set control.ClockSetting) (c control.Clock, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		var rate int64 // in thousandths; 0 for a frozen clock
		switch set.Mode {
		case control.ClockModeOffset:
			rate = 1000
		case control.ClockModeScaled:
			rate = int64(math.Round(set.Rate * 1000))
		}
		switch {
		case set.Mode == control.ClockModeReal && set.Now != nil:
			return rule.Errorf("", "A real clock shows the time of the machine: leave out now.")
		case set.Mode == control.ClockModeScaled && rate == 0:
			return rule.Errorf("", "A scaled clock needs a rate.")
		case set.Mode != control.ClockModeScaled && set.Rate != 0:
			return rule.Errorf("", "Only a scaled clock takes a rate.")
		case set.Mode == control.ClockModeReal:
			err = tx.ResetClock(ctx)
		default:
			err = tx.SetClock(ctx, rule.Or(set.Now, tx.Now), rate)
		}
		if err == nil {
			c, err = clockOf(ctx, tx)
		}
		return err
	})
	if err == nil {
		s.Wake()
	}
	return c, err
}

// AdvanceClock moves the clock of the world forward, and then does all work that is due: each move
// of a schedule at its own time, the earliest first.
func (s *Service) AdvanceClock(ctx context.Context, by int64) (a control.Advanced, err error) {
	// While the world is paused, all moves happen here, so that the response can list them.
	err = s.Registry.PauseReplicas(ctx, func() error {
		a, err = s.advance(ctx, by)
		return err
	})
	return a, err
}

func (s *Service) advance(ctx context.Context, by int64) (control.Advanced, error) {
	if err := s.Registry.Settle(ctx, nil); err != nil { // earlier work is done at the earlier time
		return control.Advanced{}, err
	}
	err := s.write(ctx, func(tx *store.Tx) error {
		clock, err := tx.Clock(ctx)
		if err != nil {
			return err
		}
		return tx.SetClock(ctx, tx.Now+openapi.Millis(by), clock.Rate)
	})
	if err != nil {
		return control.Advanced{}, err
	}
	happened := events{all: []control.Event{}}
	if err := s.Registry.Settle(ctx, happened.add); err != nil {
		return control.Advanced{}, err
	}
	slices.SortStableFunc(happened.all, func(a, b control.Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.RegistryUUID, b.RegistryUUID),
			strings.Compare(a.ScheduleUUID, b.ScheduleUUID))
	})
	c, err := s.DescribeClock(ctx)
	return control.Advanced{Mode: c.Mode, Now: c.Now, Rate: c.Rate, Events: happened.all, More: happened.more}, err
}

// maxEvents is how many events a response has at most.
const maxEvents = 1000

// events are the moves that advancing a clock has caused.
type events struct {
	all  []control.Event
	more int // number of events that are left out
}

// add adds the move of schedules.
func (e *events) add(m store.Move, rows []store.Due) {
	for _, d := range rows {
		if len(e.all) == maxEvents {
			e.more++
			continue
		}
		e.all = append(e.all, control.Event{
			At: d.At, RegistryUUID: d.RegistryID, ScheduleUUID: d.ID, From: string(d.Status), To: string(m.To),
		})
	}
}
