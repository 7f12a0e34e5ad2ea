package controlapi

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/world"
)

// defaultWorldsPage is the size of a page of worlds if the caller gives only its number.
const defaultWorldsPage = 50

// ListWorlds answers all worlds, or a page of them, with their users.
func (h *Handlers) ListWorlds(
	ctx context.Context, r controlserver.ListWorldsRequestObject,
) (controlserver.ListWorldsResponseObject, error) {
	var worlds []store.World
	number, size := r.Params.PageNumber, r.Params.PageSize
	paged := number != nil || size != nil
	err := h.Store.Read(ctx, "", func(tx *store.Tx) (err error) {
		if paged {
			worlds, err = tx.WorldsPage(ctx, rule.Or(number, 1), rule.Or(size, defaultWorldsPage))
		} else {
			worlds, err = tx.Worlds(ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var users []store.Account
	if paged {
		names := make([]string, len(worlds))
		for i, w := range worlds {
			names[i] = w.Name
		}
		users, err = h.Authority.UsersOf(ctx, names)
	} else {
		users, err = h.Authority.Users(ctx)
	}
	return controlserver.ListWorlds200JSONResponse(describeAll(worlds, users)), err
}

// describeAll shows worlds, each with those of the users that belong to it.
func describeAll(worlds []store.World, users []store.Account) []control.World {
	of := map[string][]store.Account{}
	for _, u := range users {
		of[u.World] = append(of[u.World], u)
	}
	all := make([]control.World, len(worlds))
	for i, w := range worlds {
		all[i] = describe(w, of[w.Name])
	}
	return all
}

// CreateWorld makes a world and answers how to log in to it.
func (h *Handlers) CreateWorld(
	ctx context.Context, r controlserver.CreateWorldRequestObject,
) (controlserver.CreateWorldResponseObject, error) {
	w, err := h.create(ctx, *r.Body, "")
	return controlserver.CreateWorld200JSONResponse(w), err
}

// CloneWorld makes a copy of a world and answers how to log in to it.
func (h *Handlers) CloneWorld(
	ctx context.Context, r controlserver.CloneWorldRequestObject,
) (controlserver.CloneWorldResponseObject, error) {
	w, err := h.create(ctx, *r.Body, r.World)
	return controlserver.CloneWorld200JSONResponse(w), err
}

// UpdateWorld changes plan and token clock of a world, and the roles of its users.
func (h *Handlers) UpdateWorld(
	ctx context.Context, r controlserver.UpdateWorldRequestObject,
) (controlserver.UpdateWorldResponseObject, error) {
	w, users, err := h.update(ctx, r.World, *r.Body)
	return controlserver.UpdateWorld200JSONResponse(describe(w, users)), err
}

// ResetWorld empties a world.
func (h *Handlers) ResetWorld(
	ctx context.Context, r controlserver.ResetWorldRequestObject,
) (controlserver.ResetWorldResponseObject, error) {
	body := rule.Or(r.Body, control.WorldReset{})
	content, err := world.ScenarioOf(body.Seed, body.Scenario)
	if err != nil {
		return nil, err
	}
	err = h.Worlds.ResetWorld(ctx, r.World, content)
	if err == nil {
		h.Faults.Clear(r.World)
		h.Journal.Clear(r.World)
	}
	return controlserver.ResetWorld204Response{}, err
}

// ResetData empties all worlds.
func (h *Handlers) ResetData(
	ctx context.Context, r controlserver.ResetDataRequestObject,
) (controlserver.ResetDataResponseObject, error) {
	body := rule.Or(r.Body, control.WorldReset{})
	content, err := world.ScenarioOf(body.Seed, body.Scenario)
	if err != nil {
		return nil, err
	}
	return controlserver.ResetData204Response{}, h.Worlds.Reset(ctx, h.Configured[0], content)
}

// DropWorld removes a world with all that belongs to it.
func (h *Handlers) DropWorld(
	ctx context.Context, r controlserver.DropWorldRequestObject,
) (controlserver.DropWorldResponseObject, error) {
	if slices.Contains(h.Configured, r.World) {
		return nil, rule.Errorf("", "The world %s belongs to the configuration: reset it instead.", r.World)
	}
	if err := h.Worlds.DropWorld(ctx, r.World); err != nil {
		return nil, err
	}
	h.Recorder.Stop(r.World)
	h.Authority.Drop(r.World)
	h.Faults.Drop(r.World)
	h.Journal.Drop(r.World)
	return controlserver.DropWorld204Response{}, nil
}

// ExpireTokens lets all tokens of a world expire.
func (h *Handlers) ExpireTokens(
	ctx context.Context, r controlserver.ExpireTokensRequestObject,
) (controlserver.ExpireTokensResponseObject, error) {
	_, err := h.Worlds.UpdateWorld(ctx, r.World, func(w *store.World) { w.Generation++ }, nil)
	return controlserver.ExpireTokens204Response{}, err
}

// describe is a world as it is shown: with its users, without their passwords.
func describe(w store.World, users []store.Account) control.World {
	shown := control.World{
		Name: w.Name, Plan: control.Plan(w.Plan), Tokens: control.TokenClock(w.Tokens), Users: []control.WorldUser{},
	}
	for _, u := range users {
		if u.World == w.Name {
			shown.Users = append(shown.Users, control.WorldUser{Name: u.Name, Role: control.Role(u.Role)})
		}
	}
	return shown
}

// create creates a world, as a copy of from if any. The result has passwords and tokens.
func (h *Handlers) create(ctx context.Context, r control.WorldRequest, from string) (control.World, error) {
	if r.Name == "" {
		r.Name = "w" + strings.ReplaceAll(h.NewID(), "-", "")
	}
	if len(r.Users) == 0 {
		r.Users = []control.UserRequest{{Name: r.Name}}
	}
	content, err := world.ScenarioOf(r.Seed, r.Scenario)
	if err != nil {
		return control.World{}, err
	}
	named := store.World{Name: r.Name, Plan: store.Plan(r.Plan), Tokens: store.TokenClock(r.Tokens)}
	n := world.NewWorld{World: named, Content: content, From: from}
	for i := range r.Users {
		account, err := h.account(&r.Users[i], r.Name)
		if err != nil {
			return control.World{}, err
		}
		n.Accounts = append(n.Accounts, account)
	}
	w, err := h.Worlds.CreateWorld(ctx, n)
	if err != nil {
		return control.World{}, err
	}
	h.Authority.Put(n.Accounts...)
	created := describe(w, nil)
	for _, u := range r.Users {
		token, err := h.Authority.Issue(ctx, u.Name)
		if err != nil {
			return control.World{}, err
		}
		user := control.WorldUser{Name: u.Name, Role: u.Role, Password: u.Password, Token: token}
		created.Users = append(created.Users, user)
	}
	return created, nil
}

// account completes a request for a user of a world, and returns the user as the database has it.
func (h *Handlers) account(u *control.UserRequest, world string) (a store.Account, err error) {
	if u.Password == "" {
		if u.Password, err = auth.NewPassword(h.Authority.Random); err != nil {
			return a, err
		}
	}
	u.Role = cmp.Or(u.Role, control.Role(auth.Manager))
	if h.Authority.Knows(u.Name) {
		return a, rule.Errorf("", "The name %s of the user is taken.", u.Name)
	}
	return auth.NewAccount(auth.User{Name: u.Name, Password: u.Password, Role: auth.Role(u.Role), World: world}), nil
}

// update changes a world's plan and the roles of its users. It returns the users of all worlds.
func (h *Handlers) update(
	ctx context.Context, name string, r control.WorldUpdate,
) (w store.World, users []store.Account, err error) {
	if users, err = h.Authority.Users(ctx); err != nil {
		return w, nil, err
	}
	roles := map[string]string{}
	for _, u := range r.Users {
		i := slices.IndexFunc(users, func(a store.Account) bool { return a.Name == u.Name && a.World == name })
		if i < 0 {
			return w, nil, fmt.Errorf("user: %w", store.ErrNotFound)
		}
		users[i].Role = string(u.Role)
		if !h.Authority.IsConfigured(u.Name) { // users of the configuration are not in the database
			roles[u.Name] = string(u.Role)
		}
	}
	w, err = h.Worlds.UpdateWorld(ctx, name, func(w *store.World) {
		w.Plan, w.Tokens = cmp.Or(store.Plan(r.Plan), w.Plan), cmp.Or(store.TokenClock(r.Tokens), w.Tokens)
	}, roles)
	if err == nil {
		h.Authority.Put(users...)
	}
	return w, users, err
}
