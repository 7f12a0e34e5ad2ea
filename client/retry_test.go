package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

// The calls of the table below, one of each class.
var (
	gets    = func(ctx context.Context, c *client.Client) error { _, err := c.DescribeRegistry(ctx, "r"); return err }
	creates = func(ctx context.Context, c *client.Client) error {
		_, err := c.CreateRegistry(ctx, api.RegistryRequest{RegistryName: "n"})
		return err
	}
	updates = func(ctx context.Context, c *client.Client) error {
		return c.UpdateRegistry(ctx, "r", api.RegistryRequest{})
	}
	deletesByID = func(ctx context.Context, c *client.Client) error {
		_, err := c.DeleteSchedules(ctx, "r", client.IDs("a"))
		return err
	}
	deletesByAll = func(ctx context.Context, c *client.Client) error {
		_, err := c.DeleteSchedules(ctx, "r", client.All())
		return err
	}
	cancelsAll = func(ctx context.Context, c *client.Client) error {
		_, err := c.CancelSchedules(ctx, "r", client.All())
		return err
	}
)

// TestFaults: the number of calls and the waits of the client after each kind of failure.
func TestFaults(t *testing.T) {
	t.Parallel()
	ok := answers(http.StatusOK)
	in30 := func(w http.ResponseWriter, r *http.Request) { // dates go by the clock of the service, which may be another
		w.Header().Set("Date", "Sat, 01 Jan 2000 00:00:00 GMT")
		answers(http.StatusTooManyRequests, "Retry-After", "Sat, 01 Jan 2000 00:00:20 GMT")(w, r)
	}
	for _, tt := range []struct {
		name  string
		steps []step
		call  func(context.Context, *client.Client) error
		calls int
		waits [2]time.Duration // at least, at most
		err   error
	}{
		{"429 with Retry-After in seconds", []step{answers(429, "Retry-After", "7"), ok}, gets, 2, [2]time.Duration{7 * time.Second, 8 * time.Second}, nil},
		{"429 with Retry-After as a date", []step{in30, ok}, gets, 2, [2]time.Duration{20 * time.Second, 21 * time.Second}, nil},
		{"429 with X-RateLimit-ToWait-Sec", []step{answers(429, "X-RateLimit-ToWait-Sec", "9", "X-RateLimit-Remaining", "0"), ok}, gets, 2, [2]time.Duration{9 * time.Second, 10 * time.Second}, nil},
		{"429 without a word how long", []step{answers(429), ok}, gets, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"a longer wait than is allowed", []step{answers(429, "Retry-After", "3600"), ok}, gets, 1, [2]time.Duration{}, client.ErrRateLimited},
		{"POST and 429 with Retry-After", []step{answers(429, "Retry-After", "2"), ok}, creates, 2, [2]time.Duration{2 * time.Second, 3 * time.Second}, nil},
		{"POST and 429 without", []step{answers(429), ok}, creates, 1, [2]time.Duration{}, client.ErrRateLimited},
		{"POST and 503 with Retry-After", []step{answers(503, "Retry-After", "2"), ok}, cancelsAll, 2, [2]time.Duration{2 * time.Second, 3 * time.Second}, nil},
		{"503 three times", []step{answers(503), answers(503), answers(503), ok}, gets, 4, [2]time.Duration{time.Second, 5 * time.Second}, nil},
		{"503 for ever", []step{answers(503)}, gets, 4, [2]time.Duration{time.Second, 5 * time.Second}, client.ErrServer},
		{"POST and 503", []step{answers(503), ok}, creates, 1, [2]time.Duration{}, client.ErrServer},
		{"500 is final", []step{answers(500), ok}, gets, 1, [2]time.Duration{}, client.ErrServer},
		{"408, 502 and 504", []step{answers(408), answers(502), answers(504), ok}, updates, 4, [2]time.Duration{time.Second, 5 * time.Second}, nil},
		{"POST and 504", []step{answers(504), ok}, cancelsAll, 1, [2]time.Duration{}, client.ErrServer},
		{"DELETE of ids and 502", []step{answers(502), ok}, deletesByID, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"DELETE by filter and 502", []step{answers(502), ok}, deletesByAll, 1, [2]time.Duration{}, client.ErrServer},
		{"DELETE by filter and 429 with Retry-After", []step{answers(429, "Retry-After", "1"), ok}, deletesByAll, 2, [2]time.Duration{time.Second, 2 * time.Second}, nil},
		{"409 of the classic limit", []step{answers(409, "X-RateLimit-Remaining", "0", "X-RateLimit-ToWait-Sec", "5"), ok}, gets, 2, [2]time.Duration{5 * time.Second, 6 * time.Second}, nil},
		{"409 of the classic limit on concurrency", []step{answers(409, "X-Concurrency-Limit-Running", "2", "X-ConcurrencyLimit-Limit", "2"), ok}, gets, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"POST and 409 of the classic limit", []step{answers(409, "X-RateLimit-Remaining", "0", "Retry-After", "5"), ok}, creates, 2, [2]time.Duration{5 * time.Second, 6 * time.Second}, nil},
		{"409 with headers of a limit that is not used up", []step{answers(409, "X-RateLimit-Remaining", "299", "X-RateLimit-ToWait-Sec", "0", "X-Concurrency-Limit-Running", "0", "X-Concurrency-Limit-Limit", "2"), ok}, gets, 1, [2]time.Duration{}, client.ErrConflict},
		{"a wait that is no number of seconds", []step{answers(429, "Retry-After", "99999999999999999999"), ok}, gets, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"a wait that is more than a duration can be", []step{answers(429, "Retry-After", "10000000000"), ok}, gets, 1, [2]time.Duration{}, client.ErrRateLimited},
		{"409 of the Free version", []step{answers(409), ok}, gets, 1, [2]time.Duration{}, client.ErrConflict},
		{"400 is final", []step{answers(400), ok}, gets, 1, [2]time.Duration{}, client.ErrInvalid},
		{"connection cut before the request is read", []step{cuts(false), ok}, gets, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"connection cut after the request is read", []step{cuts(true), ok}, updates, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"POST and a connection cut before", []step{cuts(false), ok}, creates, 1, [2]time.Duration{}, io.EOF},
		{"POST and a connection cut after", []step{cuts(true), ok}, creates, 1, [2]time.Duration{}, io.EOF},
		{"half a body", []step{half, ok}, gets, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"POST and half a body", []step{half, ok}, creates, 1, [2]time.Duration{}, io.ErrUnexpectedEOF},
		{"a page of HTML", []step{page(502), ok}, gets, 2, [2]time.Duration{200 * time.Millisecond, time.Second}, nil},
		{"a page of HTML for ever", []step{page(503)}, gets, 4, [2]time.Duration{time.Second, 5 * time.Second}, client.ErrServer},
		{"no answer within a minute", []step{silent, ok}, gets, 2, [2]time.Duration{time.Minute, 62 * time.Second}, nil},
		{"POST and no answer within a minute", []step{silent, ok}, creates, 1, [2]time.Duration{time.Minute, 61 * time.Second}, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: tt.steps}
				c, stop := s.start(t, newPipes())
				defer stop()
				start := time.Now()
				err := tt.call(t.Context(), c)
				took := time.Since(start)
				t.Logf("%d calls in %v: %v", len(s.made()), took.Round(time.Millisecond), err)
				if !errors.Is(err, tt.err) || len(s.made()) != tt.calls {
					t.Errorf("got %v after %d calls, want %v after %d", err, len(s.made()), tt.err, tt.calls)
				}
				if took < tt.waits[0] || took > tt.waits[1] {
					t.Errorf("it took %v, want between %v and %v", took, tt.waits[0], tt.waits[1])
				}
			})
		})
	}
}

// TestWaitsGrowUpToTheLongest: a random wait never ends the attempts.
func TestWaitsGrowUpToTheLongest(t *testing.T) {
	t.Parallel()
	for range 40 {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []step{answers(503), answers(503), answers(503), answers(200)}}
			c, stop := s.start(t, newPipes(), client.WithRetry(client.RetryPolicy{Attempts: 4, MinWait: time.Second, MaxWait: time.Second}))
			defer stop()
			start := time.Now()
			if err := gets(t.Context(), c); err != nil || time.Since(start) > 3*time.Second {
				t.Errorf("got %v after %d calls and %v", err, len(s.made()), time.Since(start))
			}
		})
	}
}

// TestASilentLogin: a login without a response is retried, its time does not count for the call, and WithRawResponse does not get its response.
func TestASilentLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		login := func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(40 * time.Second) // of the bubble
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "secret.token.x")
		}
		slow := func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(50 * time.Second)
			cuts(true)(w, r)
		}
		s := &script{steps: []step{silent, login, slow, answers(400)}}
		c, stop := s.start(t, newPipes(), client.WithTokenSource(nil), client.WithCredentials("u", "p"))
		defer stop()
		var raw []byte
		if err := creates(client.WithRawResponse(t.Context(), &raw), c); !errors.Is(err, io.EOF) || len(s.made()) != 3 || len(raw) != 0 {
			t.Errorf("got %v after calls %q, and the raw answer %q", err, s.made(), raw)
		}
	})
}

// TestNoConnection: without a connection the service has done nothing, so any call is retried.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	for refused, want := range map[int]int{2: 1, 4: 0} {
		synctest.Test(t, func(t *testing.T) {
			s, p := &script{steps: []step{answers(http.StatusOK)}}, newPipes()
			p.refuse = refused
			c, stop := s.start(t, p)
			defer stop()
			if err := creates(t.Context(), c); len(s.made()) != want || (err == nil) != (want == 1) {
				t.Errorf("%d refusals: got %v and %d calls, want %d", refused, err, len(s.made()), want)
			}
		})
	}
}

// TestTheContextBoundsAllAttempts: a wait beyond the deadline does not start, and the call ends with the latest response; cancellation ends a wait.
func TestTheContextBoundsAllAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{answers(429, "Retry-After", "10")}}
		c, stop := s.start(t, newPipes())
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		start := time.Now()
		if err := gets(ctx, c); !errors.Is(err, client.ErrRateLimited) || len(s.made()) != 2 || time.Since(start) > 11*time.Second {
			t.Errorf("got %v after %d calls and %v", err, len(s.made()), time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start = time.Now()
		if err := gets(ctx, c); !errors.Is(err, context.Canceled) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v, want the end of the context after 3s", err, time.Since(start))
		}
	})
}

// TestARefusedTokenIsRenewedOnce: after one 401 the call succeeds; a retry needs no further login.
func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		login := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "a.b.c")
		}
		s := &script{steps: []step{login, answers(401), login, answers(503), answers(200)}}
		c, stop := s.start(t, newPipes(), client.WithTokenSource(nil), client.WithCredentials("u", "p"))
		defer stop()
		if err := gets(t.Context(), c); err != nil || len(s.made()) != 5 {
			t.Errorf("got %v and calls %q", err, s.made())
		}
	})
}

// TestALoginIsMadeAgain: a login is retried after a failure; the call that waits for it does not retry it again.
func TestALoginIsMadeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{answers(503)}}
		c, stop := s.start(t, newPipes(), client.WithTokenSource(nil), client.WithCredentials("u", "p"))
		defer stop()
		if err := gets(t.Context(), c); !errors.Is(err, client.ErrServer) || len(s.made()) != client.DefaultRetry().Attempts {
			t.Errorf("got %v and calls %q, want %d logins", err, s.made(), client.DefaultRetry().Attempts)
		}
	})
}
