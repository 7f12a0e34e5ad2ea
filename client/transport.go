package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// chain assembles the transports. A call goes through them in this order: a place among those that
// may run at the same time, retries, which wait for the rate limit, hooks and log, token, user
// agent, the caller's own transport.
func (c *config) chain(server string) *http.Client {
	h := *c.http
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base := h.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	agent := &agentTransport{agent: c.agent, next: base}
	if c.login.given() {
		login := h
		login.Transport = c.around(agent, nil)
		c.tokens = newPasswordSource(loginCall(server, &login, c.login), c.now)
	}
	var authenticated http.RoundTripper = &authTransport{tokens: c.tokens, next: agent}
	if c.basic.given() {
		authenticated = &basicTransport{c.basic, agent}
	}
	h.Transport = c.around(authenticated, c.tokens)
	if c.maxConcurrent > 0 {
		h.Transport = &placesTransport{make(chan struct{}, c.maxConcurrent), h.Transport}
	}
	return &h
}

// ready waits for what an attempt needs, in the time of the caller and not in that of the attempt:
// its turn by the rate limit, and a token.
func (c *config) ready(tokens TokenSource) func(context.Context) error {
	return func(ctx context.Context) error {
		if c.limit != nil {
			if err := c.limit.Wait(ctx); err != nil {
				return fmt.Errorf("rate limit of the client: %w", err)
			}
		}
		if tokens == nil {
			return nil
		}
		_, err := tokens.Token(ctx)
		return err
	}
}

// around puts what concerns each attempt, and what makes several of them, around a transport.
func (c *config) around(next http.RoundTripper, tokens TokenSource) http.RoundTripper {
	if c.log != nil {
		next = &logTransport{c.log, c.now, next}
	}
	for i := len(c.hooks) - 1; i >= 0; i-- {
		next = &hookTransport{c.hooks[i], next}
	}
	again := &retryTransport{policy: c.retry, timeout: c.timeout, now: c.now, ready: c.ready(tokens), next: next}
	if c.log != nil {
		again.retry = func(r *http.Request, attempt int, cause error, wait time.Duration) {
			c.log.WarnContext(
				r.Context(), "call is made again", "method", r.Method, "path", r.URL.Path, "attempt", attempt,
				"cause", cause, "wait", wait,
			)
		}
	}
	return again
}

// agentTransport names the SDK to the service.
type agentTransport struct {
	agent string
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *agentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", t.agent)
	return t.next.RoundTrip(r)
}

// basicTransport sends a user name and a password.
type basicTransport struct {
	userinfo
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *basicTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(t.user, t.password)
	return t.next.RoundTrip(r)
}

// placesTransport lets so many calls run at the same time as there are places. A call, which holds
// its place through its retries, is over when its answer was taken in.
type placesTransport struct {
	places chan struct{}
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *placesTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case t.places <- struct{}{}:
		defer func() { <-t.places }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return t.next.RoundTrip(r)
}

// logTransport writes a line for each attempt.
type logTransport struct {
	log  *slog.Logger
	now  func() time.Time
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *logTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := t.now()
	response, err := t.next.RoundTrip(r)
	attributes := []any{
		"method",
		r.Method,
		"path",
		r.URL.Path,
		"attempt",
		AttemptOf(r.Context()),
		"took",
		t.now().Sub(start),
	}
	if err != nil {
		attributes = append(attributes, "error", err)
	} else {
		attributes = append(attributes, "status", response.StatusCode, "request", response.Header.Get("X-Request-Id"))
	}
	t.log.DebugContext(r.Context(), "call", attributes...)
	return response, err
}

// Hooks are called around each attempt of a call. The request has no credentials yet; its context
// gives the number of the attempt (AttemptOf).
type Hooks struct {
	// Before may change the request: its context and its headers. It may be nil.
	Before func(*http.Request) *http.Request
	// After is told what came of a request that Before gave: an answer, whose body it must not
	// read, or an error. It may be nil.
	After func(*http.Request, *http.Response, error)
}

// AttemptOf is the number of the attempt that a request belongs to, counted from 1; 0 for a context
// of another kind.
func AttemptOf(ctx context.Context) int {
	n, _ := ctx.Value(attemptKey{}).(int)
	return n
}

type hookTransport struct {
	hooks Hooks
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *hookTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.hooks.Before != nil {
		r = t.hooks.Before(r.Clone(r.Context()))
	}
	response, err := t.next.RoundTrip(r)
	if t.hooks.After != nil {
		t.hooks.After(r, response, err)
	}
	return response, err
}

// Route is the path of a request with its ids replaced by {id}: few values, for names of metrics
// and spans.
func Route(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s != "" && !literals[s] {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// literals are the segments of paths that are no ids. The SDK sends none of them as an id.
var literals = map[string]bool{
	"auth":                 true,
	"csapi":                true,
	"v1.3":                 true,
	"registry":             true,
	"repository":           true,
	"schedule":             true,
	"bulk":                 true,
	"cancel":               true,
	"validate":             true,
	"aws-base":             true,
	"aws":                  true,
	"acr":                  true,
	"gcp":                  true,
	"connector":            true,
	"connectors":           true,
	"images":               true,
	"vuln":                 true,
	"associatedRegistries": true,
	"reports":              true,
	"download":             true,
	"runtime":              true,
	"policies":             true,
	"_qcs":                 true,
	"jobs":                 true,
}
