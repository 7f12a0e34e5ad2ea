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

// config has the values of the options.
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
	env           *config // values of FromEnv; other options win
	failed        error   // of an option
}

type userinfo struct{ user, password string }

func (u userinfo) isSet() bool { return u != userinfo{} }

// Option configures a Client.
type Option func(*config)

// validated gives an option for a value that is valid or not.
func validated(valid bool, need string, set func(*config)) Option {
	if !valid {
		return func(c *config) { c.failed = errors.New("client: " + need) }
	}
	return set
}

// WithBaseURL sets the address of the API, such as https://gateway.qg2.apps.qualys.com or
// http://127.0.0.1:8080: scheme and host, without /csapi. A client needs it or WithPlatform.
func WithBaseURL(base string) Option { return func(c *config) { c.base = base } }

// WithPlatform sets the address of the API by the name of a platform: its gateway, or with
// WithBasicAuth its API server.
func WithPlatform(p Platform) Option { return func(c *config) { c.platform = p } }

// WithCredentials logs in with a user name and a password before the first call, and again before
// the token expires.
func WithCredentials(user, password string) Option {
	return func(c *config) { c.login = userinfo{user, password} }
}

// WithBasicAuth sends a user name and a password with each call; the API servers accept them
// (observed).
func WithBasicAuth(user, password string) Option {
	return func(c *config) { c.basic = userinfo{user, password} }
}

// WithToken sends a token with each call. When the token has expired, calls fail with
// ErrUnauthorized.
func WithToken(token string) Option {
	return func(c *config) { c.tokens = staticToken(token) }
}

// WithTokenSource gets the token of each call from a source.
func WithTokenSource(s TokenSource) Option { return func(c *config) { c.tokens = s } }

// WithHTTPClient uses the transport of an http.Client, and its timeout, which limits a call with
// all its attempts. Default: http.DefaultTransport, and only the timeout of each attempt. The SDK
// never follows redirects: the API has none, and they could send credentials to another host.
func WithHTTPClient(h *http.Client) Option { return func(c *config) { c.http = h } }

// WithUserAgent puts the name of the caller in front of the SDK's in the User-Agent header.
func WithUserAgent(agent string) Option { return func(c *config) { c.agent = agent + " " + userAgent } }

// WithClock replaces the clock for the expiry of tokens and for dates in Retry-After. It is for
// tests.
func WithClock(now func() time.Time) Option { return func(c *config) { c.now = now } }

// WithPollInterval sets how often Job.Wait polls. Default: half a second on the emulator, and ten
// seconds on a vendor's platform, where a poll takes several calls.
func WithPollInterval(d time.Duration) Option {
	return validated(d > 0, "the poll interval must be more than 0", func(c *config) { c.poll = d })
}

// WithRetry sets the number of attempts of a call, and the waits between them. Default:
// DefaultRetry. RetryPolicy{Attempts: 1} switches retries off.
func WithRetry(p RetryPolicy) Option { return func(c *config) { c.retry = p } }

// WithAttemptTimeout limits the time of each attempt, including its response. Waits between
// attempts, for the rate limit and for a login do not count. Default: a minute.
func WithAttemptTimeout(d time.Duration) Option {
	return validated(d > 0, "the time of an attempt must be more than 0", func(c *config) { c.timeout = d })
}

// WithRateLimit limits the attempts per second with a token bucket of the size burst; attempts
// beyond it wait. The vendor limits calls per operation in a time window (docs: rate limits); the
// headers of a response say how many are left.
func WithRateLimit(perSecond float64, burst int) Option {
	const need = "a rate limit needs more than 0 calls in a second and a burst of at least 1"
	return validated(perSecond > 0 && burst >= 1, need, func(c *config) {
		c.limit = rate.NewLimiter(rate.Limit(perSecond), burst)
	})
}

// WithMaxConcurrency limits the number of concurrent calls; others wait. The vendor's default for a
// subscription is two concurrent calls per operation (docs: rate limits).
func WithMaxConcurrency(n int) Option {
	const need = "the greatest number of calls at the same time must be at least 1"
	return validated(n >= 1, need, func(c *config) { c.maxConcurrent = n })
}

// WithLogger logs each attempt on level Debug (method, path, status and duration), and each retry
// on level Warn. It logs neither query nor headers nor bodies.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.log = l } }

// WithHooks adds functions that run before and after each attempt, for metrics and traces; see
// package otelclient. With several hooks, Before runs in their order, and After in reverse.
func WithHooks(h Hooks) Option { return func(c *config) { c.hooks = append(c.hooks, h) } }

// FromEnv reads from the environment what no other option sets: the address from QCS_URL or
// QCS_PLATFORM; the credentials from QCS_TOKEN, or from QCS_USER and QCS_PASSWORD. QCS_AUTH=basic
// sends these two with each call.
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

// fill sets the values of FromEnv that no other option has set.
func (c *config) fill() {
	if c.env == nil {
		return
	}
	if c.base == "" && c.platform == "" {
		c.base, c.platform = c.env.base, c.env.platform
	}
	if c.credentials() == 0 {
		c.tokens, c.login, c.basic = c.env.tokens, c.env.login, c.env.basic
	}
}

// credentials counts the options that set credentials.
func (c *config) credentials() int {
	n := 0
	for _, set := range []bool{c.tokens != nil, c.login.isSet(), c.basic.isSet()} {
		if set {
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

// check completes and validates a configuration.
func (c *config) check() error {
	if c.failed != nil {
		return c.failed
	}
	c.fill()
	if c.platform != "" {
		if err := c.platform.check(); err != nil || c.base != "" {
			return errors.Join(err, errorIf(c.base != "", "client: give a base URL or a platform, not both"))
		}
		if c.base = c.platform.Gateway(); c.basic.isSet() {
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
			c.credentials() != 1,
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
