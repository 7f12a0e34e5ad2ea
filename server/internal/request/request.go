// Package request has the state of one request, which the middleware shares. It is transport only:
// what the rules know about a call is in package call.
package request

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// State is the state of one request.
type State struct {
	ID      string // X-Request-Id; "" before the request has one
	Remote  string // address and port of the caller
	Version Version

	Operation string         // id of the operation; "" before it is known
	Match     contract.Match // the operation, with the values in the path

	User, Role string
	World      store.WorldState // of the user; zero before the user is known

	Began, Ended time.Time
	Status       int
	Started      bool  // at least a part of the response has been sent
	Cause        error // why the request failed
	Fault        string
	Violation    string     // how the response violates the document
	Basis        rule.Basis // which of our choices the response depends on

	onEnd []func()
}

// Version is the version of the API that the caller uses.
type Version string

// The versions. Paths of v1.1 and v1.2 are those of v1.3. What v1.2 changed is not documented.
const (
	V11 Version = "v1.1"
	V12 Version = "v1.2"
	V13 Version = "v1.3"
)

// Now is the time by the clock of the user's world; zero before the user is known.
func (s *State) Now() time.Time {
	if s.World.Name == "" {
		return time.Time{}
	}
	return s.World.Now.Time()
}

// OnEnd calls f when the request has ended.
func (s *State) OnEnd(f func()) { s.onEnd = append(s.onEnd, f) }

// End calls the functions that were passed to OnEnd.
func (s *State) End() {
	for _, f := range s.onEnd {
		f()
	}
}

type key struct{}

// With returns a context that carries a state.
func With(ctx context.Context, s *State) context.Context { return context.WithValue(ctx, key{}, s) }

// From returns the state that a context carries; nil if there is none.
func From(ctx context.Context) *State {
	s, _ := ctx.Value(key{}).(*State)
	return s
}

// Of returns the state that a context carries; an empty one if there is none.
func Of(ctx context.Context) *State {
	if s := From(ctx); s != nil {
		return s
	}
	return &State{}
}

// Fail sends an error as the response.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// Middleware wraps a handler.
type Middleware func(next http.Handler) http.Handler

// Writer notes in a State what has been sent.
type Writer struct {
	http.ResponseWriter
	*State
}

// WriteHeader implements http.ResponseWriter.
func (w Writer) WriteHeader(status int) {
	w.Status, w.Started = status, true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w Writer) Write(data []byte) (int, error) {
	w.Started = true
	return w.ResponseWriter.Write(data)
}

// WriteString implements io.StringWriter.
func (w Writer) WriteString(text string) (int, error) {
	w.Started = true
	return io.WriteString(w.ResponseWriter, text)
}

// Unwrap lets http.ResponseController reach the connection.
func (w Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Body is a body whose reader is not the one that is closed.
type Body struct {
	io.Reader
	io.Closer
}

// Buffer buffers a response until it is checked or changed.
type Buffer struct {
	Head   http.Header
	Status int
	Body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (b *Buffer) Header() http.Header { return b.Head }

// WriteHeader implements http.ResponseWriter.
func (b *Buffer) WriteHeader(status int) { b.Status = status }

// Write implements http.ResponseWriter.
func (b *Buffer) Write(data []byte) (int, error) { return b.Body.Write(data) }

// Send sends the response. Its header is that of w.
func (b *Buffer) Send(w http.ResponseWriter) {
	w.WriteHeader(b.Status)
	_, _ = w.Write(b.Body.Bytes()) // the caller may have disconnected
}
