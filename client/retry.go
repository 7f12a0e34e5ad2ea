package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/qcsdev/qcs/client/internal/rewind"
)

// RetryPolicy says how often a call is made, and how long is waited in between.
//
// Which calls are made again: GET, PUT and DELETE after a fault of the connection, 408, 429, 502,
// 503, 504, and a 409 with rate headers (the classic form of a limit); but not a bulk DELETE by a
// filter, which could find more the second time. POST, and such a DELETE, only when the service has
// surely done nothing: the connection was never made, or the answer is a 429 or 503 with
// Retry-After or a 409 with X-RateLimit-ToWait-Sec. A 409 without rate headers (a plan without
// reports) is final at once. A DELETE of one thing that is made again may answer ErrNotFound: the
// first call has done it.
type RetryPolicy struct {
	Attempts int           // how often a call is made at most, the first time included; 1 for once
	MinWait  time.Duration // the first wait, which grows by half each time, give or take a half
	// the longest; a call that is told to wait longer is not made again, and its error says how
	// long
	MaxWait time.Duration
}

// DefaultRetry makes a call four times at most, and waits from half a second to half a minute (our
// choice).
func DefaultRetry() RetryPolicy {
	return RetryPolicy{Attempts: 4, MinWait: 500 * time.Millisecond, MaxWait: 30 * time.Second}
}

func (p RetryPolicy) check() error {
	return errorIf(
		p.Attempts < 1 || p.MinWait < 0 || p.MaxWait < p.MinWait,
		"client: a retry policy needs at least 1 attempt, and waits that are not negative, the longest not "+
			"below the first",
	)
}

// retryTransport makes calls again as the policy says. The context bounds the time: a wait that it
// would cut short is not begun.
type retryTransport struct {
	policy  RetryPolicy
	timeout time.Duration // of an attempt
	now     func() time.Time
	// waits until an attempt may begin, in the time of the caller; may be nil
	ready func(context.Context) error
	// is told of each call that is made again
	retry func(r *http.Request, attempt int, cause error, wait time.Duration)
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *retryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = t.policy.MinWait, t.policy.MaxWait
	for attempt := 1; ; attempt++ {
		again := r
		if attempt > 1 {
			var err error
			if again, err = rewind.Request(r); err != nil {
				return nil, err
			}
		}
		if t.ready != nil {
			if err := t.ready(r.Context()); err != nil {
				return nil, err
			}
		}
		response, err := t.attempt(again, attempt)
		wait, retriable := t.verdict(r, response, err)
		if !retriable || attempt == t.policy.Attempts {
			return response, err
		}
		if wait > t.policy.MaxWait {
			return response, err
		}
		wait = max(wait, min(waits.NextBackOff(), t.policy.MaxWait))
		if deadline, ok := r.Context().Deadline(); ok && wait > time.Until(deadline) {
			return response, err
		}
		if t.retry != nil {
			t.retry(r, attempt, cause(response, err), wait)
		}
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
	}
}

func cause(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	return errors.New(response.Status)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt makes a call once, within its time, and takes the answer in as a whole: one that breaks
// off half-way is a fault of the connection.
func (t *retryTransport) attempt(r *http.Request, number int) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), attemptKey{}, number), t.timeout)
	defer cancel()
	response, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		if r.Context().Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v: %w", t.timeout, err)
		}
		return nil, err
	}
	defer response.Body.Close()
	data, err := takeIn(response)
	if err != nil {
		return nil, err
	}
	response.Request = r
	response.Body = &taken{*bytes.NewReader(data), data}
	return response, nil
}

type attemptKey struct{}

// maxAnswer bounds the memory that an answer can take.
const maxAnswer = 64 << 20

func takeIn(response *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if n := response.ContentLength; n > 0 && n <= maxAnswer {
		body.Grow(int(n) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("answer %d: %w", response.StatusCode, &truncatedError{err})
	case n > maxAnswer:
		return nil, fmt.Errorf("answer %d: more than %d bytes", response.StatusCode, maxAnswer)
	}
	return body.Bytes(), nil
}

// truncatedError says that an answer ended before its end.
type truncatedError struct{ error }

func (e *truncatedError) Unwrap() error { return e.error }

// taken is the body of an answer that was taken in as a whole.
type taken struct {
	bytes.Reader
	data []byte
}

// Close implements io.Closer.
func (t *taken) Close() error { return nil }

// verdict says whether a call may be made again, and how long the service wants that to wait.
func (t *retryTransport) verdict(r *http.Request, response *http.Response, err error) (wait time.Duration, again bool) {
	if err != nil {
		var login *loginError
		return 0, r.Context().Err() == nil && !errors.As(err, &login) &&
			(untouched(err) || repeatable(r) && faultOfConnection(err))
	}
	wait = retryAfter(response.Header, cmp.Or(serverTime(response.Header), t.now()))
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout:
		return wait, repeatable(r)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return wait, repeatable(r) || wait > 0
	case http.StatusConflict:
		return wait, limited(response.Header) && (repeatable(r) || wait > 0)
	}
	return 0, false
}

// limited reports whether the headers of a 409 say that it is a limit: they come with other
// answers, too.
func limited(h http.Header) bool {
	number := func(names ...string) int {
		for _, name := range names {
			if n, err := strconv.Atoi(h.Get(name)); err == nil {
				return n
			}
		}
		return -1
	}
	running := number("X-Concurrency-Limit-Running")
	most := number("X-Concurrency-Limit-Limit", "X-ConcurrencyLimit-Limit") // docs spell the second in two ways
	return number("X-RateLimit-Remaining") == 0 || number("X-RateLimit-ToWait-Sec") > 0 || most > 0 && running >= most
}

// repeatable reports whether a call that is made twice does no more than one that is made once. A
// login is one.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut:
		return true
	case http.MethodDelete:
		return !r.URL.Query().Has("filter")
	}
	return r.URL.Path == authPath
}

const authPath = "/auth"

// untouched reports whether the service has seen nothing of a call: its host was not found, or no
// connection was made.
func untouched(err error) bool {
	var operation *net.OpError
	var name *net.DNSError
	return errors.As(err, &operation) && operation.Op == "dial" || errors.As(err, &name)
}

// faultOfConnection reports whether an error came from the network, and not from the caller's side
// of it, such as a certificate that is not trusted.
func faultOfConnection(err error) bool {
	var off *truncatedError
	var network net.Error
	var operation *net.OpError
	return errors.As(err, &off) || errors.As(err, &operation) || errors.As(err, &network) && network.Timeout() ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "server closed")
}

// maxSeconds is how long a service may want to be left alone, at most.
const maxSeconds = 10 * 365 * 24 * 3600

// retryAfter reads the headers that say how long to wait: Retry-After in seconds or as a date, and
// X-RateLimit-ToWait-Sec.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"Retry-After", "X-RateLimit-ToWait-Sec"} {
		text := h.Get(name)
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 {
			return time.Duration(min(seconds, maxSeconds)) * time.Second
		}
		if at, err := http.ParseTime(text); err == nil && !now.IsZero() && at.After(now) {
			return at.Sub(now)
		}
	}
	return 0
}
