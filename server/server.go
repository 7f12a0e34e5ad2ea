// Package server is the emulator as an http.Handler: it answers the registry and schedule API as
// the document says, from data that it keeps.
//
// A request goes one way: path cleaned, older version rewritten, request id and log, panics caught,
// operation found in the document, authentication, rate limit, permission, validation against the
// document, generated binding, a handler of a few lines, the rules (internal/registry), the store
// (internal/store), generated encoding. Errors are only returned; errors.go turns them into
// answers.
package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/carrier"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/journal"
	"github.com/qcsdev/qcs/server/internal/oci"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Plan is what the subscription of a world may use: Free, Trial or Full.
type Plan = store.Plan

// Source tells what registries hold.
type Source = registry.Source

// Inventory says what registries hold: by registryUri, repository and tag. It is a Source.
type Inventory = registry.Inventory

// Pace is how long a schedule stays in each state.
type Pace = registry.Pace

// DefaultPace is the pace of an emulator that is told none: a scan takes 13 seconds.
var DefaultPace = registry.DefaultPace

// World is one subscription, with a name and a plan: its data is seen by its users only.
type World = store.World

// User is who can log in to a world. The password is kept in memory only, as a hash.
type User struct {
	Name, Password string
	Role           Role
	World          string
}

// Options configure an emulator. The zero value keeps everything in memory.
type Options struct {
	// folder of database and signing key, made if it does not exist; "" or ":memory:" for none
	Data string
	// URL of a PostgreSQL server's database, postgres://…, in place of a SQLite file in Data; needs
	// SigningKey, which all replicas share
	Database string
	// change nothing about what is in Data, and fail if there is nothing: worlds and users are
	// those that it holds
	Existing bool
	Worlds   []World // default: one world "default" with the Full plan
	// without any, a user "admin" is made when there is none in the database
	Users      []User
	FirstUser  func(name, password string) // told once of the user that was made
	SigningKey []byte                      // key of tokens, 64 bytes; default: a file in Data
	Seed       string                      // name of a seed for the first world, if that is empty; see Seeds
	// what the first world holds, if that is empty; in place of Seed, not with it
	Scenario control.Scenario
	// what registries hold; the contents of those for which none speaks are made up
	Sources []Source
	// host[:port] of registries that are listed for real when they are scanned, before any source;
	// needs what they redirect to as well
	OCIHosts       []string
	Strictness     contract.Strictness // default: contract.Strict
	Validate       Validate            // default: ValidateGenerated
	FilterDecoding FilterDecoding      // default: DecodeTwice
	AuthStatus     int                 // status of a good login: 201, the default, or 200
	// status of a page without items: 200, the default, or 204 without a body
	EmptyListStatus int
	RateLimit       RateLimit // default: none
	// hold every answer to the document; one that does not fit becomes a 500
	ValidateResponses bool
	// told of such answers, and of nothing else; implies ValidateResponses
	OnViolation  func(error)
	Pace         Pace             // default: DefaultPace
	Now          func() time.Time // default: time.Now
	Random       io.Reader        // default: crypto/rand
	Logger       *slog.Logger     // default: discards
	ControlToken string           // that the calls which make and drop worlds need; "" for none
	// refuse those calls, and all others of the control API whose Host is not of this machine,
	// unless there is a control token: for addresses that others reach
	ControlClosed bool
	// names that calls of the control API may give as Host; nil for any. Calls of other sites'
	// pages are refused always
	ControlHosts []string
	FaultHeader  bool // let a call name a fault of its own in the header X-QCS-Fault
	// calls that the journal keeps of each world; default: 1,000, negative for none
	JournalCalls int
	Version      string // for the Server header
}

// Server is a running emulator. It is safe for concurrent use.
type Server struct {
	options    Options
	store      *store.Store
	registry   *registry.Service
	ids        *registry.IDs
	authority  *authority
	limiter    *limiter
	faults     fault.Set
	journal    *journal.Journal
	recordings recordings
	carrier    *carrier.Carrier // nil where no replicas share the work
	handler    http.Handler
	wake       chan struct{}
}

// New opens the data and builds the emulator. Its background work is done by Run or Step. The
// caller closes it.
func New(o Options) (*Server, error) {
	o = withDefaults(o)
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{
		options: o,
		ids:     registry.NewIDs(o.Now, o.Random),
		limiter: newLimiter(o.RateLimit),
		journal: journal.New(o.JournalCalls),
		wake:    make(chan struct{}, 1),
	}
	var err error
	if s.store, err = openStore(o); err != nil {
		return nil, fmt.Errorf("data in %s: %w", o.place(), err)
	}
	s.registry = registry.New(
		registry.Options{
			Store:    s.store,
			NewID:    s.ids.New,
			Pace:     o.Pace,
			Sources:  o.sources(),
			Wake:     s.nudge,
			Accepted: s.hand,
			Adapt:    true,
			Lenient:  o.Strictness == contract.Vendor,
		},
	)
	if err := s.prepare(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("data in %s: %w", o.place(), err), s.Close())
	}
	if s.store.Shared() && !o.Existing { // who only looks takes no part in the work
		if s.carrier, err = carrier.New(context.Background(), o.Database, s.registry, o.Logger); err != nil {
			return nil, errors.Join(fmt.Errorf("data in %s: %w", o.place(), err), s.Close())
		}
	}
	if s.handler, err = s.chain(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func withDefaults(o Options) Options {
	o.Data = cmp.Or(o.Data, memory)
	o.Version = cmp.Or(o.Version, "dev")
	o.Strictness = cmp.Or(o.Strictness, contract.Strict)
	o.Validate = cmp.Or(o.Validate, ValidateGenerated)
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

// check refuses what no emulator could do.
func (o Options) check() error {
	if o.Strictness != contract.Strict && o.Strictness != contract.Vendor {
		return fmt.Errorf("strictness %q is neither strict nor vendor", o.Strictness)
	}
	if o.Validate != ValidateGenerated && o.Validate != ValidateReference {
		return fmt.Errorf("validate %q is neither generated nor reference", o.Validate)
	}
	for _, w := range o.Worlds {
		if w.Name == "" || !slices.Contains([]Plan{store.PlanFree, store.PlanTrial, store.PlanFull}, w.Plan) {
			return fmt.Errorf("world %q: needs a name and the plan Free, Trial or Full", w.Name)
		}
	}
	if o.Database != "" && len(o.SigningKey) == 0 {
		return errors.New(
			"a PostgreSQL database needs a signing key, which all replicas share: QCSD_SIGNING_KEY or " +
				"--signing-key-file",
		)
	}
	if min(o.Pace.Created, o.Pace.Queued, o.Pace.Listing, o.Pace.Scanning) < 0 {
		return errors.New("pace: a duration is negative")
	}
	return nil
}

// place says where the data is, without a password.
func (o Options) place() string {
	if o.Database == "" {
		return o.Data
	}
	u, err := url.Parse(o.Database)
	if err != nil {
		return "the database"
	}
	u.RawQuery = "" // it may hold one, too
	return u.Redacted()
}

// sources are what is asked for the contents of registries.
func (o Options) sources() []Source {
	if len(o.OCIHosts) == 0 {
		return o.Sources
	}
	return append([]Source{oci.New(oci.Options{Hosts: o.OCIHosts, Logger: o.Logger})}, o.Sources...)
}

// memory means data that lives as long as the process.
const memory = ":memory:"

func openStore(o Options) (*store.Store, error) {
	path := filepath.Join(o.Data, "qcs.db")
	switch {
	case o.Database != "":
		return store.Open(context.Background(), o.Database, o.Now)
	case o.Data == memory && o.Existing:
		return nil, errors.New("there is nothing in memory yet")
	case o.Data == memory:
		return store.Open(context.Background(), memory, o.Now)
	case o.Existing:
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("there is no database: %w", err)
		}
	default:
		if err := makeFolder(o.Data); err != nil {
			return nil, err
		}
		empty, err := store.Empty()
		if err != nil {
			return nil, err
		}
		if err := writeNew(path, empty); err != nil && !errors.Is(err, fs.ErrExist) { // for its owner only
			return nil, err
		}
	}
	return store.Open(context.Background(), path, o.Now)
}

// prepare brings worlds, users and seed into being.
func (s *Server) prepare(ctx context.Context) error {
	if err := s.worlds(ctx); err != nil {
		return err
	}
	accounts, err := s.accounts(ctx)
	if err != nil {
		return err
	}
	if s.authority, err = newAuthority(s.options, accounts, s.worldTime); err != nil {
		return err
	}
	if s.store.Shared() {
		s.authority.refresh = s.refresh
	}
	var worlds []World
	if err := s.store.Read(ctx, "", func(tx *store.Tx) error {
		worlds, err = tx.Worlds(ctx)
		return err
	}); err != nil {
		return err
	}
	for _, w := range worlds {
		s.authority.put(w)
	}
	content, err := scenarioOf(s.options.Seed, s.options.Scenario)
	if err != nil || s.options.Existing || isEmpty(content) {
		return err
	}
	world := s.options.Worlds[0].Name
	loaded, err := s.registry.Seed(ctx, world, content)
	if err == nil && !loaded {
		s.options.Logger.Info("the world holds data already: seed left out", "world", world)
	}
	return err
}

// worlds makes the worlds of the options, or reads those that exist.
func (s *Server) worlds(ctx context.Context) error {
	return s.store.Write(ctx, "", func(tx *store.Tx) (err error) {
		if s.options.Existing {
			s.options.Worlds, err = tx.Worlds(ctx)
			if err == nil && len(s.options.Worlds) == 0 {
				err = errors.New("there is no world")
			}
			return err
		}
		seen := map[string]bool{}
		for i, w := range s.options.Worlds {
			if seen[w.Name] {
				return fmt.Errorf("world %s: named twice", w.Name)
			}
			seen[w.Name] = true
			if err := tx.PutWorld(ctx, w.Name, w.Plan, i); err != nil {
				return fmt.Errorf("world %s: %w", w.Name, err)
			}
		}
		return nil
	})
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Token makes a token for a user without asking for the password: for the person who runs the
// emulator.
func (s *Server) Token(user string) (string, error) {
	return s.authority.issue(context.Background(), user)
}

// worldTime is the time by the clock of a world.
func (s *Server) worldTime(ctx context.Context, world string) (time.Time, error) {
	now, err := s.registry.Time(ctx, world)
	return now.Time(), err
}

// DefaultUser is the name of the user that was configured or made first.
func (s *Server) DefaultUser() string { return s.authority.first }

// DefaultWorld is the name of the first world.
func (s *Server) DefaultWorld() string { return s.options.Worlds[0].Name }

// Journal lists the last calls of a world, the oldest first, without secrets.
func (s *Server) Journal(world string) []control.Exchange {
	return withCurl(s.journal.List(world, nil))
}

// Reset removes all data, and loads the seed again into the first world if there is one, in one
// transaction. Users, their passwords and tokens stay.
func (s *Server) Reset(ctx context.Context) error {
	content, err := scenarioOf(s.options.Seed, s.options.Scenario)
	if err != nil {
		return err
	}
	return s.registry.Reset(ctx, s.options.Worlds[0].Name, content)
}

// Check looks for what must not be in the data, of all worlds, and tells it in lines; it repairs
// nothing.
func (s *Server) Check(ctx context.Context) ([]string, error) { return s.store.Check(ctx) }

// Backup writes a copy of the SQLite database to a file that must not exist, also while others work
// on it.
func (s *Server) Backup(ctx context.Context, path string) error { return s.store.Backup(ctx, path) }

// Step does one piece of background work and reports whether there was any: a move of schedules
// that are due, or a chunk of a bulk job.
func (s *Server) Step(ctx context.Context) (bool, error) { return s.registry.Step(ctx) }

// Run does the background work until the context ends; it stops between two pieces. On PostgreSQL
// all replicas that run share it.
func (s *Server) Run(ctx context.Context) {
	if s.carrier != nil {
		if err := s.carrier.Run(ctx); err != nil {
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

// hand tells the replicas of a job.
func (s *Server) hand(k store.JobKey) {
	if s.carrier != nil {
		s.carrier.Hand(k)
	}
}

// Close closes the data. Requests and Run must have ended.
func (s *Server) Close() error {
	if s.carrier != nil {
		s.carrier.Close()
	}
	return s.store.Close()
}
