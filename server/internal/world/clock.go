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
		rate := map[control.ClockMode]int64{
			control.ClockModeOffset: 1000, control.ClockModeScaled: int64(math.Round(set.Rate * 1000)),
		}[set.Mode]
		switch {
		case set.Mode == control.ClockModeReal && set.Now != 0:
			return rule.Errorf("", "A real clock shows the time of the machine: leave out now.")
		case set.Mode == control.ClockModeScaled && rate == 0:
			return rule.Errorf("", "A scaled clock needs a rate.")
		case set.Mode != control.ClockModeScaled && set.Rate != 0:
			return rule.Errorf("", "Only a scaled clock takes a rate.")
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
		s.Wake()
	}
	return c, err
}

// AdvanceClock moves the clock of the world forward. It returns when all that fell due has
// happened: each move of a schedule at its own time, the earliest first.
func (s *Service) AdvanceClock(ctx context.Context, by int64) (a control.Advanced, err error) {
	// With the world paused, all moves are made here, so that the answer lists them.
	err = s.Registry.PauseReplicas(ctx, func() error {
		a, err = s.advance(ctx, by)
		return err
	})
	return a, err
}

func (s *Service) advance(ctx context.Context, by int64) (control.Advanced, error) {
	if err := s.Registry.Settle(ctx, nil); err != nil { // what was accepted before happens before
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
	seen := events{all: []control.Event{}}
	if err := s.Registry.Settle(ctx, seen.add); err != nil {
		return control.Advanced{}, err
	}
	slices.SortStableFunc(seen.all, func(a, b control.Event) int {
		return cmp.Or(
			cmp.Compare(a.At, b.At), strings.Compare(a.RegistryUUID, b.RegistryUUID),
			strings.Compare(a.ScheduleUUID, b.ScheduleUUID),
		)
	})
	c, err := s.DescribeClock(ctx)
	return control.Advanced{Mode: c.Mode, Now: c.Now, Rate: c.Rate, Events: seen.all, More: seen.more}, err
}

// maxEvents is how many events an answer has at most.
const maxEvents = 1000

// events are the moves that happened while a clock was moved.
type events struct {
	all  []control.Event
	more int // number of events that are left out
}

// add adds a move.
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
