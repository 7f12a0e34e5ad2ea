package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// chain assembles the transports. A call goes through them in this order: limit of concurrent
// calls, retries (which wait for the rate limit and the token), hooks, log, token, user agent, the
// transport of the caller.
func (c *config) chain(server string) *http.Client {
	h := *c.http
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base := h.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	agent := withHeaders(func(r *http.Request) { r.Header.Set("User-Agent", c.agent) }, base)
	if c.login.isSet() {
		login := h
		login.Transport = c.retried(agent, nil)
		c.tokens = &passwordSource{
			login: loginCall(server, &login, c.login),
			now:   c.now,
			lock:  make(slots, 1),
		}
	}
	var authenticated http.RoundTripper = &authTransport{tokens: c.tokens, next: agent}
	if c.basic.isSet() {
		login := c.basic
		authenticated = withHeaders(func(r *http.Request) { r.SetBasicAuth(login.user, login.password) }, agent)
	}
	h.Transport = c.retried(authenticated, c.tokens)
	if c.maxConcurrent > 0 {
		h.Transport = withConcurrency(c.maxConcurrent, h.Transport)
	}
	return &h
}

// ready gives a function that waits for the rate limit and for a token, before the timeout of an
// attempt starts.
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

// retried puts the retries, and the hooks and the log of each attempt, in front of a transport.
func (c *config) retried(next http.RoundTripper, tokens TokenSource) http.RoundTripper {
	if c.log != nil {
		next = withLog(c.log, c.now, next)
	}
	for i := len(c.hooks) - 1; i >= 0; i-- {
		next = withHooks(c.hooks[i], next)
	}
	retry := &retryTransport{policy: c.retry, timeout: c.timeout, now: c.now, ready: c.ready(tokens), next: next}
	if c.log != nil {
		retry.retry = func(r *http.Request, attempt int, cause error, wait time.Duration) {
			c.log.WarnContext(
				r.Context(), "call is made again", "method", r.Method, "path", r.URL.Path, "attempt", attempt,
				"cause", cause, "wait", wait,
			)
		}
	}
	return retry
}

// transport is a transport that is one function.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// withHeaders sets headers that are the same for each request.
func withHeaders(set func(*http.Request), next http.RoundTripper) transport {
	return func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		set(r)
		return next.RoundTrip(r)
	}
}

// slots bounds how many calls run at the same time; acquire waits no longer than its context.
type slots chan struct{}

func (s slots) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slots) release() { <-s }

// withConcurrency limits the number of concurrent calls. A call counts until its last attempt has
// ended and its response was read.
func withConcurrency(limit int, next http.RoundTripper) transport {
	calls := make(slots, limit)
	return func(r *http.Request) (*http.Response, error) {
		if err := calls.acquire(r.Context()); err != nil {
			return nil, err
		}
		defer calls.release()
		return next.RoundTrip(r)
	}
}

// withLog writes a line for each attempt.
func withLog(log *slog.Logger, now func() time.Time, next http.RoundTripper) transport {
	return func(r *http.Request) (*http.Response, error) {
		start := now()
		response, err := next.RoundTrip(r)
		attributes := []any{
			"method", r.Method, "path", r.URL.Path, "attempt", AttemptOf(r.Context()), "took", now().Sub(start),
		}
		if err != nil {
			attributes = append(attributes, "error", err)
		} else {
			id := response.Header.Get("X-Request-Id")
			attributes = append(attributes, "status", response.StatusCode, "request", id)
		}
		log.DebugContext(r.Context(), "call", attributes...)
		return response, err
	}
}

// Hooks are functions that the SDK calls before and after each attempt. The request has no
// credentials yet; AttemptOf gives the number of the attempt from its context.
type Hooks struct {
	// Before may change the context and the headers of the request. It may be nil.
	Before func(*http.Request) *http.Request
	// After gets the request from Before, and its response or error. It must not read the body of
	// the response. It may be nil.
	After func(*http.Request, *http.Response, error)
}

// AttemptOf gives the number of the attempt from the context of a request, counted from 1; 0 for
// any other context.
func AttemptOf(ctx context.Context) int {
	n, _ := ctx.Value(attemptKey{}).(int)
	return n
}

// withHooks calls the hooks around each attempt.
func withHooks(h Hooks, next http.RoundTripper) transport {
	return func(r *http.Request) (*http.Response, error) {
		if h.Before != nil {
			r = h.Before(r.Clone(r.Context()))
		}
		response, err := next.RoundTrip(r)
		if h.After != nil {
			h.After(r, response, err)
		}
		return response, err
	}
}

// Route gives the path of a request with {id} in place of ids. It has few values, as names of
// metrics and spans need.
func Route(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s != "" && !slices.Contains(literals, s) {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// literals lists the path segments that are not ids. The SDK sends none of them as an id.
var literals = []string{
	"auth", "csapi", "v1.3", "registry", "repository", "schedule", "bulk", "cancel", "validate",
	"aws-base", "aws", "acr", "gcp", "connector", "connectors", "images", "vuln", "associatedRegistries",
	"reports", "download", "runtime", "policies", "_qcs", "jobs",
}
