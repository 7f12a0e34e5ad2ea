package servertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

var (
	// errReset is what a call finds whose connection the emulator has cut.
	errReset = errors.New("connection reset by the emulator")

	// errStopped is what a call finds that is made or under way when the test ends.
	errStopped = errors.New("the emulator has ended with its test")
)

// Over returns an HTTP client whose calls go to a handler without a network.
func Over(h http.Handler) *http.Client { return &http.Client{Transport: &transport{handler: h}} }

// transport calls a handler in place of a network. As over a network, a call ends when its context
// ends, even if the handler still runs, and the context of the handler ends as well.
type transport struct {
	handler http.Handler
	stopped chan struct{} // closed by stop; nil if there is no end
	running sync.WaitGroup
}

// stop ends all calls, and returns when their handlers have returned.
func (t *transport) stop() {
	close(t.stopped)
	t.running.Wait()
}

// err returns why there can be no call or, during a call, no response.
func (t *transport) err(ctx context.Context) error {
	select {
	case <-t.stopped:
		return errStopped
	default:
		return context.Cause(ctx)
	}
}

// RoundTrip implements http.RoundTripper. It returns when the handler has sent the head of its
// response with Flush, or has returned.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	served := r.Clone(ctx)
	served.RequestURI = r.URL.RequestURI()
	served.Host = r.URL.Host
	served.RemoteAddr = "192.0.2.1:1234"
	if served.Body == nil {
		served.Body = http.NoBody
	}
	if err := t.err(ctx); err != nil {
		cancel()
		_ = served.Body.Close()
		return nil, err
	}
	w := &writer{
		ResponseRecorder: httptest.NewRecorder(),
		head:             make(chan *http.Response, 1),
		body:             &body{ctx: r.Context(), close: cancel, more: make(chan struct{}, 1)},
	}
	t.running.Go(func() {
		defer cancel()
		serve(t.handler, w, served)
	})
	var answer *http.Response
	select {
	case answer = <-w.head:
	case <-r.Context().Done():
	case <-t.stopped:
	}
	switch err := t.err(r.Context()); {
	case err != nil:
		cancel()
		_ = served.Body.Close() // the handler may wait for the rest of it
		return nil, err
	case answer == nil:
		return nil, errReset
	}
	answer.Request = r
	return answer, nil
}

// serve calls a handler as a server does: a handler that panics with http.ErrAbortHandler cuts the
// connection.
func serve(h http.Handler, w *writer, r *http.Request) {
	defer func() { _ = r.Body.Close() }()
	defer func() {
		switch cause := recover(); cause {
		case nil:
			w.Flush()
			w.end(io.EOF)
		case http.ErrAbortHandler:
			w.end(io.ErrUnexpectedEOF)
		default:
			panic(cause)
		}
	}()
	h.ServeHTTP(w, r)
}

// writer is the http.ResponseWriter of a call. The recorder has what was not sent yet.
type writer struct {
	*httptest.ResponseRecorder
	head chan *http.Response // gets the response when it begins; nil if it never does
	body *body
	sent bool // the head was sent
}

// Flush implements http.Flusher.
func (w *writer) Flush() {
	w.ResponseRecorder.Flush()
	if !w.sent {
		w.sent = true
		answer := w.Result()
		answer.Body = w.body
		w.head <- answer
	}
	w.body.add(w.Body.Bytes(), nil)
	w.Body.Reset()
}

// end ends the response.
func (w *writer) end(err error) {
	w.body.add(nil, err)
	close(w.head)
}

// body is the body of a response. Its reader waits for the handler until the context ends.
type body struct {
	ctx   context.Context // of the caller
	close func()          // ends the context of the handler
	more  chan struct{}   // gets a value after each add

	mu     sync.Mutex
	unread []byte
	end    error // what follows; nil while the handler runs
}

// add appends what the handler has sent, or the end.
func (b *body) add(data []byte, end error) {
	b.mu.Lock()
	if b.end == nil {
		b.unread, b.end = append(b.unread, data...), end
	}
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	for {
		if err := context.Cause(b.ctx); err != nil {
			return 0, err
		}
		if n, err := b.take(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-b.more:
		case <-b.ctx.Done():
		}
	}
}

// take reads what has been sent and not been read.
func (b *body) take(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := copy(p, b.unread)
	if b.unread = b.unread[n:]; n > 0 {
		return n, nil
	}
	return 0, b.end
}

// Close implements io.Closer. As over a network, it ends the call if the handler still runs.
func (b *body) Close() error {
	b.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unread, b.end = nil, http.ErrBodyReadAfterClose
	return nil
}
