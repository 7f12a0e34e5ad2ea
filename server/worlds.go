package server

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListWorlds answers the worlds with their users.
func (c *controls) ListWorlds(
	ctx context.Context, _ controlserver.ListWorldsRequestObject,
) (controlserver.ListWorldsResponseObject, error) {
	if err := c.server.learn(ctx); err != nil {
		return nil, err
	}
	all := controlserver.ListWorlds200JSONResponse{}
	err := c.server.store.Read(ctx, "", func(tx *store.Tx) error {
		worlds, err := tx.Worlds(ctx)
		all = controlserver.ListWorlds200JSONResponse{}
		for _, w := range worlds {
			all = append(all, c.server.describe(w))
		}
		return err
	})
	return all, err
}

// CreateWorld makes a world and answers how to log in to it.
func (c *controls) CreateWorld(
	ctx context.Context, r controlserver.CreateWorldRequestObject,
) (controlserver.CreateWorldResponseObject, error) {
	w, err := c.server.makeWorld(ctx, *r.Body, "")
	return controlserver.CreateWorld200JSONResponse(w), err
}

// CloneWorld makes a copy of a world and answers how to log in to it.
func (c *controls) CloneWorld(
	ctx context.Context, r controlserver.CloneWorldRequestObject,
) (controlserver.CloneWorldResponseObject, error) {
	w, err := c.server.makeWorld(ctx, *r.Body, r.World)
	return controlserver.CloneWorld200JSONResponse(w), err
}

// UpdateWorld changes the plan of a world and the roles of its users.
func (c *controls) UpdateWorld(
	ctx context.Context, r controlserver.UpdateWorldRequestObject,
) (controlserver.UpdateWorldResponseObject, error) {
	w, err := c.server.changeWorld(ctx, r.World, *r.Body)
	return controlserver.UpdateWorld200JSONResponse(c.server.describe(w)), err
}

// ResetWorld empties a world.
func (c *controls) ResetWorld(
	ctx context.Context, r controlserver.ResetWorldRequestObject,
) (controlserver.ResetWorldResponseObject, error) {
	var body control.WorldReset
	if r.Body != nil {
		body = *r.Body
	}
	content, err := scenarioOf(body.Seed, body.Scenario)
	if err != nil {
		return nil, err
	}
	err = c.registry.ResetWorld(ctx, r.World, content)
	if err == nil {
		c.server.faults.Clear(r.World)
		c.server.journal.Clear(r.World)
	}
	return controlserver.ResetWorld204Response{}, err
}

// DropWorld removes a world.
func (c *controls) DropWorld(
	ctx context.Context, r controlserver.DropWorldRequestObject,
) (controlserver.DropWorldResponseObject, error) {
	return controlserver.DropWorld204Response{}, c.server.dropWorld(ctx, r.World)
}

// ExpireTokens lets all tokens of a world expire.
func (c *controls) ExpireTokens(
	ctx context.Context, r controlserver.ExpireTokensRequestObject,
) (controlserver.ExpireTokensResponseObject, error) {
	w, err := c.registry.UpdateWorld(ctx, r.World, func(w *World) { w.Generation++ }, nil)
	if err == nil {
		c.server.authority.put(w)
	}
	return controlserver.ExpireTokens204Response{}, err
}

// describe is a world as it is shown: with its users, without their passwords.
func (s *Server) describe(w World) control.World {
	shown := control.World{Name: w.Name, Plan: control.Plan(w.Plan), Users: []control.WorldUser{}}
	for _, a := range s.authority.of(w.Name) {
		shown.Users = append(shown.Users, control.WorldUser{Name: a.Name, Role: control.Role(a.Role)})
	}
	return shown
}

// makeWorld makes a world, from another if one is named, and tells the passwords and tokens of its
// users.
func (s *Server) makeWorld(ctx context.Context, r control.WorldRequest, from string) (control.World, error) {
	if r.Name == "" {
		r.Name = "w" + strings.ReplaceAll(s.ids.New(), "-", "")
	}
	if len(r.Users) == 0 {
		r.Users = []control.UserRequest{{Name: r.Name}}
	}
	content, err := scenarioOf(r.Seed, r.Scenario)
	if err != nil {
		return control.World{}, err
	}
	n := registry.NewWorld{World: World{Name: r.Name, Plan: Plan(r.Plan)}, Content: content, From: from}
	for i, u := range r.Users {
		if u.Password == "" {
			random := make([]byte, 16)
			if _, err := io.ReadFull(s.options.Random, random); err != nil {
				return control.World{}, fmt.Errorf("random source: %w", err)
			}
			u.Password = hex.EncodeToString(random)
		}
		if u.Role == "" {
			u.Role = control.Role(Manager)
		}
		if _, _, known := s.authority.user(u.Name); known {
			return control.World{}, &registry.RuleError{Msg: "The name " + u.Name + " of the user is taken."}
		}
		r.Users[i] = u
		n.Accounts = append(
			n.Accounts,
			store.Account{Name: u.Name, World: r.Name, Role: string(u.Role), Password: hash(u.Password)},
		)
	}
	w, err := s.registry.CreateWorld(ctx, n)
	if err != nil {
		return control.World{}, err
	}
	s.authority.put(w, n.Accounts...)
	made := control.World{Name: w.Name, Plan: control.Plan(w.Plan)}
	for _, u := range r.Users {
		token, err := s.authority.issue(ctx, u.Name)
		if err != nil {
			return control.World{}, err
		}
		made.Users = append(
			made.Users, control.WorldUser{Name: u.Name, Role: u.Role, Password: u.Password, Token: token},
		)
	}
	return made, nil
}

func (s *Server) changeWorld(ctx context.Context, name string, r control.WorldUpdate) (World, error) {
	if err := s.learn(ctx); err != nil {
		return World{}, err
	}
	accounts, roles := s.authority.of(name), map[string]string{}
	for _, u := range r.Users {
		i := slices.IndexFunc(accounts, func(a store.Account) bool { return a.Name == u.Name })
		if i < 0 {
			return World{}, fmt.Errorf("user: %w", store.ErrNotFound)
		}
		accounts[i].Role = string(u.Role)
		if !slices.ContainsFunc(s.options.Users, func(configured User) bool { return configured.Name == u.Name }) {
			roles[u.Name] = string(u.Role) // those of the configuration are not in the database: they come back with it
		}
	}
	w, err := s.registry.UpdateWorld(ctx, name, func(w *World) {
		if r.Plan != "" {
			w.Plan = Plan(r.Plan)
		}
	}, roles)
	if err == nil {
		s.authority.put(w, accounts...)
	}
	return w, err
}

func (s *Server) dropWorld(ctx context.Context, name string) error {
	if slices.ContainsFunc(s.options.Worlds, func(w World) bool { return w.Name == name }) {
		return &registry.RuleError{Msg: "The world " + name + " belongs to the configuration: reset it instead."}
	}
	if err := s.registry.DropWorld(ctx, name); err != nil {
		return err
	}
	s.endRecording(name)
	s.authority.drop(name)
	s.faults.Drop(name)
	s.journal.Drop(name)
	return nil
}

// admit lets calls of the control API through that a page of another site, or a name that only
// seems to be this machine's, did not make; those on worlds need the control token.
func (s *Server) admitControl(r *http.Request, administers bool) error {
	if origin, err := url.Parse(
		r.Header.Get("Origin"),
	); err != nil || origin.Host != "" && origin.Host != r.Host ||
		r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return &forbidden{"The control API takes no calls from pages of other sites."}
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if s.options.ControlHosts != nil && !slices.Contains(s.options.ControlHosts, strings.Trim(host, "[]")) {
		return &forbidden{"The control API does not know the host of this call."}
	}
	switch token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case !administers:
		return nil
	case s.options.ControlToken == "" && s.options.ControlClosed:
		return &forbidden{
			"The emulator can be reached by others and has no control token: start it with one to make worlds.",
		}
	case s.options.ControlToken == "":
		return nil
	case !given || subtle.ConstantTimeCompare([]byte(token), []byte(s.options.ControlToken)) != 1:
		return unauthorized("the control token is needed: Authorization: Bearer <control token>")
	}
	return nil
}
