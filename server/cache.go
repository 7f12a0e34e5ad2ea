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

// cacheKey is all that a cached answer depends on. A new parameter of an operation is part of the
// query.
type cacheKey struct {
	world, revision int64 // the number of the world, which is never used again, and its revision
	version         request.Version
	path, query     string // the escaped path and the whole raw query, after the dialect
	role            string
}

// cached is an answer, with the headers that were written below the cache.
type cached struct {
	status int
	header http.Header
	body   string
}

// read calls a handler and keeps its answer.
func read(next http.Handler, r *http.Request) *cached {
	answer := &request.Buffer{Head: http.Header{}, Status: http.StatusOK}
	next.ServeHTTP(answer, r)
	if answer.Status != http.StatusNoContent {
		answer.Head.Set("Content-Length", strconv.Itoa(answer.Body.Len()))
	}
	return &cached{answer.Status, answer.Head, answer.Body.String()}
}

func (c *cached) send(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range c.header {
		header[name] = values
	}
	w.WriteHeader(c.status)
	_, _ = io.WriteString(w, c.body) // the caller may be gone
}

// responseCache caches the answers to GETs of the vendor's API that depend on the data of the world
// only. An answer is found only while the world has the revision that was read for it.
type responseCache struct {
	answers *otter.Cache[cacheKey, *cached]
}

// newResponseCache returns a cache of so many bytes; a cache of none keeps nothing.
func newResponseCache(bytes int64) *responseCache {
	if bytes <= 0 {
		return &responseCache{}
	}
	return &responseCache{otter.Must(&otter.Options[cacheKey, *cached]{
		MaximumWeight: uint64(bytes), //nolint:gosec // not negative
		Weigher: func(k cacheKey, c *cached) uint32 {
			// of key, header and the cache's own entry
			const overhead = 1000
			return uint32(overhead + len(k.path) + len(k.query) + len(c.body)) //nolint:gosec // bodies are short
		},
	})}
}

// Middleware answers from the cache, or calls next and caches the answer. At most one call with a
// key runs at a time; the others wait for its answer.
func (c *responseCache) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := request.Of(r.Context())
		switch {
		case r.Method != http.MethodGet:
			next.ServeHTTP(w, r)
			return
		case c.answers == nil || !s.World.Stable || r.ContentLength != 0 || r.Header.Get(vendorapi.Explain) != "":
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
		found, err := c.answers.Get(r.Context(), k, otter.LoaderFunc[cacheKey, *cached](load))
		switch {
		case own != nil:
			own.send(w)
		case err == nil:
			found.send(w)
		default: // the answer to another call is not for this one
			read(next, r).send(w)
		}
	})
}

var errNotCacheable = errors.New("the answer is not cacheable")

// isCacheable reports whether an answer depends on the data of the world only.
func isCacheable(status int, s *request.State) bool {
	good := status == http.StatusOK || status == http.StatusNoContent
	return good && !s.Basis.Timed && s.Basis.Revision != 0
}
