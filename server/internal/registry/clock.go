package registry

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Now is the time of the world of a context.
func (s *Service) Now(ctx context.Context) (now openapi.Millis, err error) {
	return s.Time(ctx, WorldOf(ctx))
}

// Time is what the clock of a world shows.
func (s *Service) Time(ctx context.Context, world string) (now openapi.Millis, err error) {
	return s.store.Time(ctx, world)
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
		rate := map[control.ClockMode]int64{
			control.ClockModeOffset: 1000, control.ClockModeScaled: int64(math.Round(set.Rate * 1000)),
		}[set.Mode]
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

// AdvanceClock moves the clock of the world forward and returns when all that fell due has
// happened: each move of a schedule at its own time, the earliest first.
func (s *Service) AdvanceClock(ctx context.Context, by int64) (a control.Advanced, err error) {
	s.Hold(WorldOf(ctx)) // what happens on the way is told: it must not happen behind our back
	defer s.Release(WorldOf(ctx))
	if err := s.mark(ctx, holding); err != nil {
		return control.Advanced{}, err
	}
	defer func() { err = errors.Join(err, s.mark(ctx, 0)) }()
	return s.advance(ctx, by)
}

func (s *Service) advance(ctx context.Context, by int64) (control.Advanced, error) {
	if err := s.Settle(ctx); err != nil { // what was accepted before happens before
		return control.Advanced{}, err
	}
	seen := &events{world: WorldOf(ctx), all: []control.Event{}}
	err := s.write(ctx, func(tx *store.Tx) error {
		line, err := tx.Clock(ctx)
		if err != nil {
			return err
		}
		return tx.SetClock(ctx, tx.Now+openapi.Millis(by), line.Rate)
	})
	if err == nil {
		err = s.Settle(context.WithValue(ctx, eventsKey{}, seen))
	}
	if err != nil {
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

// maxEvents is how many events an answer holds at most.
const maxEvents = 1000

// events are the moves that happened in a world while its clock was moved on.
type events struct {
	world string
	all   []control.Event
	more  int
}

type eventsKey struct{}

// happened notes moves of schedules for whoever moves the clock on.
func happened(ctx context.Context, tx *store.Tx, m store.Move, rows []store.Due) {
	seen, ok := ctx.Value(eventsKey{}).(*events)
	if !ok || seen.world != tx.World {
		return
	}
	tx.After(func() { seen.note(m, rows) })
}

// note adds moves.
func (e *events) note(m store.Move, rows []store.Due) {
	for _, d := range rows {
		if len(e.all) == maxEvents {
			e.more++
			continue
		}
		e.all = append(
			e.all,
			control.Event{
				At:           d.At,
				RegistryUUID: d.RegistryID,
				ScheduleUUID: d.ID,
				From:         string(d.Status),
				To:           string(m.To),
			},
		)
	}
}

// Settle does the background work of the world until none is left.
func (s *Service) Settle(ctx context.Context) error {
	for {
		worked, err := s.step(ctx, store.Scope{Only: WorldOf(ctx)})
		if err != nil || !worked {
			return err
		}
	}
}
