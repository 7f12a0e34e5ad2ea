package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/maypok86/otter/v2"

	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/vendorapi"
)

// cacheKey has everything that a cached response depends on. A new parameter of an operation is
// part of the query.
type cacheKey struct {
	world, revision int64 // the number of the world, which is never reused, and its revision
	version         request.Version
	path, query     string // the escaped path and the whole raw query, after the middleware Dialect
	role            string
}

// cached is a response, with the headers that the inner handlers have written.
type cached struct {
	status int
	header http.Header
	body   string
}

// read calls a handler and buffers its response.
func read(next http.Handler, r *http.Request) *cached {
	response := &request.Buffer{Head: http.Header{}, Status: http.StatusOK}
	next.ServeHTTP(response, r)
	if response.Status != http.StatusNoContent {
		response.Head.Set("Content-Length", strconv.Itoa(response.Body.Len()))
	}
	return &cached{response.Status, response.Head, response.Body.String()}
}

func (c *cached) send(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range c.header {
		header[name] = values
	}
	w.WriteHeader(c.status)
	_, _ = io.WriteString(w, c.body) // the caller may have disconnected
}

// responseCache caches the responses to GETs of the vendor's API that depend on the data of the
// world only. A response is found only while the world has the revision of that data.
type responseCache struct {
	responses *otter.Cache[cacheKey, *cached]
}

// newResponseCache returns a cache of a number of bytes; it caches nothing if that is not positive.
func newResponseCache(bytes int64) *responseCache {
	if bytes <= 0 {
		return &responseCache{}
	}
	return &responseCache{otter.Must(&otter.Options[cacheKey, *cached]{
		MaximumWeight: uint64(bytes), //nolint:gosec // not negative
		Weigher: func(k cacheKey, c *cached) uint32 {
			// for key, header and the cache's own entry
			const overhead = 1000
			return uint32(overhead + len(k.path) + len(k.query) + len(c.body)) //nolint:gosec // bodies are short
		},
	})}
}

// Middleware sends the response from the cache, or calls next and caches its response. At most one
// call with a key runs at a time; the others wait for its response.
func (c *responseCache) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := request.Of(r.Context())
		switch {
		case r.Method != http.MethodGet:
			next.ServeHTTP(w, r)
			return
		case c.responses == nil || !s.World.Stable || r.ContentLength != 0 || r.Header.Get(vendorapi.Explain) != "":
			read(next, r).send(w)
			return
		}
		k := cacheKey{s.World.Number, s.World.Revision, s.Version, r.URL.EscapedPath(), r.URL.RawQuery, s.Role}
		var own *cached
		load := func(context.Context, cacheKey) (*cached, error) {
			if own = read(next, r); !isCacheable(own.status, s) {
				return nil, errNotCacheable
			}
			return own, nil
		}
		found, err := c.responses.Get(r.Context(), k, otter.LoaderFunc[cacheKey, *cached](load))
		switch {
		case own != nil:
			own.send(w)
		case err == nil:
			found.send(w)
		default: // the response to the other call is not cacheable
			read(next, r).send(w)
		}
	})
}

var errNotCacheable = errors.New("the response is not cacheable")

// isCacheable reports whether a response depends on the data of the world only.
func isCacheable(status int, s *request.State) bool {
	good := status == http.StatusOK || status == http.StatusNoContent
	return good && !s.Basis.Timed && s.Basis.Revision != 0
}
