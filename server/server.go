// Package server is the emulator as an http.Handler. It serves the registry and schedule API of the
// OpenAPI document, with its own data.
//
// This package has the options, the life of a server, the chain of middleware (chain.go) and the
// response cache. A request ends in a handler of a few lines (internal/vendorapi,
// internal/controlapi), which calls the rules (internal/registry, world, scan, report); these use
// the store (internal/store). Errors are only returned: one table in internal/vendorapi converts
// them to responses.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/controlapi"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/report"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/traffic"
	"github.com/qcsdev/qcs/server/internal/world"
)

// Server is a running emulator. It is safe for concurrent use.
type Server struct {
	options Options
	owner   *owner // nil if there is no folder to own
	store   *store.Store
	ids     *registry.IDs

	registry *registry.Service
	worlds   *world.Service
	scans    *scan.Service
	reports  *report.Service

	authority *auth.Authority
	limiter   *auth.Limiter
	faults    fault.Set
	journal   *traffic.Journal
	recorder  *traffic.Recorder

	queue Queue // nil if no replicas share the work
	http  http.Handler
	woken chan struct{}
}

// Seeds lists the names of the built-in scenarios.
func Seeds() []string { return world.Seeds() }

// ReadScenario reads a scenario from YAML or JSON. An error names the line that violates the
// schema, openapi/scenario.schema.json.
func ReadScenario(text []byte) (control.Scenario, error) { return world.ReadScenario(text) }

// Evidence returns the sources of the emulator's behaviour: a line for each operation of the
// vendor's API, rule, filter token and cell of the table of statuses, by kind and name.
func Evidence() ([]control.Evidence, error) { return controlapi.Evidence() }

// New opens the data and builds the emulator. Its background work is done by Run or Step. The
// caller closes it. The error is ErrOwned if another process owns the data folder.
func New(o Options) (*Server, error) {
	if o.Existing {
		return start(withoutWorlds(o))
	}
	return start(withDefaults(o))
}

// withoutWorlds fills in the defaults, except for the worlds, which are those of the data.
func withoutWorlds(o Options) Options {
	o = withDefaults(o)
	o.Worlds = nil
	return o
}

// start opens the data and builds the emulator. Without worlds in the options, the worlds are those
// of the data, and nothing is loaded.
func start(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{options: o, ids: registry.NewIDs(o.Now, o.Random), woken: make(chan struct{}, 1)}
	err := s.build(context.Background())
	if err != nil {
		err = errors.Join(fmt.Errorf("data in %s: %w", o.place(), err), s.Close())
		return nil, err
	}
	s.http = s.handler()
	return s, nil
}

func (s *Server) build(ctx context.Context) (err error) {
	o := &s.options
	if s.store, s.owner, err = open(*o); err != nil {
		return err
	}
	s.scans = scan.New(s.store, o.Pace)
	s.reports = report.New(report.Options{Store: s.store, NewID: s.ids.New, Wake: s.wake, Logger: o.Logger})
	s.registry = registry.New(registry.Options{
		Store: s.store, Scans: s.scans, Reports: s.reports, NewID: s.ids.New, Wake: s.wake, Enqueue: s.enqueue,
		Sources: o.Sources, Adapt: true, Lenient: o.Strictness == contract.Vendor,
	})
	s.worlds = world.New(world.Options{
		Store: s.store, Registry: s.registry, Scans: s.scans, NewID: s.ids.New, Wake: s.wake,
	})
	s.limiter, s.journal = auth.NewLimiter(o.RateLimit), traffic.NewJournal(o.JournalCalls)
	load := len(o.Worlds) > 0
	if err := s.prepareWorlds(ctx); err != nil {
		return err
	}
	key, err := signingKey(*o)
	if err != nil {
		return err
	}
	if s.authority, err = auth.New(ctx, auth.Options{
		Store: s.store, Key: key, Worlds: o.worldNames(), Configured: o.Users, Random: o.Random,
		Now: o.TokenNow, ReadOnly: !load, FirstUser: o.FirstUser,
	}); err != nil {
		return err
	}
	s.recorder = &traffic.Recorder{
		Registry: s.registry, Worlds: s.worlds, Authority: s.authority, Limiter: s.limiter, Faults: &s.faults,
		Journal: s.journal, Now: o.Now, Random: o.Random, Version: o.Version, Log: o.Logger,
	}
	if load {
		err = s.seed(ctx)
	}
	if err == nil && load && s.store.Shared() {
		s.queue, err = o.Database.Queue(ctx, s.registry, o.Logger)
	}
	return err
}

// prepareWorlds creates the worlds of the options, or reads those of the data.
func (s *Server) prepareWorlds(ctx context.Context) error {
	if len(s.options.Worlds) == 0 {
		err := s.store.Read(ctx, "", func(tx *store.Tx) (err error) {
			s.options.Worlds, err = tx.Worlds(ctx)
			return err
		})
		if err == nil && len(s.options.Worlds) == 0 {
			err = errors.New("there is no world")
		}
		return err
	}
	return s.store.Write(ctx, "", func(tx *store.Tx) (err error) {
		known := map[string]bool{}
		for i, w := range s.options.Worlds {
			if known[w.Name] {
				return fmt.Errorf("world %s: named twice", w.Name)
			}
			known[w.Name] = true
			if err := tx.PutWorld(ctx, w, i); err != nil {
				return fmt.Errorf("world %s: %w", w.Name, err)
			}
		}
		return nil
	})
}

// seed loads the seed or the scenario of the options into the first world, if that is empty.
func (s *Server) seed(ctx context.Context) error {
	content, err := world.ScenarioOf(s.options.Seed, s.options.Scenario)
	if err != nil || world.IsEmpty(content) {
		return err
	}
	loaded, err := s.worlds.Seed(ctx, s.DefaultWorld(), content)
	if err == nil && !loaded {
		s.options.Logger.Info("the world has data already: the seed was not loaded", "world", s.DefaultWorld())
	}
	return err
}

// ServeHTTP serves a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.ServeHTTP(w, r) }

// Token returns a token for a user, without a password: for the operator of the emulator.
func (s *Server) Token(user string) (string, error) {
	return s.authority.Issue(context.Background(), user)
}

// DefaultUser is the name of the user that was configured or created first.
func (s *Server) DefaultUser() string { return s.authority.First() }

// DefaultWorld is the name of the first world.
func (s *Server) DefaultWorld() string { return s.options.Worlds[0].Name }

// Journal lists the last calls of a world, the oldest first, without secrets.
func (s *Server) Journal(world string) []control.Exchange { return s.journal.List(world, nil) }

// Unmatched lists the last calls of all worlds that match no operation or no user, the oldest
// first, without secrets.
func (s *Server) Unmatched() []control.Exchange { return s.journal.Unmatched() }

// Faults lists the faults of a world, with their counters.
func (s *Server) Faults(world string) []control.Fault { return s.faults.List(world) }

// Reset removes all data of all worlds and, if there is a seed, loads it into the first world
// again, in one transaction. Users, their passwords and tokens stay.
func (s *Server) Reset(ctx context.Context) error {
	content, err := world.ScenarioOf(s.options.Seed, s.options.Scenario)
	if err != nil {
		return err
	}
	return s.worlds.Reset(ctx, s.DefaultWorld(), content)
}

// Check looks for damage in the data of all worlds, and returns a line for each finding. It repairs
// nothing.
func (s *Server) Check(ctx context.Context) ([]string, error) { return s.store.Check(ctx) }

// Backup writes a copy of the SQLite database to a file that must not exist. It also works while
// the database is in use.
func (s *Server) Backup(ctx context.Context, path string) error { return s.store.Backup(ctx, path) }

// Replay repeats the calls of a recording, in a new emulator in memory, and compares the responses.
// It uses only the options that change responses; data, worlds, users and time are those of the
// recording.
func Replay(ctx context.Context, scenario control.Scenario, o Options) (control.Replay, error) {
	return traffic.Replay(ctx, scenario, func(scenario control.Scenario) (traffic.ReplayServer, error) {
		s, err := replayServer(scenario, o)
		if err != nil {
			return traffic.ReplayServer{}, err
		}
		return traffic.ReplayServer{Handler: s, Registry: s.registry, Authority: s.authority, Close: s.Close}, nil
	})
}

func (s *Server) replay(ctx context.Context, scenario control.Scenario) (control.Replay, error) {
	return Replay(ctx, scenario, s.options)
}

// replayServer starts an emulator whose world has the state at the start of a recording.
func replayServer(scenario control.Scenario, o Options) (*Server, error) {
	rec := scenario.Recording
	random := withDefaults(o).Random
	o = Options{ // only what changes responses
		Scenario: control.Scenario{State: scenario.State},
		Worlds:   []World{{Name: rec.World, Plan: store.PlanOf(scenario.State)}},
		Sources:  o.Sources, Strictness: o.Strictness, Validate: o.Validate,
		FilterDecoding: o.FilterDecoding, AuthStatus: o.AuthStatus, EmptyListStatus: o.EmptyListStatus,
		RateLimit: o.RateLimit, ValidateResponses: o.ValidateResponses, CacheBytes: o.CacheBytes, Pace: o.Pace,
		Now: rec.Began.Time, Random: random, FaultHeader: o.FaultHeader, JournalCalls: o.JournalCalls,
		Version: o.Version, Logger: slog.New(slog.DiscardHandler),
	}
	known := map[string]bool{}
	for _, u := range rec.Users {
		if known[u.Name] {
			return nil, rule.Errorf("", "The user %s is listed twice.", u.Name)
		}
		known[u.Name] = true
		password, err := auth.NewPassword(random)
		if err != nil {
			return nil, err
		}
		o.Users = append(o.Users, User{Name: u.Name, Password: password, Role: Role(u.Role), World: rec.World})
	}
	o = withDefaults(o)
	if err := o.check(); err != nil {
		return nil, rule.Errorf("", "%s", err)
	}
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	s.faults.Load(rec.World, rec.Faults, rec.LastFault)
	ctx := call.WithWorld(context.Background(), rec.World)
	for name, file := range rec.Snapshots {
		if _, err := s.worlds.ImportSnapshot(ctx, name, file); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Step does a part of the background work and reports whether there was any: moves of schedules
// that are due, and a batch of a bulk job.
func (s *Server) Step(ctx context.Context) (bool, error) { return s.registry.Step(ctx) }

// Run does the background work until the context ends; it stops between two steps. On PostgreSQL
// all running replicas share the work.
func (s *Server) Run(ctx context.Context) {
	if s.queue != nil {
		if err := s.queue.Run(ctx); err != nil {
			s.options.Logger.Error("background work", "error", err)
		}
		return
	}
	tick := time.NewTicker(idle)
	defer tick.Stop()
	for ctx.Err() == nil {
		worked, err := s.Step(context.WithoutCancel(ctx))
		if worked {
			continue
		}
		if err != nil {
			s.options.Logger.Error("background work", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-s.woken:
		case <-tick.C:
		}
	}
}

// idle is how often Run checks whether schedules have become due.
const idle = 250 * time.Millisecond

// wake wakes the runner.
func (s *Server) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // it was woken already
	}
}

// enqueue enqueues a job for the replicas.
func (s *Server) enqueue(k store.JobKey) {
	if s.queue != nil {
		s.queue.Enqueue(k)
	}
}

// Close closes the data and releases the data folder. Requests and Run must have ended.
func (s *Server) Close() error {
	if s.queue != nil {
		s.queue.Close()
	}
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	return errors.Join(err, s.owner.release())
}
