package fault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/match"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/rule"
)

// header is the response header with the id of the fault, and the request header with which a call
// may define a fault of its own. It has the canonical form of net/http.
const header = "X-Qcs-Fault"

// AnswerError is the answer of a fault, which replaces the answer of the operation.
type AnswerError struct {
	Status        int
	Code, Message string           // of the body; default: by the status
	Limit         *auth.LimitError // if the answer looks like a rate limit: has the status and the message
}

func (e *AnswerError) Error() string { return "fault: " + cmp.Or(e.Message, http.StatusText(e.Status)) }

// Applier applies faults to calls.
type Applier struct {
	Set       *Set
	Authority *auth.Authority
	Random    io.Reader
	Header    bool // a call may define a fault of its own in the header X-QCS-Fault
	MaxBody   int64
	// Before returns the last successful answer to the same call.
	Before func(world string, e control.Exchange) (control.Exchange, bool)
	Fail   request.Fail
}

// Middleware applies the faults that match a call.
func (a *Applier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.Set.Any() && (!a.Header || r.Header.Get(header) == "") {
			next.ServeHTTP(w, r)
			return
		}
		c, known := a.caller(r)
		if !known {
			next.ServeHTTP(w, r)
			return
		}
		faults, err := a.match(r, c)
		if err != nil {
			a.Fail(w, r, err)
			return
		}
		for _, f := range faults {
			s := request.Of(r.Context())
			s.User, s.World, s.Fault = c.User, c.World, f.FaultID
			w.Header().Set(header, f.FaultID)
			if f.Effect.Kind == control.FaultEffectKindLatency {
				if err := pause(r.Context(), a.between(f.Effect.Latency)); err != nil {
					a.Fail(w, r, err)
					return
				}
				continue
			}
			a.apply(w, r, f, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// match returns the faults to apply to a call: that of its header, if allowed, or of its world.
func (a *Applier) match(r *http.Request, c auth.Caller) ([]control.Fault, error) {
	text := r.Header.Get(header)
	if text == "" || !a.Header {
		return a.Set.Match(a.call(r, c)), nil
	}
	f := control.FaultRequest{When: control.FaultTiming{Probability: 1}}
	if err := decodeEffect(text, &f.Effect); err != nil {
		return nil, err
	}
	if err := Check(f, nil); err != nil {
		return nil, err
	}
	return []control.Fault{{FaultID: "header", When: f.When, Effect: f.Effect}}, nil
}

// call returns a call as faults match it. Its body is read only if a fault depends on it.
func (a *Applier) call(r *http.Request, c auth.Caller) Call {
	matched := Call{World: c.World.Name, Now: c.World.Now, Call: match.Call{
		Operation: request.Of(r.Context()).Operation, User: c.User,
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Get,
	}}
	if a.Set.NeedsBody(c.World.Name) {
		data, _ := a.peek(r) // the next reader of the body gets the error, too
		matched.Body = string(data)
	}
	return matched
}

// peek reads the body of a call, at most MaxBody bytes. The next reader gets the same body.
func (a *Applier) peek(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, a.MaxBody))
	r.Body = request.Body{Reader: io.MultiReader(bytes.NewReader(data), r.Body), Closer: r.Body}
	return data, err
}

// decodeEffect decodes the header of a call that defines its own fault.
func decodeEffect(text string, into *control.FaultEffect) error {
	document, err := contract.ControlDocument()
	if err != nil {
		return err
	}
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return rule.Errorf("", "The header X-QCS-Fault is not JSON.")
	}
	if err := document.CheckValue("FaultEffect", value); err != nil {
		return rule.Errorf("", "The header X-QCS-Fault is not a FaultEffect: %s.", err)
	}
	return json.Unmarshal([]byte(text), into)
}

// caller finds the caller before authentication: by the token, or by the user name of a login.
func (a *Applier) caller(r *http.Request) (auth.Caller, bool) {
	if request.Of(r.Context()).Operation != "CreateToken" {
		c, err := a.Authority.Authenticate(r, auth.VendorAPI)
		return c, err == nil
	}
	data, err := a.peek(r)
	if err != nil {
		return auth.Caller{}, false
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return auth.Caller{}, false
	}
	return a.Authority.Named(r.Context(), form.Get("username"))
}

// apply applies a fault to a call.
func (a *Applier) apply(w http.ResponseWriter, r *http.Request, f control.Fault, next http.Handler) {
	e := f.Effect
	switch e.Kind {
	case control.FaultEffectKindStatus:
		status := cmp.Or(e.Status, http.StatusServiceUnavailable)
		a.Fail(w, r, &AnswerError{status, e.Code, cmp.Or(e.Message, http.StatusText(status)+"."), nil})
	case control.FaultEffectKindToken:
		a.Fail(w, r, &AnswerError{http.StatusUnauthorized, e.Code, cmp.Or(e.Message, "Unauthorized user."), nil})
	case control.FaultEffectKindRateLimit:
		a.limit(w, r, e)
	case control.FaultEffectKindReset:
		panic(http.ErrAbortHandler) // the server cuts the connection
	case control.FaultEffectKindStale:
		a.stale(w, r, next)
	case control.FaultEffectKindJobItems:
		c := call.From(r.Context())
		c.Failures = call.Failures{Share: f.When.Probability, Seed: f.When.Seed}
		next.ServeHTTP(w, r.WithContext(call.With(r.Context(), c)))
	default:
		a.corrupt(w, r, f, next)
	}
}

// limit answers like the rate limit, with its documented headers.
func (a *Applier) limit(w http.ResponseWriter, r *http.Request, e control.FaultEffect) {
	wait := cmp.Or(e.WaitSeconds, 1)
	h := w.Header()
	h.Set("X-RateLimit-Limit", "1")
	h.Set("X-RateLimit-Window-Sec", strconv.Itoa(wait))
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-ToWait-Sec", strconv.Itoa(wait))
	limit := &auth.LimitError{Classic: e.Status == http.StatusConflict, Wait: time.Duration(wait) * time.Second}
	if !limit.Classic {
		h.Set("Retry-After", strconv.Itoa(wait))
	}
	a.Fail(w, r, &AnswerError{Code: e.Code, Message: e.Message, Limit: limit})
}

// stale answers a GET with the last answer to the same GET, if that is in the journal.
func (a *Applier) stale(w http.ResponseWriter, r *http.Request, next http.Handler) {
	s := request.Of(r.Context())
	before, found := a.Before(s.World.Name, control.Exchange{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, User: s.User,
	})
	if r.Method != http.MethodGet || !found {
		next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", before.ResponseHeaders["Content-Type"])
	w.Header().Set("Content-Length", strconv.Itoa(len(before.ResponseBody)))
	w.WriteHeader(before.Status)
	_, _ = io.WriteString(w, before.ResponseBody) // fails if the caller has disconnected
}

// corrupt runs the operation and corrupts its answer.
func (a *Applier) corrupt(w http.ResponseWriter, r *http.Request, f control.Fault, next http.Handler) {
	answer := &request.Buffer{Head: w.Header(), Status: http.StatusOK}
	next.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	switch f.Effect.Kind {
	case control.FaultEffectKindMalformed:
		body = append([]byte(`{"`), body...)
	case control.FaultEffectKindContentType:
		w.Header().Set("Content-Type", "text/html")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Status)
	switch f.Effect.Kind {
	case control.FaultEffectKindTruncate:
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // send the first half before the connection is cut
		panic(http.ErrAbortHandler)
	case control.FaultEffectKindSlow:
		trickle(r.Context(), w, body, a.between(f.Effect.Latency))
	default:
		_, _ = w.Write(body)
	}
}

// trickle sends a body in eight parts over some time. It cuts the connection if the caller has
// disconnected.
func trickle(ctx context.Context, w http.ResponseWriter, body []byte, over time.Duration) {
	const parts = 8
	for part := range slices.Chunk(body, max((len(body)+parts-1)/parts, 1)) {
		if _, err := w.Write(part); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // a recorder has no Flush
		if err := pause(ctx, over/parts); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// between returns a random duration from a range.
func (a *Applier) between(r control.DurationRange) time.Duration {
	var seed [32]byte
	_, _ = io.ReadFull(a.Random, seed[:]) // if the source fails, the seed is 0
	span := max(r.Max-r.Min, 0)
	draw := rand.New(rand.NewChaCha8(seed)).Int64N(span + 1) //nolint:forbidigo // seeded by the injected source
	return time.Duration(r.Min+draw) * time.Millisecond
}

// pause waits in real time, as a world's clock may be frozen. If the caller disconnects, it returns
// the error of the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
