// Package servertest runs the emulator inside a Go test. New(t) starts an emulator without a port,
// with its data in memory and a clock that the test moves. Every answer is checked against the
// document. The emulator ends with the test.
package servertest

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/request"
)

// Start is the time at which the clock of each emulator begins.
var Start = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// The user of the emulator's world, who may do everything.
const (
	User     = "tester"
	Password = "not+a real%secret"
)

// Server is an emulator of a test.
type Server struct {
	URL     string // base URL; nothing listens there unless WithPort is given: use Client, or HTTP
	t       testing.TB
	server  *server.Server
	world   string
	handler http.Handler
	clock   clock
}

// settings is what the options change.
type settings struct {
	server  server.Options
	port    bool
	stopped bool
}

// Option changes an emulator before it starts.
type Option func(*settings)

// WithSeed loads a named seed, such as "release-notes".
func WithSeed(name string) Option { return func(s *settings) { s.server.Seed = name } }

// WithOptions changes any option of the emulator.
func WithOptions(change func(*server.Options)) Option {
	return func(s *settings) { change(&s.server) }
}

// WithPort makes the emulator listen on a free port of 127.0.0.1, for other programs.
func WithPort() Option { return func(s *settings) { s.port = true } }

// WithoutRunner leaves the background work to the test, which calls Settle or Step.
func WithoutRunner() Option { return func(s *settings) { s.stopped = true } }

// New starts an emulator that ends with the test.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{URL: "http://qcs.test", t: t}
	set := settings{server: server.Options{
		Users:       []server.User{{Name: User, Password: Password}},
		Now:         s.clock.now,
		TokenNow:    func() time.Time { return Start }, // no token expires, see server.TokensReal
		Random:      &source{r: rand.NewChaCha8([32]byte{1})},
		OnViolation: func(err error) { t.Errorf("an answer does not fit the document: %v", err) },
	}}
	for _, o := range options {
		o(&set)
	}
	var err error
	if s.server, err = server.New(set.server); err != nil {
		t.Fatalf("start the emulator: %v", err)
	}
	s.handler, s.world = s.server, s.server.DefaultWorld()
	t.Cleanup(s.logCalls)
	t.Cleanup(func() {
		if err := s.server.Close(); err != nil {
			t.Errorf("close the emulator: %v", err)
		}
	})
	if !set.stopped {
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { s.server.Run(ctx) })
		t.Cleanup(func() {
			cancel()
			group.Wait()
		})
	}
	if set.port {
		listener := httptest.NewServer(s.handler)
		t.Cleanup(listener.Close)
		s.URL = listener.URL
	}
	return s
}

// Client gives a client that is logged in, with further options if any.
func (s *Server) Client(options ...client.Option) *client.Client {
	s.t.Helper()
	c, err := client.New(append([]client.Option{
		client.WithBaseURL(s.URL),
		client.WithHTTPClient(s.HTTP()),
		client.WithCredentials(User, Password),
		client.WithClock(s.clock.now),
		client.WithPollInterval(time.Millisecond),
	}, options...)...)
	if err != nil {
		s.t.Fatalf("client: %v", err)
	}
	return c
}

// HTTP gives an HTTP client whose calls go to the emulator without a network.
func (s *Server) HTTP() *http.Client { return Over(s.handler) }

// Token gives a token of User.
func (s *Server) Token() string {
	s.t.Helper()
	token, err := s.server.Token(User)
	if err != nil {
		s.t.Fatalf("token: %v", err)
	}
	return token
}

// Now is the time of the emulator.
func (s *Server) Now() time.Time { return s.clock.now() }

// Advance moves the clock of the emulator and returns when all that fell due has happened.
func (s *Server) Advance(d time.Duration) {
	s.t.Helper()
	s.Settle() // what was accepted before happens before
	s.clock.sinceStart.Add(int64(d))
	s.Settle()
}

// Settle does the background work that is due now and returns when none is left.
func (s *Server) Settle() {
	s.t.Helper()
	for s.Step() {
	}
}

// Step does one step of background work and reports whether there was any.
func (s *Server) Step() bool {
	s.t.Helper()
	worked, err := s.server.Step(context.Background())
	if err != nil {
		s.t.Fatalf("background work: %v", err)
	}
	return worked
}

// clock is a time that stands still until it is moved.
type clock struct{ sinceStart atomic.Int64 }

func (c *clock) now() time.Time { return Start.Add(time.Duration(c.sinceStart.Load())) }

// source is a random source with a fixed seed, for many goroutines: ids and keys are the same in
// each run as long as calls come in the same order.
type source struct {
	mu sync.Mutex
	r  io.Reader
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(p)
}

// transport calls a handler in place of a network.
type transport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	served := r.Clone(r.Context())
	served.RequestURI = r.URL.RequestURI()
	served.Host = r.URL.Host
	served.RemoteAddr = "192.0.2.1:1234"
	if served.Body == nil {
		served.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	cut := t.serve(recorder, served)
	if cut && !recorder.Flushed {
		return nil, errReset
	}
	answer := recorder.Result()
	answer.Request = r
	if cut {
		body := io.MultiReader(answer.Body, iotest.ErrReader(io.ErrUnexpectedEOF))
		answer.Body = request.Body{Reader: body, Closer: answer.Body}
	}
	return answer, nil
}

// Over returns an HTTP client whose calls go to a handler without a network.
func Over(h http.Handler) *http.Client { return &http.Client{Transport: transport{h}} }
