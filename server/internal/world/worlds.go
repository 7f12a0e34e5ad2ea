// Package world has the rules of worlds: their creation, clocks, scenarios and snapshots. The
// package must not import net/http and contains no SQL text.
package world

import (
	"cmp"
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
	NewID    func() string // returns a new id for what a scenario creates
	Wake     func()        // called when there may be background work
}

// Service applies the rules of worlds to a store. It is safe for concurrent use.
type Service struct{ Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o} }

func read[T any](ctx context.Context, s *Service, f func(*store.Tx) (T, error)) (T, error) {
	return store.ReadValue(ctx, s.Store, call.World(ctx), f)
}

func write[T any](ctx context.Context, s *Service, f func(*store.Tx) (T, error)) (T, error) {
	return store.WriteValue(ctx, s.Store, call.World(ctx), f)
}

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Write(ctx, call.World(ctx), f)
}

// NewWorld is a world that CreateWorld creates.
type NewWorld struct {
	store.World
	Accounts []store.Account
	Content  control.Scenario
	From     string // world whose data, plan, clock and token clock are copied; "" for none
}

// CreateWorld creates a world with users and data, all or nothing. It returns the world with its
// plan, which may come from the content or from another world.
func (s *Service) CreateWorld(ctx context.Context, n NewWorld) (store.World, error) {
	w := n.World
	if w.Plan == "" && HasState(n.Content) {
		w.Plan = store.PlanOf(n.Content.State)
	}
	err := s.Store.Write(ctx, "", func(tx *store.Tx) error {
		if n.From != "" {
			if _, err := tx.In(ctx, n.From); err != nil { // locks the world while it is copied
				return err
			}
			other, err := tx.WorldNamed(ctx, n.From)
			if err != nil {
				return err
			}
			w.Plan, w.Tokens = cmp.Or(w.Plan, other.Plan), cmp.Or(w.Tokens, other.Tokens)
		}
		w.Plan, w.Tokens = cmp.Or(w.Plan, store.PlanFull), cmp.Or(w.Tokens, store.TokensReal)
		if err := tx.NewWorld(ctx, w); err != nil {
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

// taken refuses a duplicate name of a world or a user.
func taken(err error, what, name string) error {
	if errors.Is(err, store.ErrDuplicate) {
		return rule.Errorf("", "The name %s of the %s is taken.", name, what)
	}
	return err
}

// UpdateWorld changes a world and the roles of its users, all or nothing.
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

// DropWorld deletes a world with its data, users and snapshots.
func (s *Service) DropWorld(ctx context.Context, name string) error {
	return s.Store.Write(ctx, name, func(tx *store.Tx) error { return tx.DropWorld(ctx) })
}
