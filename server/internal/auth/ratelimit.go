package auth

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RateLimit limits the calls of a user to an operation. The vendor counts calls per endpoint in a
// rolling window (docs: rate limits); the emulator has a token bucket that fills evenly.
type RateLimit struct {
	Calls   int           // in a window; 0 for no limit
	Window  time.Duration // default: an hour (docs)
	Classic bool          // return 409 as the API servers do, instead of the gateway's 429 with Retry-After

	Concurrent int // concurrent calls of a user to an operation; 0 for no limit
}

// LimitError means that the rate limit is exceeded, or that too many calls run at the same time.
type LimitError struct {
	Classic    bool // return 409, else 429
	Wait       time.Duration
	Concurrent bool
}

func (e *LimitError) Error() string {
	if e.Concurrent {
		return "too many calls of the operation run at the same time"
	}
	return fmt.Sprintf("the rate limit is used up; wait %d seconds", seconds(e.Wait))
}

// Limiter has a bucket and the number of running calls for each user and operation.
type Limiter struct {
	limit   RateLimit
	mu      sync.Mutex
	buckets map[[2]string]*rate.Limiter
	running map[[2]string]int
}

// NewLimiter returns a Limiter.
func NewLimiter(limit RateLimit) *Limiter {
	if limit.Window == 0 {
		limit.Window = time.Hour
	}
	return &Limiter{limit: limit, buckets: map[[2]string]*rate.Limiter{}, running: map[[2]string]int{}}
}

// enter counts a call that begins, and writes the two documented headers. The caller calls leave at
// the end of the call; leave is nil if the call is refused or there is no limit. A call that is
// refused here does not count for the rate limit (docs).
func (l *Limiter) enter(h http.Header, user, operation string) (leave func(), err error) {
	if l.limit.Concurrent == 0 {
		return nil, nil
	}
	key := [2]string{user, operation}
	l.mu.Lock()
	defer l.mu.Unlock()
	h.Set("X-Concurrency-Limit-Limit", strconv.Itoa(l.limit.Concurrent))
	h.Set("X-Concurrency-Limit-Running", strconv.Itoa(l.running[key]))
	if l.running[key] >= l.limit.Concurrent {
		if !l.limit.Classic {
			h.Set("Retry-After", "1")
		}
		return nil, &LimitError{Classic: l.limit.Classic, Concurrent: true}
	}
	l.running[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.running[key]--; l.running[key] == 0 {
			delete(l.running, key)
		}
	}, nil
}

// allow takes a token from the bucket, and writes the four documented headers.
func (l *Limiter) allow(h http.Header, user, operation string, now time.Time) error {
	if l.limit.Calls == 0 {
		return nil
	}
	b := l.bucket(user, operation)
	allowed := b.AllowN(now, 1)
	left := b.TokensAt(now)
	var wait time.Duration
	if left < 1 {
		wait = time.Duration((1 - left) / float64(l.limit.Calls) * float64(l.limit.Window))
	}
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.limit.Calls))
	h.Set("X-RateLimit-Window-Sec", strconv.Itoa(seconds(l.limit.Window)))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(int(left), 0)))
	h.Set("X-RateLimit-ToWait-Sec", strconv.Itoa(seconds(wait)))
	if allowed {
		return nil
	}
	if !l.limit.Classic {
		h.Set("Retry-After", strconv.Itoa(seconds(wait)))
	}
	return &LimitError{Classic: l.limit.Classic, Wait: wait}
}

// Reset fills the buckets of a user.
func (l *Limiter) Reset(user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.buckets, func(key [2]string, _ *rate.Limiter) bool { return key[0] == user })
}

func (l *Limiter) bucket(user, operation string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{user, operation}
	if l.buckets[key] == nil {
		l.buckets[key] = rate.NewLimiter(rate.Limit(float64(l.limit.Calls)/l.limit.Window.Seconds()), l.limit.Calls)
	}
	return l.buckets[key]
}

// seconds rounds up, so that callers do not try again too early.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
