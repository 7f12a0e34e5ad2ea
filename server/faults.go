package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListFaults answers the faults of the world.
func (c *controls) ListFaults(
	ctx context.Context, _ controlserver.ListFaultsRequestObject,
) (controlserver.ListFaultsResponseObject, error) {
	return controlserver.ListFaults200JSONResponse(c.server.faults.List(registry.WorldOf(ctx))), nil
}

// AddFault adds a fault to the world.
func (c *controls) AddFault(
	ctx context.Context, r controlserver.AddFaultRequestObject,
) (controlserver.AddFaultResponseObject, error) {
	if wrong := fault.Check(*r.Body); wrong != "" {
		return nil, &registry.RuleError{Msg: wrong}
	}
	return controlserver.AddFault200JSONResponse(c.server.faults.Add(registry.WorldOf(ctx), *r.Body)), nil
}

// ClearFaults removes the faults of the world.
func (c *controls) ClearFaults(
	ctx context.Context, _ controlserver.ClearFaultsRequestObject,
) (controlserver.ClearFaultsResponseObject, error) {
	c.server.faults.Clear(registry.WorldOf(ctx))
	return controlserver.ClearFaults204Response{}, nil
}

// RemoveFault removes a fault of the world.
func (c *controls) RemoveFault(
	ctx context.Context, r controlserver.RemoveFaultRequestObject,
) (controlserver.RemoveFaultResponseObject, error) {
	if !c.server.faults.Remove(registry.WorldOf(ctx), r.FaultID) {
		return nil, fmt.Errorf("fault: %w", store.ErrNotFound)
	}
	return controlserver.RemoveFault204Response{}, nil
}

// breaks reports whether a call may meet a fault.
func (s *Server) breaks(r *http.Request) bool {
	return s.faults.Any() || s.options.FaultHeader && r.Header.Get(faultHeader) != ""
}

// broken serves a call as the faults say that it meets. The answer of one says which it was, and is
// not held to the document.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, m contract.Match, next http.HandlerFunc) {
	c, known := s.suspect(r, m)
	if !known {
		next(w, r)
		return
	}
	met, err := s.met(r, m, c)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, f := range met {
		x := exchangeOf(r.Context())
		x.user, x.world, x.now, x.fault = c.name, c.world, c.now, f.FaultID
		w.Header().Set(faultHeader, f.FaultID)
		if f.Effect.Kind == control.FaultEffectKindLatency {
			s.pause(r.Context(), s.between(f.Effect.Latency))
			continue
		}
		s.inflict(w, r, f, next)
		return
	}
	next(w, r)
}

// met lists the faults that a call meets: the one that it names itself in a header, where that is
// allowed, or those of its world.
func (s *Server) met(r *http.Request, m contract.Match, c caller) ([]control.Fault, error) {
	text := r.Header.Get(faultHeader)
	if text == "" || !s.options.FaultHeader {
		return s.faults.Meet(
			fault.Call{World: c.world, Operation: m.ID, User: c.name, Now: openapi.MillisOf(c.now)},
		), nil
	}
	f := control.FaultRequest{When: control.FaultTiming{Probability: 1}}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f.Effect); err != nil || !f.Effect.Kind.Valid() {
		return nil, &registry.RuleError{Msg: "The header X-QCS-Fault is not the JSON of a FaultEffect."}
	}
	if wrong := fault.Check(f); wrong != "" {
		return nil, &registry.RuleError{Msg: wrong}
	}
	return []control.Fault{{FaultID: "header", When: f.When, Effect: f.Effect}}, nil
}

// suspect says whose call it is, before that is checked: by the token, or by the name in a login.
func (s *Server) suspect(r *http.Request, m contract.Match) (caller, bool) {
	if m.ID != "CreateToken" {
		c, err := s.authority.authenticate(r)
		return c, err == nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, vendorBody))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(string(data)), r.Body), r.Body}
	if err != nil {
		return caller{}, false
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return caller{}, false
	}
	account, _, known := s.authority.user(form.Get("username"))
	if !known {
		return caller{}, false
	}
	now, err := s.worldTime(r.Context(), account.World)
	return caller{name: account.Name, world: account.World, now: now}, err == nil
}

// inflict does to a call what a fault says.
func (s *Server) inflict(w http.ResponseWriter, r *http.Request, f control.Fault, next http.HandlerFunc) {
	e := f.Effect
	switch e.Kind {
	case control.FaultEffectKindStatus:
		s.answerFault(w, r, cmp.Or(e.Status, http.StatusServiceUnavailable), e)
	case control.FaultEffectKindToken:
		e.Message = cmp.Or(e.Message, "Unauthorized user.")
		s.answerFault(w, r, http.StatusUnauthorized, e)
	case control.FaultEffectKindRateLimit:
		s.block(w, r, e)
	case control.FaultEffectKindReset:
		panic(http.ErrAbortHandler) // the server cuts the connection
	case control.FaultEffectKindStale:
		s.stale(w, r, next)
	case control.FaultEffectKindJobItems:
		next(
			w,
			r.WithContext(
				registry.WithFailures(r.Context(), store.Failures{Share: f.When.Probability, Seed: f.When.Seed}),
			),
		)
	default:
		s.distort(w, r, f, next)
	}
}

// answerFault answers in the vendor's shape; nothing is done.
func (s *Server) answerFault(w http.ResponseWriter, r *http.Request, status int, e control.FaultEffect) {
	message := cmp.Or(e.Message, http.StatusText(status)+".")
	// texts and a number
	body, _ := json.Marshal(
		api.ResponseError{
			ErrorCode: cmp.Or(e.Code, errorCode(status)),
			Message:   message,
			Timestamp: exchangeOf(r.Context()).now.UnixMilli(),
		},
	)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may be gone
}

// block answers as a rate limit does, with the documented headers.
func (s *Server) block(w http.ResponseWriter, r *http.Request, e control.FaultEffect) {
	wait := cmp.Or(e.WaitSeconds, 1)
	h := w.Header()
	h.Set("X-RateLimit-Limit", "1")
	h.Set("X-RateLimit-Window-Sec", strconv.Itoa(wait))
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-ToWait-Sec", strconv.Itoa(wait))
	limit := &limitError{classic: e.Status == http.StatusConflict, wait: time.Duration(wait) * time.Second}
	if !limit.classic {
		h.Set("Retry-After", strconv.Itoa(wait))
	}
	p := limit.problem()
	e.Message = cmp.Or(e.Message, p.message)
	s.answerFault(w, r, p.status, e)
}

// stale answers a GET with what the same GET was answered before, if that is still in the journal.
func (s *Server) stale(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	x := exchangeOf(r.Context())
	before, found := s.journal.Before(
		x.world, control.Exchange{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, User: x.user},
	)
	if r.Method != http.MethodGet || !found {
		next(w, r)
		return
	}
	w.Header().Set("Content-Type", before.ResponseHeaders["Content-Type"])
	w.Header().Set("Content-Length", strconv.Itoa(len(before.ResponseBody)))
	w.WriteHeader(before.Status)
	_, _ = io.WriteString(w, before.ResponseBody) // the caller may be gone
}

// distort does the call, and spoils the answer on its way.
func (s *Server) distort(w http.ResponseWriter, r *http.Request, f control.Fault, next http.HandlerFunc) {
	answer := &recorder{header: w.Header(), status: http.StatusOK}
	next(answer, r)
	body := answer.body.Bytes()
	switch f.Effect.Kind {
	case control.FaultEffectKindMalformed:
		body = append([]byte(`{"`), body...)
	case control.FaultEffectKindContentType:
		w.Header().Set("Content-Type", "text/html")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.status)
	switch f.Effect.Kind {
	case control.FaultEffectKindTruncate:
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // what can be sent is sent before the cut
		panic(http.ErrAbortHandler)
	case control.FaultEffectKindSlow:
		s.trickle(r.Context(), w, body, s.between(f.Effect.Latency))
	default:
		_, _ = w.Write(body)
	}
}

// pieces is how many parts a slow body comes in.
const pieces = 8

// trickle sends a body in pieces over some time.
func (s *Server) trickle(ctx context.Context, w http.ResponseWriter, body []byte, over time.Duration) {
	size := max((len(body)+pieces-1)/pieces, 1)
	for len(body) > 0 {
		n := min(size, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // a recorder has nothing to flush
		body = body[n:]
		s.pause(ctx, over/pieces)
	}
}

// between draws a duration from a range.
func (s *Server) between(r control.DurationRange) time.Duration {
	var seed [32]byte
	_, _ = io.ReadFull(s.options.Random, seed[:]) // a source that fails gives the shortest
	span := max(r.Max-r.Min, 0)
	return time.Duration(
		r.Min+rand.New(rand.NewChaCha8(seed)).Int64N(span+1),
	) * time.Millisecond //nolint:forbidigo // seeded by the injected source
}

// pause waits, unless the caller is gone. It is real time: the clock of a world may stand still.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
