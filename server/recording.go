package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// maxRecording bounds the calls of a recording, in bytes.
const maxRecording = 64 << 20

// recording is what was called in a world since a moment. Its calls are made one after the other,
// so that they can be made again in this order.
type recording struct {
	turn     chan struct{} // holds a value while it is somebody's turn; who has it may touch the others
	scenario control.Scenario
	bytes    int // of the calls
}

// enter waits for the caller's turn, unless the caller is gone.
func (r *recording) enter(ctx context.Context) bool {
	select {
	case r.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *recording) leave() { <-r.turn }

// recordings are by world. The zero value holds none.
type recordings struct {
	mu  sync.RWMutex
	all map[string]*recording
}

func (r *recordings) of(world string) *recording {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.all[world]
}

func (r *recordings) any() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.all) > 0
}

// begin has a recording take the place of another; hold is called when there was none.
func (r *recordings) begin(world string, next *recording, hold func(string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*recording{}
	}
	if r.all[world] == nil {
		hold(world)
	}
	r.all[world] = next
}

// end ends a recording, whichever it is when it is nil, and reports whether there was one; release
// is called then.
func (r *recordings) end(world string, which *recording, release func(string)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := r.all[world]
	if is == nil || which != nil && which != is {
		return false
	}
	delete(r.all, world)
	release(world)
	return true
}

// StartRecording begins to record the world.
func (c *controls) StartRecording(
	ctx context.Context, _ controlserver.StartRecordingRequestObject,
) (controlserver.StartRecordingResponseObject, error) {
	return controlserver.StartRecording204Response{}, c.server.startRecording(ctx, registry.WorldOf(ctx))
}

// ExportRecording answers the recording of the world.
func (c *controls) ExportRecording(
	ctx context.Context, _ controlserver.ExportRecordingRequestObject,
) (controlserver.ExportRecordingResponseObject, error) {
	r := c.server.recordings.of(registry.WorldOf(ctx))
	if r == nil {
		return nil, fmt.Errorf("recording: %w", store.ErrNotFound)
	}
	if !r.enter(ctx) {
		return nil, ctx.Err()
	}
	defer r.leave()
	if r.bytes > maxRecording {
		return nil, &registry.RuleError{
			Msg: fmt.Sprintf("The recording has become longer than %d MiB.", maxRecording>>20),
		}
	}
	return controlserver.ExportRecording200JSONResponse(r.scenario), nil
}

// StopRecording ends the recording of the world.
func (c *controls) StopRecording(
	ctx context.Context, _ controlserver.StopRecordingRequestObject,
) (controlserver.StopRecordingResponseObject, error) {
	if !c.server.endRecording(registry.WorldOf(ctx)) {
		return nil, fmt.Errorf("recording: %w", store.ErrNotFound)
	}
	return controlserver.StopRecording204Response{}, nil
}

// startRecording keeps the world as it is now, and has its calls recorded from now on.
func (s *Server) startRecording(ctx context.Context, world string) (err error) {
	r := &recording{turn: make(chan struct{}, 1)}
	r.enter(ctx)
	defer r.leave()
	s.recordings.begin(world, r, s.registry.Hold) // others wait from now on
	defer func() {
		if err != nil {
			s.recordings.end(world, r, s.registry.Release)
		}
	}()
	began := openapi.MillisOf(s.options.Now())
	ctx = store.At(ctx, began)
	seed := make([]byte, 8)
	if _, err := io.ReadFull(s.options.Random, seed); err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	if err := s.registry.Settle(ctx); err != nil {
		return err
	}
	state, snapshots, err := s.registry.ExportState(ctx)
	if err != nil {
		return err
	}
	told := control.Recording{
		Snapshots: snapshots,
		Version:   s.options.Version,
		World:     world,
		Users:     []control.UserRole{},
		Seed:      hex.EncodeToString(seed),
		Began:     began,
		Calls:     []control.RecordedCall{},
	}
	for _, a := range s.authority.of(world) {
		told.Users = append(told.Users, control.UserRole{Name: a.Name, Role: control.Role(a.Role)})
		s.limiter.forget(a.Name)
	}
	told.Faults, told.LastFault = s.faults.Save(world)
	s.journal.Clear(world) // stale answers come from it
	r.scenario = control.Scenario{State: state, Recording: told}
	return nil
}

// endRecording ends the recording of a world, and reports whether there was one.
func (s *Server) endRecording(world string) bool {
	return s.recordings.end(world, nil, s.registry.Release)
}

// recorded makes the calls of worlds that are recorded one after the other, each at one time, and
// notes them.
func (s *Server) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		world := s.recordedWorld(r)
		rec := s.recordings.of(world)
		if world == "" || rec == nil || !rec.enter(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		defer rec.leave()
		if s.recordings.of(world) != rec { // it has ended meanwhile
			next.ServeHTTP(w, r)
			return
		}
		call := control.RecordedCall{
			At: openapi.MillisOf(
				s.options.Now(),
			),
			Method:  r.Method,
			Path:    r.URL.EscapedPath(),
			Query:   r.URL.RawQuery,
			Headers: r.Header.Clone(),
		}
		request := &tail{max: maxRecording}
		r.Body = teed(r.Body, request)
		p := s.perform(
			next, w, r,
			moment{world, call.At, rec.scenario.Recording.Seed, len(rec.scenario.Recording.Calls) + 1, true},
		)
		// their answers are secrets, and change nothing here
		if p.operation != "CreateToken" && p.operation != "CloneWorld" {
			call.User = p.user
			p.answer(&call)
			rec.note(call, []byte(request.String()))
		}
		if p.cause != nil {
			panic(p.cause)
		}
	})
}

// recordedWorld names the world that a call belongs to, if calls of it are to be recorded: not
// those that only look, nor those on the recording itself.
func (s *Server) recordedWorld(r *http.Request) string {
	path, ours := strings.CutPrefix(r.URL.Path, "/_qcs/")
	switch section, rest, _ := strings.Cut(path, "/"); {
	case !s.recordings.any() || ours && (r.Method == http.MethodGet || section == "recording" || section == "replay"):
		return ""
	case ours && section == "worlds":
		world, _, _ := strings.Cut(rest, "/")
		return world
	}
	c, err := s.authority.authenticate(r)
	if err != nil {
		return ""
	}
	return c.world
}

// moment is when a recorded call is made, and what its ids are drawn from.
type moment struct {
	world string
	at    openapi.Millis
	seed  string
	call  int
	live  bool // the caller may be gone before it is over
}

// ids gives the ids of a call, one after the other.
func (m moment) ids() func() string {
	n := 0
	return func() string {
		n++
		sum := sha256.Sum256(fmt.Append(nil, m.seed, "/", m.call, "/", n))
		id, err := uuid.NewRandomFromReader(bytes.NewReader(sum[:]))
		if err != nil {
			panic(err) // 16 of 32 bytes are there
		}
		return id.String()
	}
}

// performed is a call that was made, and its answer.
type performed struct {
	*exchange
	sent  *copying
	cause any // why the connection was cut, if it was
}

// answer writes down what was answered.
func (p performed) answer(call *control.RecordedCall) {
	if call.Cut = p.cause != nil; !call.Cut {
		p.sent.end(nil)
	}
	call.Status, call.Answer, call.AnswerHeaders = p.sent.status, p.sent.body.String(), p.sent.Header().Clone()
	for _, name := range []string{"Content-Length", "Date", "Server", "X-Request-Id"} {
		delete(call.AnswerHeaders, name)
	}
}

// perform makes a call at a moment, when all that is due has happened, and then what follows from
// it.
func (s *Server) perform(next http.Handler, w http.ResponseWriter, r *http.Request, m moment) performed {
	p := performed{exchange: &exchange{}, sent: &copying{ResponseWriter: w, body: tail{max: maxRecording}}}
	ctx := registry.WithIDs(store.At(registry.WithCall(r.Context(), p.exchange), m.at), m.ids())
	whole := ctx
	if m.live {
		whole = context.WithoutCancel(ctx)
	}
	settle := func() {
		if err := s.registry.Settle(registry.WithWorld(whole, m.world)); err != nil {
			s.options.Logger.Error("background work of a recorded call", "error", err)
		}
	}
	settle()
	func() {
		defer func() { p.cause = recover() }()
		next.ServeHTTP(p.sent, r.WithContext(ctx))
	}()
	settle()
	return p
}

// note adds a call to the recording, without secrets.
func (r *recording) note(call control.RecordedCall, body []byte) {
	maps.DeleteFunc(call.Headers, func(name string, _ []string) bool { return traffic.SecretHeader(name) })
	call.Body = traffic.Redact(http.Header(call.Headers).Get("Content-Type"), string(body))
	call.Unchecked = call.Body != string(body)
	if !utf8.ValidString(call.Body) || !utf8.ValidString(call.Answer) {
		call.Base64 = true
		call.Body = base64.StdEncoding.EncodeToString([]byte(call.Body))
		call.Answer = base64.StdEncoding.EncodeToString([]byte(call.Answer))
	}
	if r.bytes += len(call.Body) + len(call.Answer) + len(call.Path) + len(call.Query) + 512; r.bytes <= maxRecording {
		r.scenario.Recording.Calls = append(r.scenario.Recording.Calls, call)
	}
}
