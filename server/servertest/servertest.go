// Package servertest runs the emulator inside a Go test. New(t) starts an emulator without a port,
// with its data in memory and a clock that the test moves. Every answer is checked against the
// document. The emulator ends with the test.
//
// # Bubbles of testing/synctest
//
// An emulator that is started in a bubble works there: its calls need no network, a wait of the
// program or of a fault takes no time, and synctest.Wait returns when the emulator has nothing to
// do. The bubble and the emulator have different clocks: only Advance moves that of the emulator,
// unless WithClock(time.Now) gives it the clock of the bubble.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := servertest.New(t, servertest.WithClock(time.Now))
//		scan(srv.Client())      // the program under test creates a schedule
//		time.Sleep(time.Minute) // in the bubble: at once
//		synctest.Wait()         // the emulator has done the scan
//	})
//
// The emulator looks four times a second of the bubble for work that has become due. To sleep for
// days, use WithoutRunner, and call Settle after the sleep.
package servertest

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/server"
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
	URL         string // base URL; nothing listens there unless WithPort is given: use Client, or HTTP
	t           testing.TB
	server      *server.Server
	world       string
	clock       clock
	client      *http.Client
	certificate *x509.Certificate // nil without TLS
}

// settings is what the options change.
type settings struct {
	server      server.Options
	listen      func(*httptest.Server) // starts a server on a port; nil without a port
	stopped     bool
	spareFaults bool
	err         error
}

// Option changes an emulator before it starts.
type Option func(*settings)

// WithSeed loads a named seed, such as "release-notes".
func WithSeed(name string) Option { return func(s *settings) { s.server.Seed = name } }

// WithScenario loads the scenario of a YAML or JSON file into the world.
func WithScenario(file string) Option {
	return func(s *settings) {
		text, err := os.ReadFile(file)
		if err == nil {
			s.server.Scenario, err = server.ReadScenario(text)
		}
		if err != nil {
			s.err = fmt.Errorf("scenario %s: %w", file, err)
		}
	}
}

// WithClock replaces the clock that stands still at Start. Advance moves the emulator's time ahead
// of this clock. With time.Now in a bubble of testing/synctest, time.Sleep moves it, too.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.server.Now = now } }

// WithOptions changes any option of the emulator.
func WithOptions(change func(*server.Options)) Option {
	return func(s *settings) { change(&s.server) }
}

// WithPort makes the emulator listen on a free port of 127.0.0.1, for other programs. Client and
// HTTP still call it without a network.
func WithPort() Option { return func(s *settings) { s.listen = (*httptest.Server).Start } }

// WithTLS is WithPort with HTTPS. Client and HTTP use the port, and trust its certificate;
// Certificate returns it for other programs.
func WithTLS() Option { return func(s *settings) { s.listen = (*httptest.Server).StartTLS } }

// WithoutRunner leaves the background work to the test, which calls Settle or Step.
func WithoutRunner() Option { return func(s *settings) { s.stopped = true } }

// WithSpareFaults allows faults that were never applied. Without it, the test fails at its end if
// the world still has such a fault, as it may name the wrong operation. It does not matter whether
// the test or the program under test has added the fault; a fault that was removed does not count.
func WithSpareFaults() Option { return func(s *settings) { s.spareFaults = true } }

// New starts an emulator that ends with the test.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{URL: "http://qcs.test", t: t}
	set := settings{server: server.Options{
		Users:       []server.User{{Name: User, Password: Password}},
		Now:         func() time.Time { return Start },
		TokenNow:    func() time.Time { return Start }, // no token expires, see server.TokensReal
		Random:      &source{r: rand.NewChaCha8([32]byte{1})},
		OnViolation: func(err error) { t.Errorf("an answer does not fit the document: %v", err) },
	}}
	for _, o := range options {
		o(&set)
	}
	s.clock.base, set.server.Now = set.server.Now, s.clock.now
	err := set.err
	if err == nil {
		s.server, err = server.New(set.server)
	}
	if err != nil {
		t.Fatalf("start the emulator: %v", err)
	}
	s.world = s.server.DefaultWorld()
	t.Cleanup(s.logCalls)
	if !set.spareFaults {
		t.Cleanup(s.checkFaults)
	}
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
	direct := &transport{handler: s.server, stopped: make(chan struct{})}
	t.Cleanup(direct.stop)
	s.client = &http.Client{Transport: direct}
	if set.listen != nil {
		s.serve(set.listen)
	}
	return s
}

// serve starts to listen on a port.
func (s *Server) serve(start func(*httptest.Server)) {
	listener := httptest.NewUnstartedServer(s.server)
	start(listener)
	s.t.Cleanup(func() {
		listener.CloseClientConnections() // ends the calls that are under way
		listener.Close()
	})
	s.URL = listener.URL
	if s.certificate = listener.Certificate(); s.certificate != nil {
		s.client = listener.Client()
	}
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

// HTTP gives an HTTP client whose calls go to the emulator, without a network unless WithTLS is
// given. Calls fail with the error of their context, as over a network.
func (s *Server) HTTP() *http.Client {
	c := *s.client
	return &c
}

// Certificate gives the certificate of the port, which it signs itself; nil without WithTLS.
func (s *Server) Certificate() *x509.Certificate { return s.certificate }

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
	s.clock.ahead.Add(int64(d))
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

// clock is a clock that Advance moves ahead of another one.
type clock struct {
	base  func() time.Time
	ahead atomic.Int64
}

func (c *clock) now() time.Time { return c.base().Add(time.Duration(c.ahead.Load())) }

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
