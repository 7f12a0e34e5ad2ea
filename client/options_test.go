package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/servertest"
)

// recorder is a transport that records host and credentials of calls.
type recorder struct{ calls []string }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	user, password, _ := request.BasicAuth()
	r.calls = append(r.calls, request.URL.Host+" "+strings.TrimSpace(user+" "+password)+strings.TrimPrefix(request.Header.Get("Authorization"), "Basic "))
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: request}, nil
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		platform client.Platform
		auth     client.Option
		want     string
	}{
		{client.US1, client.WithToken("t"), "gateway.qg1.apps.qualys.com "},
		{client.EU3, client.WithToken("t"), "gateway.qg3.apps.qualys.it "},
		{client.US1, client.WithBasicAuth("u", "p%:+"), "qualysapi.qualys.com u p%:+"},
		{client.AU1, client.WithBasicAuth("u", "p"), "qualysapi.qg1.apps.qualys.com.au u p"},
	} {
		var r recorder
		c, err := client.New(client.WithPlatform(tt.platform), tt.auth, client.WithHTTPClient(&http.Client{Transport: &r}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.DescribeRegistry(t.Context(), "r"); err != nil || !strings.HasPrefix(r.calls[0], tt.want) {
			t.Errorf("got %q, %v, want %q", r.calls, err, tt.want)
		}
	}
	for _, p := range client.Platforms() {
		if !strings.HasPrefix(p.Gateway(), "https://gateway.qg") || !strings.HasPrefix(p.APIServer(), "https://qualysapi.q") {
			t.Errorf("%s: got %s and %s", p, p.Gateway(), p.APIServer())
		}
	}
}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithSeed("release-notes"))
	c, err := client.New(client.WithBaseURL(srv.URL), client.WithHTTPClient(srv.HTTP()), client.WithBasicAuth(servertest.User, servertest.Password))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DescribeRegistry(t.Context(), registryID); err != nil {
		t.Error(err)
	}
	if _, err := c.Token(t.Context()); err == nil {
		t.Error("got a token")
	}
}

func TestFromEnv(t *testing.T) {
	for _, tt := range []struct {
		name    string
		set     map[string]string
		options []client.Option
		want    string // "" for an error
	}{
		{"a platform and a token", map[string]string{"QCS_PLATFORM": "us2", "QCS_TOKEN": "tok"}, nil, "gateway.qg2.apps.qualys.com Bearer tok"},
		{"a URL and Basic", map[string]string{"QCS_URL": "http://e.test", "QCS_USER": "u", "QCS_PASSWORD": "p", "QCS_AUTH": "basic"}, nil, "e.test u pdTpw"},
		{"options win", map[string]string{"QCS_URL": "http://e.test", "QCS_USER": "u", "QCS_PASSWORD": "p"}, []client.Option{client.WithToken("mine"), client.WithBaseURL("http://o.test")}, "o.test Bearer mine"},
		{"another way to log in", map[string]string{"QCS_URL": "http://e.test", "QCS_USER": "u", "QCS_PASSWORD": "p", "QCS_AUTH": "oidc"}, nil, ""},
		{"nothing", nil, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"QCS_URL", "QCS_PLATFORM", "QCS_TOKEN", "QCS_USER", "QCS_PASSWORD", "QCS_AUTH"} {
				t.Setenv(name, tt.set[name])
			}
			var r recorder
			c, err := client.New(append([]client.Option{client.FromEnv(), client.WithHTTPClient(&http.Client{Transport: &r})}, tt.options...)...)
			if (err != nil) != (tt.want == "") {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			if _, err := c.DescribeRegistry(t.Context(), "r"); err != nil || r.calls[0] != tt.want {
				t.Errorf("got %q, %v, want %q", r.calls, err, tt.want)
			}
		})
	}
}

// TestSecretsAreNotLogged: the log has no password, token, query or body, and hooks get no credentials.
func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithSeed("release-notes"))
	var log bytes.Buffer
	var seen []string
	c := srv.Client(client.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))), client.WithHooks(client.Hooks{
		Before: func(r *http.Request) *http.Request {
			seen = append(seen, r.Header.Get("Authorization"))
			r.Header.Set("Traceparent", "x")
			return r
		},
		After: func(r *http.Request, response *http.Response, err error) {
			seen = append(seen, r.Header.Get("Authorization"))
			if err == nil && response.StatusCode == 0 || client.AttemptOf(r.Context()) != 1 {
				t.Errorf("got %v, %v, attempt %d", response, err, client.AttemptOf(r.Context()))
			}
		},
	}))
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range c.ListSchedules(t.Context(), registryID, client.List{Filter: "name:confidential"}) {
	}
	_, _ = c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeBasicAuth, Credential: api.Credential{Username: "u", Password: "registry-secret"}})
	for _, secret := range []string{servertest.Password, token, "confidential", "registry-secret"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q: %s", secret, log.String())
		}
	}
	if n := strings.Count(log.String(), "msg=call"); n != 3 || !strings.Contains(log.String(), "path=/csapi/v1.3/registry/"+registryID+"/schedule attempt=1") {
		t.Errorf("got %d lines: %s", n, log.String())
	}
	if strings.Join(seen, "") != "" || len(seen) != 6 {
		t.Errorf("hooks saw credentials: %q", seen)
	}
}

// TestMaxConcurrency: the number of concurrent calls is limited, and others wait.
func TestMaxConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		s := &script{steps: []step{func(w http.ResponseWriter, r *http.Request) {
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			select {
			case <-time.After(time.Second): // of the bubble
			case <-r.Context().Done():
			}
			running.Add(-1)
			answers(http.StatusOK)(w, r)
		}}}
		c, stop := s.start(t, newPipes(), client.WithMaxConcurrency(3))
		defer stop()
		start := time.Now()
		var group sync.WaitGroup
		for range 9 {
			group.Go(func() {
				if err := gets(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if most.Load() != 3 || time.Since(start) != 3*time.Second {
			t.Errorf("got %d at the same time in %v, want 3 in 3s", most.Load(), time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		for range 4 {
			group.Go(func() { _ = gets(ctx, c) })
		}
		group.Wait()
	})
}

// TestRateLimitOfTheClient: a burst at once, then one call per interval; a wait beyond the deadline of the context is an error.
func TestRateLimitOfTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{answers(http.StatusOK)}}
		c, stop := s.start(t, newPipes(), client.WithRateLimit(2, 4))
		defer stop()
		start := time.Now()
		for range 8 {
			if err := gets(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("8 calls took %v, want 2s", took)
		}
		start = time.Now()
		var group sync.WaitGroup
		for range 300 { // longer than an attempt may take
			group.Go(func() {
				if err := gets(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		if group.Wait(); time.Since(start) != 150*time.Second {
			t.Errorf("300 calls took %v, want 150s", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := gets(ctx, c); err == nil || len(s.made()) != 308 {
			t.Errorf("got %v and %d calls", err, len(s.made()))
		}
	})
}

// TestWhatTheTypesLack: raw responses, unknown values, and numbers in strings.
func TestWhatTheTypesLack(t *testing.T) {
	t.Parallel()
	const body = `{"registryUuid":"r","registryType":"JFrog","new":{"a":1}}`
	var w wire
	var raw []byte
	got, err := w.start(t, says(200, "application/json", body)).DescribeRegistry(client.WithRawResponse(t.Context(), &raw), "r")
	if err != nil || string(raw) != body {
		t.Errorf("got %s, %v", raw, err)
	}
	again, err := json.Marshal(got.RegistryType)
	if err != nil || string(again) != `"JFrog"` {
		t.Errorf("got %s, %v, want the value to survive", again, err)
	}
	for _, id := range []string{`1628504894`, `"1628504894"`} {
		if got, err := w.start(t, says(200, "application/json", `{"accountId":"1","externalId":`+id+`}`)).AWSBase(t.Context()); err != nil || got.ExternalID != 1628504894 || got.AccountID != "1" {
			t.Errorf("%s: got %+v, %v", id, got, err)
		}
	}
	if _, err := w.start(t, says(200, "application/json", `{"accountId":"1","externalId":"x"}`)).AWSBase(t.Context()); err == nil {
		t.Error("got no error for an externalId that is no number")
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/csapi/v1.3/registry/1-2/schedule/cancel": "/csapi/v1.3/registry/{id}/schedule/cancel",
		"/csapi/v1.3/images/abc/vuln":              "/csapi/v1.3/images/{id}/vuln",
		"/auth":                                    "/auth",
	} {
		if got := client.Route(path); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
