// Package server is the emulator as an http.Handler: it answers the registry and schedule API as the document says, from data that it keeps.
//
// A request goes one way: trailing slash dropped, panics caught, request id and log, operation found in the document, authentication, validation against the document, generated
// binding, a handler of a few lines, the rules (internal/registry), the store (internal/store), generated encoding. Errors are only returned; errors.go turns them into answers.
package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Plan is what the subscription of a world may use: Free, Trial or Full.
type Plan = store.Plan

// Pace is how long a schedule stays in each state.
type Pace = registry.Pace

// DefaultPace is the pace of an emulator that is told none: a scan takes 13 seconds.
var DefaultPace = registry.DefaultPace

// World is one subscription: its data is seen by its users only.
type World struct {
	Name string
	Plan Plan
}

// User is who can log in to a world. The password is kept in memory only, as a hash.
type User struct {
	Name, Password string
	Role           Role
	World          string
}

// Options configure an emulator. The zero value keeps everything in memory.
type Options struct {
	Data              string                      // folder of database and signing key, made if it does not exist; "" or ":memory:" for none
	Worlds            []World                     // default: one world "default" with the Full plan
	Users             []User                      // without any, a user "admin" is made when there is none in the database
	FirstUser         func(name, password string) // told once of the user that was made
	SigningKey        []byte                      // key of tokens, 64 bytes; default: a file in Data
	Seed              string                      // name of a seed for the first world, if that is empty
	Strictness        contract.Strictness         // default: contract.Strict
	FilterDecoding    FilterDecoding              // default: DecodeTwice
	AuthStatus        int                         // status of a good login: 201, the default, or 200
	EmptyListStatus   int                         // status of a page without items: 200, the default, or 204 without a body
	RateLimit         RateLimit                   // default: none
	ValidateResponses bool                        // hold every answer to the document; one that does not fit becomes a 500
	OnViolation       func(error)                 // told of such answers, and of nothing else; implies ValidateResponses
	Pace              Pace                        // default: DefaultPace
	Now               func() time.Time            // default: time.Now
	Random            io.Reader                   // default: crypto/rand
	Logger            *slog.Logger                // default: discards
	Version           string                      // for the Server header
}

// Server is a running emulator. It is safe for concurrent use.
type Server struct {
	options   Options
	store     *store.Store
	registry  *registry.Service
	authority *authority
	limiter   *limiter
	handler   http.Handler
	wake      chan struct{}
}

// New opens the data and builds the emulator. Its background work is done by Run or Step. The caller closes it.
func New(o Options) (*Server, error) {
	o = withDefaults(o)
	s := &Server{options: o, limiter: newLimiter(o.RateLimit), wake: make(chan struct{}, 1)}
	var err error
	if s.store, err = openStore(o); err != nil {
		return nil, err
	}
	s.registry = registry.New(registry.Options{Store: s.store, NewID: o.newID, Pace: o.Pace, Wake: s.nudge, Lenient: o.Strictness == contract.Vendor})
	if err := s.prepare(context.Background()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.handler, err = s.chain(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func withDefaults(o Options) Options {
	o.Data = cmp.Or(o.Data, memory)
	o.Version = cmp.Or(o.Version, "dev")
	if len(o.Worlds) == 0 {
		o.Worlds = []World{{Name: "default", Plan: store.PlanFull}}
	}
	if o.Pace == (Pace{}) {
		o.Pace = DefaultPace
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// newID gives a random UUID.
func (o Options) newID() string {
	id, err := uuid.NewRandomFromReader(o.Random)
	if err != nil {
		panic(fmt.Sprintf("random source: %v", err)) // without one there are no ids, keys and passwords
	}
	return id.String()
}

// memory means data that lives as long as the process.
const memory = ":memory:"

func openStore(o Options) (*store.Store, error) {
	if o.Data == memory {
		return store.Open(context.Background(), memory, o.Now)
	}
	if err := makeFolder(o.Data); err != nil {
		return nil, err
	}
	return store.Open(context.Background(), filepath.Join(o.Data, "qcs.db"), o.Now)
}

// prepare brings worlds, users and seed into being.
func (s *Server) prepare(ctx context.Context) error {
	for _, w := range s.options.Worlds {
		if err := s.store.Write(ctx, w.Name, func(tx *store.Tx) error { return tx.PutWorld(ctx, w.Name, w.Plan) }); err != nil {
			return fmt.Errorf("world %s: %w", w.Name, err)
		}
	}
	accounts, err := s.accounts(ctx)
	if err != nil {
		return err
	}
	if s.authority, err = newAuthority(s.options, accounts, s.worldTime); err != nil {
		return err
	}
	if s.options.Seed == "" {
		return nil
	}
	world := s.options.Worlds[0].Name
	loaded, err := s.registry.Seed(ctx, world, s.options.Seed)
	if err == nil && !loaded {
		s.options.Logger.Info("the world holds data already: seed left out", "world", world, "seed", s.options.Seed)
	}
	return err
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Token makes a token for a user without asking for the password: for the person who runs the emulator.
func (s *Server) Token(user string) (string, error) {
	return s.authority.issue(context.Background(), user)
}

// worldTime is the time by the clock of a world.
func (s *Server) worldTime(ctx context.Context, world string) (time.Time, error) {
	now, err := s.registry.Now(registry.WithWorld(ctx, world))
	return now.Time(), err
}

// DefaultUser is the name of the user that was configured or made first.
func (s *Server) DefaultUser() string { return s.authority.first }

// Reset removes all data, and loads the seed again if there is one. Users, their passwords and tokens stay.
func (s *Server) Reset(ctx context.Context) error {
	if err := s.store.Write(ctx, "", func(tx *store.Tx) error { return tx.Clear(ctx) }); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if s.options.Seed == "" {
		return nil
	}
	_, err := s.registry.Seed(ctx, s.options.Worlds[0].Name, s.options.Seed)
	return err
}

// Step does one piece of background work and reports whether there was any: a move of schedules that are due, or a chunk of a bulk job.
func (s *Server) Step(ctx context.Context) (bool, error) { return s.registry.Step(ctx) }

// Run does the background work until the context ends; it stops between two pieces.
func (s *Server) Run(ctx context.Context) {
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
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// idle is how often Run looks for schedules that have become due.
const idle = 250 * time.Millisecond

// nudge tells Run that there is work.
func (s *Server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it knows already
	}
}

// Close closes the data. Requests and Run must have ended.
func (s *Server) Close() error { return s.store.Close() }
