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

// RetryPolicy says how many attempts a call has, and how long the SDK waits between them.
//
// The SDK retries GET, PUT and DELETE after a connection error, 408, 429, 502, 503, 504, and after
// a 409 with rate limit headers (the classic form of a rate limit). The exception is a bulk DELETE
// by a filter, which could match more the second time. Such a DELETE, and POST, are retried only
// when the service has certainly done nothing: there was no connection, or the response is a 429 or
// 503 with Retry-After, or a 409 with X-RateLimit-ToWait-Sec. A 409 without rate limit headers (a
// plan without reports) is never retried. A retried DELETE of one thing may end with ErrNotFound,
// because an earlier attempt has deleted it.
type RetryPolicy struct {
	Attempts int           // attempts at most, with the first; 1 for no retry
	MinWait  time.Duration // the first wait; each wait is longer by half, with a random part
	// The longest wait. When the service demands a longer one, the call is not retried, and its
	// Error.RetryAfter says how long to wait.
	MaxWait time.Duration
}

// DefaultRetry has four attempts, and waits from half a second to half a minute (our choice).
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

// retryTransport retries calls as the policy says. It does not wait when the deadline of the
// context comes earlier.
type retryTransport struct {
	policy  RetryPolicy
	timeout time.Duration // of an attempt
	now     func() time.Time
	// waits until an attempt may start; not limited by the timeout of an attempt; may be nil
	ready func(context.Context) error
	// is called before each retry; may be nil
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
		wait, retry := t.retryable(r, response, err)
		if !retry || attempt == t.policy.Attempts || wait > t.policy.MaxWait {
			return response, err
		}
		wait = max(wait, min(waits.NextBackOff(), t.policy.MaxWait))
		if deadline, ok := r.Context().Deadline(); ok && wait > time.Until(deadline) {
			return response, err
		}
		if t.retry != nil {
			if err == nil {
				err = errors.New(response.Status)
			}
			t.retry(r, attempt, err, wait)
		}
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
	}
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

// attempt makes one attempt within its timeout, and reads the whole response: a response that
// breaks off is a connection error.
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
	data, err := readBody(response)
	if err != nil {
		return nil, err
	}
	response.Request = r
	response.Body = &bufferedBody{*bytes.NewReader(data), data}
	return response, nil
}

type attemptKey struct{}

// maxAnswer is the largest body of a response, in bytes.
const maxAnswer = 64 << 20

func readBody(response *http.Response) ([]byte, error) {
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

// truncatedError says that the body of a response broke off.
type truncatedError struct{ error }

func (e *truncatedError) Unwrap() error { return e.error }

// bufferedBody is the body of a response in memory.
type bufferedBody struct {
	bytes.Reader
	data []byte
}

// Close implements io.Closer.
func (b *bufferedBody) Close() error { return nil }

// retryable reports whether a call may be retried, and how long the service demands to wait.
func (t *retryTransport) retryable(r *http.Request, response *http.Response, err error) (time.Duration, bool) {
	if err != nil {
		var login *loginError
		return 0, r.Context().Err() == nil && !errors.As(err, &login) &&
			(notSent(err) || repeatable(r) && connectionError(err))
	}
	wait := retryAfter(response.Header, cmp.Or(serverTime(response.Header), t.now()))
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

// limited reports whether the headers of a 409 say that a limit is used up. Other responses have
// these headers, too.
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
	most := number("X-Concurrency-Limit-Limit", "X-ConcurrencyLimit-Limit") // the docs have both spellings
	return number("X-RateLimit-Remaining") == 0 || number("X-RateLimit-ToWait-Sec") > 0 || most > 0 && running >= most
}

// repeatable reports whether two equal calls have the same effect as one. A login does.
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

// notSent reports whether the service cannot have received a request: its host was not found, or
// there was no connection.
func notSent(err error) bool {
	var operation *net.OpError
	var name *net.DNSError
	return errors.As(err, &operation) && operation.Op == "dial" || errors.As(err, &name)
}

// connectionError reports whether an error is one of the network, and not one of the settings, such
// as a certificate that is not trusted.
func connectionError(err error) bool {
	var truncated *truncatedError
	var network net.Error
	var operation *net.OpError
	return errors.As(err, &truncated) || errors.As(err, &operation) || errors.As(err, &network) && network.Timeout() ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "server closed")
}

// maxSeconds is the longest wait that is read from a header; a longer one would overflow.
const maxSeconds = 10 * 365 * 24 * 3600

// retryAfter reads how long to wait from the headers Retry-After (in seconds or as a date) and
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
