package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
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
	agent := &headerTransport{func(r *http.Request) { r.Header.Set("User-Agent", c.agent) }, base}
	if c.login.isSet() {
		login := h
		login.Transport = c.retried(agent, nil)
		c.tokens = &passwordSource{
			login: loginCall(server, &login, c.login),
			now:   c.now,
			lock:  semaphore.NewWeighted(1),
		}
	}
	var authenticated http.RoundTripper = &authTransport{tokens: c.tokens, next: agent}
	if c.basic.isSet() {
		login := c.basic
		authenticated = &headerTransport{func(r *http.Request) { r.SetBasicAuth(login.user, login.password) }, agent}
	}
	h.Transport = c.retried(authenticated, c.tokens)
	if c.maxConcurrent > 0 {
		h.Transport = &concurrencyTransport{semaphore.NewWeighted(int64(c.maxConcurrent)), h.Transport}
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
		next = &logTransport{c.log, c.now, next}
	}
	for i := len(c.hooks) - 1; i >= 0; i-- {
		next = &hookTransport{c.hooks[i], next}
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

// headerTransport sets headers that are the same for each request.
type headerTransport struct {
	set  func(*http.Request)
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *headerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	t.set(r)
	return t.next.RoundTrip(r)
}

// concurrencyTransport limits the number of concurrent calls. A call counts until its last attempt
// has ended and its response was read.
type concurrencyTransport struct {
	calls *semaphore.Weighted
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *concurrencyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.calls.Acquire(r.Context(), 1); err != nil {
		return nil, err
	}
	defer t.calls.Release(1)
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
		"method", r.Method, "path", r.URL.Path, "attempt", AttemptOf(r.Context()), "took", t.now().Sub(start),
	}
	if err != nil {
		attributes = append(attributes, "error", err)
	} else {
		attributes = append(attributes, "status", response.StatusCode, "request", response.Header.Get("X-Request-Id"))
	}
	t.log.DebugContext(r.Context(), "call", attributes...)
	return response, err
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
