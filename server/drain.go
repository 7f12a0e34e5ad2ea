package server

import (
	"io"
	"net/http"
	"time"
)

// How much of an unread body drainBodies reads, and for how long.
const (
	drainBytes = 4 << 20
	drainTime  = 2 * time.Second
)

// drainBodies reads what the handler has left of a request body, within bounds. When a connection
// is closed while a part of the body is unread, the kernel sends a TCP reset, and the caller loses
// the response. net/http itself reads at most 256 KiB, and nothing if the connection is closed
// after the response, as it is after each request of HTTP/1.0, which nginx uses.
//
// The body of a caller that waits for 100 Continue is on its way only if the handler has begun to
// read. HTTP/2 has no such resets, and callers without a network have no connection.
func drainBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor != 1 {
			next.ServeHTTP(w, r)
			return
		}
		body, read := &watchedBody{ReadCloser: r.Body}, *r
		read.Body = body // not in r: net/http needs to know the body of r
		next.ServeHTTP(w, &read)
		waits := r.ProtoAtLeast(1, 1) && r.Header.Get("Expect") != "" && !body.begun
		if !body.ended && !waits {
			drain(w, r.Body)
		}
	})
}

// drain reads a body to its end or to the bounds. Beyond the bounds, net/http closes the
// connection, after a short wait if the body is too long.
func drain(w http.ResponseWriter, body io.ReadCloser) {
	connection := http.NewResponseController(w)
	if connection.SetReadDeadline(time.Now().Add(drainTime)) != nil { //nolint:forbidigo // a deadline of the network
		return // there is no connection
	}
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, body, drainBytes)); err == nil {
		_ = connection.SetReadDeadline(time.Time{}) // the connection may stay open for the next request
	}
}

// watchedBody is a body that knows whether a handler has begun to read it, and whether a read has
// reached its end or has failed.
type watchedBody struct {
	io.ReadCloser
	begun, ended bool
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.begun, b.ended = true, b.ended || err != nil
	return n, err
}
