// Package client is a Go SDK of the registry and schedule API of Qualys Container Security. It is independent of the vendor.
//
// A Client, made by New(WithBaseURL(…), WithCredentials(…)), has a method for each operation of the document (package openapi); that of POST /auth is Token. Lists are iterators, bulk calls give a Job that can be waited for,
// refusals are an *Error. It runs against the vendor's platforms and against the emulator qcsd. Importing it compiles neither a server nor a database.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/apiclient"
	"github.com/qcsdev/qcs/gen/controlclient"
)

// Client calls the API. It is safe for concurrent use.
type Client struct {
	wire    *apiclient.Client
	control *controlclient.Client
	tokens  TokenSource
	poll    time.Duration
}

// Token gives the token that calls are made with, after logging in if need be: POST /auth (docs: authentication).
func (c *Client) Token(ctx context.Context) (string, error) { return c.tokens.Token(ctx) }

// config is what the options set.
type config struct {
	base     string
	agent    string
	http     *http.Client
	now      func() time.Time
	poll     time.Duration
	tokens   TokenSource
	user     string
	password string
	hasLogin bool
}

// Option configures a Client.
type Option func(*config)

// WithBaseURL sets where the API is, such as https://gateway.qg2.apps.qualys.com or http://127.0.0.1:8080: scheme and host, without /csapi. It is required.
func WithBaseURL(base string) Option { return func(c *config) { c.base = base } }

// WithCredentials logs in with a user name and a password when the first call is made, and again before the token expires.
func WithCredentials(user, password string) Option {
	return func(c *config) { c.user, c.password, c.hasLogin = user, password, true }
}

// WithToken sends a token that was obtained elsewhere. When it has expired, calls fail with ErrUnauthorized.
func WithToken(token string) Option {
	return func(c *config) { c.tokens = staticToken(token) }
}

// WithTokenSource asks a source for the token of each call.
func WithTokenSource(s TokenSource) Option { return func(c *config) { c.tokens = s } }

// WithHTTPClient uses the transport and the time-out of an http.Client. Default: one with a time-out of a minute. Redirects are never followed: the API has none, and they could take
// credentials elsewhere.
func WithHTTPClient(h *http.Client) Option { return func(c *config) { c.http = h } }

// WithUserAgent puts a name of the caller's before that of the SDK in the User-Agent header.
func WithUserAgent(agent string) Option { return func(c *config) { c.agent = agent + " " + userAgent } }

// WithClock replaces the clock by which the expiry of tokens is judged, for tests.
func WithClock(now func() time.Time) Option { return func(c *config) { c.now = now } }

// WithPollInterval sets how often Job.Wait asks for the state of a job. Default: half a second.
func WithPollInterval(d time.Duration) Option { return func(c *config) { c.poll = d } }

const (
	userAgent      = "qcs-go/0"
	defaultTimeout = time.Minute
	defaultPoll    = 500 * time.Millisecond
)

// New makes a client. It makes no call.
func New(options ...Option) (*Client, error) {
	c := config{agent: userAgent, now: time.Now, poll: defaultPoll, http: &http.Client{Timeout: defaultTimeout}} //nolint:forbidigo // the default of WithClock
	for _, o := range options {
		o(&c)
	}
	base, err := url.Parse(c.base)
	if err != nil || base.Host == "" || base.User != nil || strings.Trim(base.Path, "/")+base.RawQuery+base.Fragment != "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("client: the base URL must be http:// or https:// and a host, nothing more")
	}
	if c.hasLogin == (c.tokens != nil) {
		return nil, errors.New("client: exactly one of credentials, token and token source is needed")
	}
	if c.http == nil || c.poll <= 0 {
		return nil, errors.New("client: the HTTP client must not be nil, and the poll interval must be more than 0")
	}
	server := strings.TrimRight(c.base, "/") + "/"
	h := c.chain(server)
	wire, err := apiclient.NewClient(server, apiclient.WithHTTPClient(h))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	control, err := controlclient.NewClient(server, controlclient.WithHTTPClient(h))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Client{wire: wire, control: control, tokens: c.tokens, poll: c.poll}, nil
}

// chain assembles the transports. A call goes through them in this order: user agent, token, the caller's own transport.
func (c *config) chain(server string) *http.Client {
	h := *c.http
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base := h.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	agent := &agentTransport{agent: c.agent, next: base}
	if c.hasLogin {
		login := h
		login.Transport = agent
		c.tokens = newPasswordSource(loginCall(server, &login, c.user, c.password), c.now)
	}
	h.Transport = &agentTransport{agent: c.agent, next: &authTransport{tokens: c.tokens, next: base}}
	return &h
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

// loginCall is the exchange of a name and a password for a token.
func loginCall(server string, h *http.Client, user, password string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		body := strings.NewReader(url.Values{"username": {user}, "password": {password}, "token": {"true"}, "permissions": {"true"}}.Encode())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"auth", body)
		if err != nil {
			return "", errors.New("client: cannot make the call of /auth") // the cause might hold the body
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := read(h.Do(r))
		if err != nil {
			return "", err
		}
		token := strings.TrimSpace(string(answer.body))
		return token, checkToken(token)
	}
}

// checkToken refuses what cannot be sent as a header, such as a page of HTML.
func checkToken(token string) error {
	if token == "" || strings.ContainsAny(token, " \t\r\n<") {
		return errors.New("client: /auth did not answer a token")
	}
	return nil
}
