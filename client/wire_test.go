package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/qcsdev/qcs/client"
)

// pipes is a network inside the process, so that a test can run in a synctest bubble, whose clock only moves while all goroutines wait.
type pipes struct {
	ends   chan net.Conn
	closed chan struct{}
	once   sync.Once
	refuse int // dials that fail before one succeeds
}

func newPipes() *pipes { return &pipes{ends: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ends:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if p.refuse > 0 {
		p.refuse--
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	mine, theirs := net.Pipe()
	select {
	case p.ends <- theirs:
		return mine, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// script is a service that answers each call with its next step, and repeats the last one.
type script struct {
	mu    sync.Mutex
	steps []step
	calls []string
}

// step answers one call.
type step func(http.ResponseWriter, *http.Request)

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	next := s.steps[min(len(s.calls), len(s.steps)-1)]
	s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI())
	s.mu.Unlock()
	next(w, r)
}

// made lists the calls that were made.
func (s *script) made() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// start runs a script over pipes; stop must be called before the bubble ends.
func (s *script) start(t *testing.T, p *pipes, options ...client.Option) (c *client.Client, stop func()) {
	t.Helper()
	service := &http.Server{Handler: s}
	var group sync.WaitGroup
	group.Go(func() { _ = service.Serve(p) })
	transport := &http.Transport{DialContext: p.dial}
	c, err := client.New(append([]client.Option{client.WithBaseURL("http://service.test"), client.WithHTTPClient(&http.Client{Transport: transport}), client.WithToken("t")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c, func() {
		transport.CloseIdleConnections()
		_ = service.Close()
		_ = p.Close()
		group.Wait()
	}
}

// answers is a step with a status, pairs of header names and values, and an error body of the vendor.
func answers(status int, headers ...string) step {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status >= http.StatusBadRequest {
			fmt.Fprintf(w, `{"errorCode":"%d X","message":"no","timestamp":1}`, status)
			return
		}
		_, _ = io.WriteString(w, `{"registryUuid":"r","CancelJobId":"j","data":[],"count":0}`)
	}
}

// cuts closes the connection, before or after it has read the request.
func cuts(reads bool) step {
	return func(w http.ResponseWriter, r *http.Request) {
		if reads {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	}
}

// half sends a part of a body and closes the connection.
func half(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"data\":[")
	_ = rw.Flush()
	c.Close()
}

// page answers HTML.
func page(status int) step {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>Please log in</html>")
	}
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
