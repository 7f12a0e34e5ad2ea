package traffic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	wire "github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/world"
)

// maxRecording bounds the calls of a recording, in bytes.
const maxRecording = 64 << 20

// Recorder records what is called in worlds. It is safe for concurrent use.
type Recorder struct {
	Registry  *registry.Service
	Worlds    *world.Service
	Authority *auth.Authority
	Limiter   *auth.Limiter
	Faults    *fault.Set
	Journal   *Journal
	Now       func() time.Time
	Random    io.Reader
	Version   string // of the program
	Log       *slog.Logger

	mu  sync.RWMutex
	all map[string]*recording // by world
}

// recording is what was called in a world since it began. Its calls are made one after the other,
// so that they can be replayed in this order.
type recording struct {
	running  *semaphore.Weighted // 1 for the call that runs; only that call may use the other fields
	scenario control.Scenario
	bytes    int // of the calls
}

func (r *Recorder) of(world string) *recording {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.all[world]
}

// set replaces the recording of a world. The runner of the world is paused while there is one.
func (r *Recorder) set(world string, next *recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*recording{}
	}
	if r.all[world] == nil {
		r.Registry.Pause(world)
	}
	r.all[world] = next
}

// end ends a recording of a world, any recording when it is nil, and reports whether there was one.
func (r *Recorder) end(world string, which *recording) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := r.all[world]
	if is == nil || which != nil && which != is {
		return false
	}
	delete(r.all, world)
	r.Registry.Resume(world)
	return true
}

// Stop ends the recording of a world, and reports whether there was one.
func (r *Recorder) Stop(world string) bool { return r.end(world, nil) }

// Start keeps the world as it is now, and records its calls from now on.
func (r *Recorder) Start(ctx context.Context, world string) (err error) {
	next := &recording{running: semaphore.NewWeighted(1)}
	next.running.TryAcquire(1) // succeeds: the recording is new
	defer next.running.Release(1)
	r.set(world, next) // other calls wait from now on
	defer func() {
		if err != nil {
			r.end(world, next)
		}
	}()
	began := openapi.MillisOf(r.Now())
	ctx = call.WithTime(ctx, began)
	seed := make([]byte, 8)
	if _, err := io.ReadFull(r.Random, seed); err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	if err := r.Registry.Settle(ctx, nil); err != nil {
		return err
	}
	state, snapshots, err := r.Worlds.ExportState(ctx)
	if err != nil {
		return err
	}
	users, err := r.Authority.Users(ctx)
	if err != nil {
		return err
	}
	rec := control.Recording{
		Snapshots: snapshots, Version: r.Version, World: world, Users: []control.UserRole{},
		Seed: hex.EncodeToString(seed), Began: began, Calls: []control.RecordedCall{},
	}
	for _, u := range users {
		if u.World == world {
			rec.Users = append(rec.Users, control.UserRole{Name: u.Name, Role: control.Role(u.Role)})
			r.Limiter.Reset(u.Name)
		}
	}
	rec.Faults, rec.LastFault = r.Faults.Save(world)
	r.Journal.Clear(world) // stale answers come from it
	next.scenario = control.Scenario{State: state, Recording: rec}
	return nil
}

// Export returns the recording of a world, or store.ErrNotFound.
func (r *Recorder) Export(ctx context.Context, world string) (control.Scenario, error) {
	rec := r.of(world)
	if rec == nil {
		return control.Scenario{}, fmt.Errorf("recording: %w", store.ErrNotFound)
	}
	if err := rec.running.Acquire(ctx, 1); err != nil {
		return control.Scenario{}, err
	}
	defer rec.running.Release(1)
	if rec.bytes > maxRecording {
		return control.Scenario{}, rule.Errorf("", "The recording has become longer than %d MiB.", maxRecording>>20)
	}
	return rec.scenario, nil
}

// Middleware records the calls of a world. It runs them one after the other, each at one time.
func (r *Recorder) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		world := r.recordedWorld(req)
		rec := r.of(world)
		if world == "" || rec == nil || rec.running.Acquire(req.Context(), 1) != nil {
			next.ServeHTTP(w, req)
			return
		}
		defer rec.running.Release(1)
		if r.of(world) != rec { // it has ended meanwhile
			next.ServeHTTP(w, req)
			return
		}
		recorded := control.RecordedCall{
			At: openapi.MillisOf(r.Now()), Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery,
			Headers: req.Header.Clone(),
		}
		body := &capture{max: maxRecording}
		req.Body = tee(req.Body, body)
		c := callContext{
			world: world, at: recorded.At, seed: rec.scenario.Recording.Seed,
			number: len(rec.scenario.Recording.Calls) + 1, live: true, rules: r.Registry, log: r.Log,
		}
		result := c.run(next, w, req)
		// The answers of these operations are secrets, and the calls change nothing in the world.
		if result.state.Operation != "CreateToken" && result.state.Operation != "CloneWorld" {
			recorded.User = result.state.User
			result.answer.answer(&recorded, result.cause)
			rec.add(recorded, body.String())
		}
		if result.cause != nil {
			panic(result.cause)
		}
	})
}

// recordedWorld returns the world that a call belongs to, if its calls are recorded: not calls that
// only read the control API, nor calls on the recording itself.
func (r *Recorder) recordedWorld(req *http.Request) string {
	r.mu.RLock()
	recording := len(r.all) > 0
	r.mu.RUnlock()
	if !recording {
		return ""
	}
	api := auth.VendorAPI
	if path, ours := strings.CutPrefix(req.URL.Path, "/_qcs/"); ours {
		api = auth.ControlAPI
		section, rest, _ := strings.Cut(path, "/")
		if req.Method == http.MethodGet || section == "recording" || section == "replay" {
			return ""
		}
		if section == "worlds" {
			world, _, _ := strings.Cut(rest, "/")
			return world
		}
	}
	c, err := r.Authority.Authenticate(req, api)
	if err != nil {
		return ""
	}
	return c.World.Name
}

// add adds a call to the recording, without secrets.
func (r *recording) add(c control.RecordedCall, body string) {
	maps.DeleteFunc(c.Headers, func(name string, _ []string) bool { return wire.SecretHeader(name) })
	c.Body = wire.Redact(http.Header(c.Headers).Get("Content-Type"), body)
	query := c.Query
	c.Query = wire.RedactQuery(query)
	c.Unchecked = c.Body != body || c.Query != query
	if !isText(c.Body) || !isText(c.Answer) {
		c.Base64 = true
		c.Body = base64.StdEncoding.EncodeToString([]byte(c.Body))
		c.Answer = base64.StdEncoding.EncodeToString([]byte(c.Answer))
	}
	if r.bytes += len(c.Body) + len(c.Answer) + len(c.Path) + len(c.Query) + 512; r.bytes <= maxRecording {
		r.scenario.Recording.Calls = append(r.scenario.Recording.Calls, c)
	}
}

// isText reports whether a recording can contain a body as it is.
func isText(body string) bool { return utf8.ValidString(body) && !strings.ContainsRune(body, 0) }

// callContext is in which world and when a recorded call is made, and what its ids are drawn from.
type callContext struct {
	world  string
	at     openapi.Millis
	seed   string
	number int  // of the call in the recording
	live   bool // the caller may disconnect before the call has ended

	rules *registry.Service
	log   *slog.Logger
}

// newID returns a source of the ids of the call.
func (c callContext) newID() func() string {
	n := 0
	return func() string {
		n++
		sum := sha256.Sum256(fmt.Append(nil, c.seed, "/", c.number, "/", n))
		id, err := uuid.NewRandomFromReader(bytes.NewReader(sum[:]))
		if err != nil {
			panic(err) // 16 of 32 bytes are there
		}
		return id.String()
	}
}

// callResult is a call that was made, and its answer.
type callResult struct {
	state  *request.State
	answer *captureWriter
	cause  any // the panic that cut the connection, if one did
}

// run makes a call when all that is due has happened, and then does what follows from it.
func (c callContext) run(next http.Handler, w http.ResponseWriter, r *http.Request) callResult {
	result := callResult{
		state:  &request.State{},
		answer: &captureWriter{ResponseWriter: w, body: capture{max: maxRecording}},
	}
	made := call.Call{At: c.at, NewID: c.newID()}
	ctx := call.With(request.With(r.Context(), result.state), made)
	whole := call.WithWorld(ctx, c.world)
	if c.live {
		whole = context.WithoutCancel(whole)
	}
	settle := func() {
		if err := c.rules.Settle(whole, nil); err != nil {
			c.log.Error("background work of a recorded call", "error", err)
		}
	}
	settle()
	func() {
		defer func() { result.cause = recover() }()
		next.ServeHTTP(result.answer, r.WithContext(ctx))
	}()
	settle()
	return result
}
