package client_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/servertest"
)

// token makes an unsigned JWT that expires at a time.
func token(n int64, expires time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{}`)) + "." + encode(fmt.Appendf(nil, `{"iat":%d,"exp":%d,"n":%d}`, expires.Add(-4*time.Hour).Unix(), expires.Unix(), n)) + ".x"
}

func TestTokensAreSharedAndRenewed(t *testing.T) {
	t.Parallel()
	now := servertest.Start
	var mu sync.Mutex
	var logins, refusals atomic.Int64
	good := ""
	handler := func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/auth" {
			good = token(logins.Add(1), now.Add(4*time.Hour))
			says(http.StatusCreated, "text/plain", good+"\n")(rw, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+good {
			refusals.Add(1)
			says(http.StatusUnauthorized, "application/json", `{}`)(rw, r)
			return
		}
		says(http.StatusOK, "application/json", `{"registryUuid":"x"}`)(rw, r)
	}
	service := httptest.NewServer(http.HandlerFunc(handler))
	t.Cleanup(service.Close)
	h := service.Client()
	t.Cleanup(h.CloseIdleConnections)
	c, err := client.New(client.WithBaseURL(service.URL), client.WithHTTPClient(h), client.WithCredentials("joe", "p%+&ä"), client.WithClock(func() time.Time { mu.Lock(); defer mu.Unlock(); return now }))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			if _, err := c.DescribeRegistry(t.Context(), "r"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if token, err := c.Token(t.Context()); err != nil || token != good {
		t.Errorf("got token %q, %v", token, err)
	}
	if logins.Load() != 1 {
		t.Errorf("64 calls made %d logins, want one", logins.Load())
	}
	mu.Lock()
	now = now.Add(3*time.Hour + 56*time.Minute) // nearly over
	mu.Unlock()
	if _, err := c.DescribeRegistry(t.Context(), "r"); err != nil || logins.Load() != 2 || refusals.Load() != 0 {
		t.Errorf("before expiry: %v, %d logins, %d refusals, want a second login and no refusal", err, logins.Load(), refusals.Load())
	}
	mu.Lock()
	good = "revoked"
	mu.Unlock()
	if id, err := c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryName: "kept"}); err != nil || id != "x" || logins.Load() != 3 {
		t.Errorf("after a 401: %q, %v, %d logins, want the call made again with its body", id, err, logins.Load())
	}
}

func TestARefusedLoginIsTriedOncePerCall(t *testing.T) {
	t.Parallel()
	var w wire
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.calls = append(w.calls, r.URL.Path+" "+string(body))
		says(http.StatusUnauthorized, "application/json", `{"message":"no"}`)(rw, r)
	}))
	t.Cleanup(service.Close)
	h := service.Client()
	t.Cleanup(h.CloseIdleConnections)
	c, err := client.New(client.WithBaseURL(service.URL), client.WithHTTPClient(h), client.WithCredentials("joe", "p%+&ä secret"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.DescribeRegistry(t.Context(), "r")
	if !errors.Is(err, client.ErrUnauthorized) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want ErrUnauthorized without the password", err)
	}
	if want := []string{"/auth password=p%25%2B%26%C3%A4+secret&permissions=true&token=true&username=joe"}; !slices.Equal(w.calls, want) {
		t.Errorf("got calls %q, want %q", w.calls, want)
	}
}

func TestATokenOfOnesOwnIsNotRenewed(t *testing.T) {
	t.Parallel()
	var w wire
	c := w.start(t, says(http.StatusUnauthorized, "application/json", `{"message":"JWT expired."}`))
	if _, err := c.DescribeRegistry(t.Context(), "r"); !errors.Is(err, client.ErrUnauthorized) || len(w.calls) != 1 {
		t.Errorf("got %v after %d calls", err, len(w.calls))
	}
}

// TestAWrongClockDoesNotMakeALoginPerCall: the renewal depends on the life of the token, not on the clock of this machine.
func TestAWrongClockDoesNotMakeALoginPerCall(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]time.Time{"fast": servertest.Start.Add(-5 * time.Hour), "slow": servertest.Start.Add(5 * time.Hour)} {
		var logins atomic.Int64
		service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/auth" {
				says(http.StatusCreated, "text/plain", token(logins.Add(1), there.Add(4*time.Hour)))(rw, r)
				return
			}
			says(http.StatusOK, "application/json", `{}`)(rw, r)
		}))
		t.Cleanup(service.Close)
		h := service.Client()
		t.Cleanup(h.CloseIdleConnections)
		c, err := client.New(client.WithBaseURL(service.URL), client.WithHTTPClient(h), client.WithCredentials("joe", "p"), client.WithClock(func() time.Time { return servertest.Start }))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := c.DescribeRegistry(t.Context(), "r"); err != nil {
				t.Fatal(err)
			}
		}
		if logins.Load() != 1 {
			t.Errorf("a %s clock: got %d logins, want one", name, logins.Load())
		}
	}
}
