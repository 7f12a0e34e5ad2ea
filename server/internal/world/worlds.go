// Package world holds the rules of worlds: what they begin with, their clocks, their scenarios and
// their snapshots. It knows no HTTP and no SQL text.
package world

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Options of a Service.
type Options struct {
	Store    *store.Store
	Registry *registry.Service
	Scans    *scan.Service
	NewID    func() string // gives the ids of what scenarios create
	Wake     func()        // is called when there may be background work
}

// Service is the rules of worlds at work on a store. It is safe for concurrent use.
type Service struct{ Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o} }

func (s *Service) read(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Read(ctx, call.World(ctx), f)
}

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Write(ctx, call.World(ctx), f)
}

// NewWorld says what a new world begins with.
type NewWorld struct {
	store.World
	Accounts []store.Account
	Content  control.Scenario
	From     string // a world to copy data, plan and clock of; none when empty
}

// CreateWorld makes a world with users and data, all or nothing. It gives the world, whose plan may
// be that of another.
func (s *Service) CreateWorld(ctx context.Context, n NewWorld) (store.World, error) {
	w := n.World
	if w.Plan == "" && HasState(n.Content) {
		w.Plan = store.PlanOf(n.Content.State)
	}
	err := s.Store.Write(ctx, "", func(tx *store.Tx) error {
		if n.From != "" {
			if _, err := tx.In(ctx, n.From); err != nil { // it does not change while it is copied
				return err
			}
			other, err := tx.WorldNamed(ctx, n.From)
			if err != nil {
				return err
			}
			if w.Plan == "" {
				w.Plan = other.Plan
			}
		}
		if w.Plan == "" {
			w.Plan = store.PlanFull
		}
		if err := tx.NewWorld(ctx, w.Name, w.Plan); err != nil {
			return taken(err, "world", w.Name)
		}
		for _, a := range n.Accounts {
			if err := tx.InsertAccount(ctx, a); err != nil {
				return taken(err, "user", a.Name)
			}
		}
		tx, err := tx.In(ctx, w.Name)
		if err == nil && n.From != "" {
			err = tx.CopyFrom(ctx, n.From)
		}
		if err == nil {
			err = s.load(ctx, tx, n.Content)
		}
		return err
	})
	return w, err
}

func taken(err error, what, name string) error {
	if errors.Is(err, store.ErrDuplicate) {
		return rule.Errorf("", "The name %s of the %s is taken.", name, what)
	}
	return err
}

// UpdateWorld changes the plan of a world and the roles of its users, all or nothing.
func (s *Service) UpdateWorld(
	ctx context.Context, name string, change func(*store.World), roles map[string]string,
) (w store.World, err error) {
	err = s.Store.Write(ctx, name, func(tx *store.Tx) error {
		if w, err = tx.WorldNamed(ctx, name); err != nil {
			return err
		}
		change(&w)
		for user, role := range roles {
			if err := tx.SetRole(ctx, user, role); err != nil {
				return err
			}
		}
		return tx.UpdateWorld(ctx, w)
	})
	return w, err
}

// DropWorld removes a world with all that belongs to it.
func (s *Service) DropWorld(ctx context.Context, name string) error {
	return s.Store.Write(ctx, name, func(tx *store.Tx) error { return tx.DropWorld(ctx) })
}
