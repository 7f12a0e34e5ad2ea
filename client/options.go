package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// config is what the options set.
type config struct {
	base          string
	platform      Platform
	agent         string
	http          *http.Client
	now           func() time.Time
	poll          time.Duration
	tokens        TokenSource
	login         userinfo
	basic         userinfo
	retry         RetryPolicy
	timeout       time.Duration // of an attempt
	limit         *rate.Limiter
	maxConcurrent int
	log           *slog.Logger
	hooks         []Hooks
	env           *config // of FromEnv, for what no other option gives
	failed        error   // of an option
}

type userinfo struct{ user, password string }

func (u userinfo) given() bool { return u != userinfo{} }

// Option configures a Client.
type Option func(*config)

// WithBaseURL sets where the API is, such as https://gateway.qg2.apps.qualys.com or
// http://127.0.0.1:8080: scheme and host, without /csapi. It, or WithPlatform, is required.
func WithBaseURL(base string) Option { return func(c *config) { c.base = base } }

// WithPlatform sets where the API is by the name of a platform: its gateway, or, with
// WithBasicAuth, its API server.
func WithPlatform(p Platform) Option { return func(c *config) { c.platform = p } }

// WithCredentials logs in with a user name and a password when the first call is made, and again
// before the token expires.
func WithCredentials(user, password string) Option {
	return func(c *config) { c.login = userinfo{user, password} }
}

// WithBasicAuth sends a user name and a password with each call, as the API servers take them
// (observed).
func WithBasicAuth(user, password string) Option {
	return func(c *config) { c.basic = userinfo{user, password} }
}

// WithToken sends a token that was obtained elsewhere. When it has expired, calls fail with
// ErrUnauthorized.
func WithToken(token string) Option {
	return func(c *config) { c.tokens = staticToken(token) }
}

// WithTokenSource asks a source for the token of each call.
func WithTokenSource(s TokenSource) Option { return func(c *config) { c.tokens = s } }

// WithHTTPClient uses the transport of an http.Client, and its time-out, which bounds a call with
// all its retries. Default: http.DefaultTransport, and no time-out but that of each attempt.
// Redirects are never followed: the API has none, and they could take credentials elsewhere.
func WithHTTPClient(h *http.Client) Option { return func(c *config) { c.http = h } }

// WithUserAgent puts a name of the caller's before that of the SDK in the User-Agent header.
func WithUserAgent(agent string) Option { return func(c *config) { c.agent = agent + " " + userAgent } }

// WithClock replaces the clock by which the expiry of tokens and dates in Retry-After are judged,
// for tests.
func WithClock(now func() time.Time) Option { return func(c *config) { c.now = now } }

// WithPollInterval sets how often Job.Wait asks for the state of a job. Default: half a second on
// the emulator, ten seconds elsewhere, where each look is several calls.
func WithPollInterval(d time.Duration) Option {
	return func(c *config) {
		if c.poll = d; d <= 0 {
			c.failed = errors.New("client: the poll interval must be more than 0")
		}
	}
}

// WithRetry changes which calls are made again, and how long is waited in between. Default:
// DefaultRetry. RetryPolicy{Attempts: 1} makes each call once.
func WithRetry(p RetryPolicy) Option { return func(c *config) { c.retry = p } }

// WithAttemptTimeout bounds each attempt of a call, its answer included; waits between attempts,
// for the rate limit and for a login are not part of it. Default: a minute.
func WithAttemptTimeout(d time.Duration) Option {
	return func(c *config) {
		if c.timeout = d; d <= 0 {
			c.failed = errors.New("client: the time of an attempt must be more than 0")
		}
	}
}

// WithRateLimit bounds the attempts that are sent in a second, by a token bucket that holds a burst
// of them; calls wait their turn. The vendor limits calls per operation in a window (docs: rate
// limits); the answers say how many are left.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) {
		if c.limit = rate.NewLimiter(rate.Limit(perSecond), burst); perSecond <= 0 || burst < 1 {
			c.failed = errors.New("client: a rate limit needs more than 0 calls in a second and a burst of at least 1")
		}
	}
}

// WithMaxConcurrency bounds the calls that run at the same time; others wait. The vendor's default
// for a subscription is two calls of an operation (docs: rate limits).
func WithMaxConcurrency(n int) Option {
	return func(c *config) {
		if c.maxConcurrent = n; n < 1 {
			c.failed = errors.New("client: the greatest number of calls at the same time must be at least 1")
		}
	}
}

// WithLogger writes a line for each attempt: method, path, status and how long it took, on the
// level Debug, and Warn for one that is made again. Neither query nor headers nor bodies are
// logged.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.log = l } }

// WithHooks calls functions around each attempt, for metrics and traces; see package otelclient.
// Several are called in the order in which they are given, and back.
func WithHooks(h Hooks) Option { return func(c *config) { c.hooks = append(c.hooks, h) } }

// FromEnv reads from the environment what no other option gives: QCS_URL or QCS_PLATFORM;
// QCS_TOKEN, or QCS_USER with QCS_PASSWORD, which with QCS_AUTH=basic are sent with each call.
func FromEnv() Option {
	return func(c *config) {
		login := userinfo{os.Getenv("QCS_USER"), os.Getenv("QCS_PASSWORD")}
		c.env = &config{base: os.Getenv("QCS_URL"), platform: Platform(strings.ToUpper(os.Getenv("QCS_PLATFORM")))}
		switch auth := os.Getenv("QCS_AUTH"); {
		case os.Getenv("QCS_TOKEN") != "":
			c.env.tokens = staticToken(os.Getenv("QCS_TOKEN"))
		case auth == "basic":
			c.env.basic = login
		case auth == "" || auth == "token":
			c.env.login = login
		default:
			c.failed = fmt.Errorf("client: QCS_AUTH is %q, neither token nor basic", auth)
		}
	}
}

// fill takes from the environment what no option gave.
func (c *config) fill() {
	if c.env == nil {
		return
	}
	if c.base == "" && c.platform == "" {
		c.base, c.platform = c.env.base, c.env.platform
	}
	if c.ways() == 0 {
		c.tokens, c.login, c.basic = c.env.tokens, c.env.login, c.env.basic
	}
}

// ways counts the ways in which calls could be authenticated.
func (c *config) ways() int {
	n := 0
	for _, given := range []bool{c.tokens != nil, c.login.given(), c.basic.given()} {
		if given {
			n++
		}
	}
	return n
}

const (
	userAgent        = "qcs-go/0"
	attemptTimeout   = time.Minute
	emulatorInterval = 500 * time.Millisecond
	vendorInterval   = 10 * time.Second
)

// check completes a configuration, or says what is wrong with it.
func (c *config) check() error {
	if c.failed != nil {
		return c.failed
	}
	c.fill()
	if c.platform != "" {
		if err := c.platform.check(); err != nil || c.base != "" {
			return errors.Join(err, errorIf(c.base != "", "client: give a base URL or a platform, not both"))
		}
		if c.base = c.platform.Gateway(); c.basic.given() {
			c.base = c.platform.APIServer()
		}
	}
	base, err := url.Parse(c.base)
	if err != nil || base.Host == "" || base.User != nil ||
		strings.Trim(base.Path, "/")+base.RawQuery+base.Fragment != "" ||
		base.Scheme != "http" && base.Scheme != "https" {
		return errors.New("client: the base URL must be http:// or https:// and a host, nothing more")
	}
	return errors.Join(
		errorIf(
			c.ways() != 1,
			"client: exactly one of credentials, Basic credentials, token and token source is needed",
		),
		errorIf(c.http == nil, "client: the HTTP client must not be nil"),
		c.retry.check(),
	)
}

func errorIf(wrong bool, text string) error {
	if wrong {
		return errors.New(text)
	}
	return nil
}
