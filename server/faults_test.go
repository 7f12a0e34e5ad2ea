package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// socket makes a GET over a new connection, and returns the raw response.
func socket(t *testing.T, srv *servertest.Server, target string) (head, body string) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", target, srv.Token()); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(bufio.NewReader(c))
	if err != nil && len(data) == 0 {
		return "", ""
	}
	head, body, _ = strings.Cut(string(data), "\r\n\r\n")
	return head, body
}

// TestFaults triggers each kind of fault in a call of the SDK and in one on a socket, and checks that
// later calls succeed.
func TestFaults(t *testing.T) {
	t.Parallel()
	once := control.FaultTiming{First: 2} // the SDK's call and that of the socket
	for _, tt := range []struct {
		name   string
		effect control.FaultEffect
		sdk    func(error) bool
		head   []string // lines of the response on the socket; none for no response
		body   func(string) bool
	}{
		{"status", control.FaultEffect{Kind: "status", Status: 503, Code: "503 DOWN", Message: "Gone fishing."}, sdkSees(503, "Gone fishing."),
			[]string{"HTTP/1.1 503 Service Unavailable"}, is(`{"errorCode":"503 DOWN","message":"Gone fishing.","timestamp":1767323045000}`)},
		{"status by default", control.FaultEffect{Kind: "status"}, sdkSees(503, "Service Unavailable."), []string{"HTTP/1.1 503 Service Unavailable"}, is(`{"errorCode":"503 SERVICE_UNAVAILABLE","message":"Service Unavailable.","timestamp":1767323045000}`)},
		{"rate limit of the gateway", control.FaultEffect{Kind: "rateLimit", WaitSeconds: 7}, func(err error) bool { return errors.Is(err, client.ErrRateLimited) && waits(err, 7*time.Second) },
			[]string{"HTTP/1.1 429 Too Many Requests", "Retry-After: 7", "X-Ratelimit-Limit: 1", "X-Ratelimit-Window-Sec: 7", "X-Ratelimit-Remaining: 0", "X-Ratelimit-Towait-Sec: 7"}, contains("429 TOO_MANY_REQUESTS")},
		{"rate limit of the API servers", control.FaultEffect{Kind: "rateLimit", Status: 409, WaitSeconds: 7}, func(err error) bool { return errors.Is(err, client.ErrConflict) && waits(err, 7*time.Second) },
			[]string{"HTTP/1.1 409 Conflict", "X-Ratelimit-Towait-Sec: 7"}, contains("409 CONFLICT")},
		{"latency", control.FaultEffect{Kind: "latency", Latency: control.DurationRange{Min: 1, Max: 2}}, isNil, []string{"HTTP/1.1 200 OK"}, contains(`"count":6`)},
		{"reset", control.FaultEffect{Kind: "reset"}, func(err error) bool { return err != nil && !errors.As(err, new(*client.Error)) }, nil, is("")},
		{"truncate", control.FaultEffect{Kind: "truncate"}, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, []string{"HTTP/1.1 200 OK"}, func(body string) bool {
			return strings.HasPrefix(body, `{"count":6,`) && !strings.HasSuffix(body, "}]}\n")
		}},
		{"slow", control.FaultEffect{Kind: "slow", Latency: control.DurationRange{Min: 8, Max: 16}}, isNil, []string{"HTTP/1.1 200 OK"}, contains(`"count":6`)},
		{"malformed", control.FaultEffect{Kind: "malformed"}, func(err error) bool { return err != nil && strings.Contains(err.Error(), "invalid character") }, []string{"HTTP/1.1 200 OK", "Content-Type: application/json"}, func(body string) bool { return strings.HasPrefix(body, `{"{"count"`) }},
		{"content type", control.FaultEffect{Kind: "contentType"}, isNil, []string{"HTTP/1.1 200 OK", "Content-Type: text/html"}, contains(`"count":6`)},
		{"token", control.FaultEffect{Kind: "token", Message: "JWT expired."}, func(err error) bool { return errors.Is(err, client.ErrUnauthorized) }, []string{"HTTP/1.1 401 Unauthorized"}, contains("JWT expired.")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithPort())
			c := srv.Client(client.WithCredentials("", ""), client.WithToken(srv.Token()), client.WithRetry(client.RetryPolicy{Attempts: 1}))
			f := srv.Fault(control.FaultRequest{Operation: "List*", When: once, Effect: tt.effect})
			var got error
			for _, err := range c.ListRegistries(t.Context(), client.List{}) {
				got = err
			}
			if !tt.sdk(got) {
				t.Errorf("the SDK: got %v", got)
			}
			head, body := socket(t, srv, base)
			for _, line := range append(tt.head, "X-Qcs-Fault: "+f.FaultID) {
				if len(tt.head) > 0 && !strings.Contains(head+"\r\n", line+"\r\n") {
					t.Errorf("the socket: got %s, want the line %s", head, line)
				}
			}
			if !tt.body(body) {
				t.Errorf("the socket: got body %q", body)
			}
			get(t, srv, base).want(t, http.StatusOK)
			get(t, srv, base+"/"+sampleRegistry).want(t, http.StatusOK)
			met := must(srv.Control().Faults(t.Context()))(t)
			if len(met) != 1 || met[0].Calls != 3 || met[0].Hits != 2 {
				t.Errorf("got %+v, want 2 hits in 3 calls", met)
			}
			marked := srv.Requests("fault:" + f.FaultID)
			if len(marked) != 2 || tt.name == "reset" && marked[0].Status != 0 {
				t.Errorf("got %d calls of the journal that are marked: %+v", len(marked), marked)
			}
		})
	}
}

func sdkSees(status int, message string) func(error) bool {
	return func(err error) bool {
		var refused *client.Error
		return errors.As(err, &refused) && refused.Status == status && refused.Message == message
	}
}

func waits(err error, d time.Duration) bool {
	var refused *client.Error
	return errors.As(err, &refused) && refused.RetryAfter == d
}

func isNil(err error) bool { return err == nil }

func is(want string) func(string) bool {
	return func(body string) bool { return strings.TrimSpace(body) == want }
}

func contains(part string) func(string) bool {
	return func(body string) bool { return strings.Contains(body, part) }
}

// TestStaleReads checks that a GET returns its earlier response although the data has changed.
func TestStaleReads(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	before := get(t, srv, base).want(t, http.StatusOK)
	newRegistry(t, srv.Client(), "https://r.example.com")
	f := srv.Fault(control.FaultRequest{Effect: control.FaultEffect{Kind: control.FaultEffectKindStale}})
	got := get(t, srv, base)
	if got.want(t, http.StatusOK) != before || got.header.Get("X-QCS-Fault") != f.FaultID {
		t.Errorf("got %s, want the earlier response: %s", got.body, before)
	}
	get(t, srv, base+"?pageSize=3").want(t, http.StatusOK) // a call without an earlier response
	must[any](nil, srv.Control().RemoveFault(t.Context(), f.FaultID))(t)
	if now := get(t, srv, base).want(t, http.StatusOK); !strings.Contains(now, `"count":1`) {
		t.Errorf("got %s", now)
	}
}

// TestJobItemsFail checks that a bulk job fails on a share of its schedules, the same for the same seed.
func TestJobItemsFail(t *testing.T) {
	t.Parallel()
	run := func() (int, int) {
		srv := newServer(t, servertest.WithoutRunner())
		c := srv.Client()
		registry := newRegistry(t, c, "https://r.example.com")
		for i := range 40 {
			newSchedule(t, c, registry, fmt.Sprint(i))
		}
		srv.Fault(control.FaultRequest{Operation: "CancelSchedules", When: control.FaultTiming{Probability: 0.25, Seed: 3}, Effect: control.FaultEffect{Kind: control.FaultEffectKindJobItems}})
		job := must(c.CancelSchedules(t.Context(), registry, client.All()))(t)
		srv.Settle()
		result := must(job.Wait(t.Context(), nil))(t)
		return result.Changed, result.Skipped["Fault"]
	}
	changed, failed := run()
	if changed+failed != 40 || failed < 3 || failed > 20 {
		t.Errorf("got %d changed and %d failed, want a quarter of 40", changed, failed)
	}
	if again, _ := run(); again != changed {
		t.Errorf("got %d changed, then %d", changed, again)
	}
}

// TestFaultTiming checks which calls trigger a fault: the first, one, every n-th, those in a window or
// a share; those of an operation or of a user.
func TestFaultTiming(t *testing.T) {
	t.Parallel()
	start := openapi.MillisOf(servertest.Start)
	for name, tt := range map[string]struct {
		when control.FaultTiming
		want string // ten calls, a second apart: x for one with the fault
	}{
		"all":                   {control.FaultTiming{}, "xxxxxxxxxx"},
		"the first":             {control.FaultTiming{First: 3}, "xxx......."},
		"one":                   {control.FaultTiming{Nth: 4}, "...x......"},
		"every third":           {control.FaultTiming{Every: 3}, "..x..x..x."},
		"every third, at first": {control.FaultTiming{Every: 3, First: 6}, "..x..x...."},
		"a window":              {control.FaultTiming{From: start.Add(2 * time.Second), Until: start.Add(5 * time.Second)}, "..xxx....."},
	} {
		if got := tenCalls(t, tt.when); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	half := func(seed int64) string { return tenCalls(t, control.FaultTiming{Probability: 0.5, Seed: seed}) }
	if a, b := half(1), half(2); a != half(1) || a == b || strings.Count(a+b, "x") < 4 || strings.Count(a+b, "x") > 16 {
		t.Errorf("a share of a half: got %s, %s with another seed, then %s again", a, b, half(1))
	}
}

// tenCalls makes ten calls, a second apart, and returns an x for each with the fault; those of
// another operation must succeed.
func tenCalls(t *testing.T, when control.FaultTiming) (calls string) {
	t.Helper()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithSpareFaults(), servertest.WithOptions(func(o *server.Options) {
		o.Users = append(o.Users, server.User{Name: "somebody else", Password: "p"})
	}))
	srv.Fault(control.FaultRequest{Operation: "ListRegistries", User: servertest.User, When: when, Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus}})
	srv.Fault(control.FaultRequest{User: "somebody else", Effect: control.FaultEffect{Kind: control.FaultEffectKindReset}})
	for range 10 {
		calls += map[int]string{http.StatusOK: ".", http.StatusServiceUnavailable: "x"}[get(t, srv, base).status]
		get(t, srv, "/csapi/v1.3/images").want(t, http.StatusOK)
		srv.Advance(time.Second)
	}
	return calls
}

// TestSeveralFaults checks that after a latency fault the next fault applies too, that otherwise only
// the first fault applies, that a login can have a fault, and that worlds have separate faults.
func TestSeveralFaults(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	first := srv.Fault(control.FaultRequest{Effect: control.FaultEffect{Kind: control.FaultEffectKindLatency, Latency: control.DurationRange{Min: 1, Max: 1}}})
	second := srv.Fault(control.FaultRequest{Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: 502}})
	srv.Fault(control.FaultRequest{Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: 504}})
	if got := get(t, srv, base); got.status != 502 || got.header.Get("X-QCS-Fault") != second.FaultID {
		t.Errorf("got %d by %s", got.status, got.header.Get("X-QCS-Fault"))
	}
	srv.Fault(control.FaultRequest{Operation: "CreateToken", Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: 507}})
	login(t, srv, servertest.User, servertest.Password).refused(t, 507, "")
	login(t, srv, "nobody", "p").refused(t, http.StatusUnauthorized, "")
	other := must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{}))(t)
	send(t, srv, request{method: http.MethodGet, target: base, token: "Bearer " + other.Users[0].Token}).want(t, http.StatusOK)
	c := srv.Control()
	must[any](nil, c.RemoveFault(t.Context(), second.FaultID))(t)
	get(t, srv, base).want(t, http.StatusGatewayTimeout)
	must[any](nil, c.ClearFaults(t.Context()))(t)
	get(t, srv, base).want(t, http.StatusOK)
	if err := c.RemoveFault(t.Context(), first.FaultID); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	for _, bad := range []string{
		`{"effect":{"kind":"explode"}}`, `{"effect":{"kind":"latency"}}`, `{"effect":{"kind":"slow","latency":{"min":5,"max":2}}}`, `{"effect":{"kind":"rateLimit","status":503}}`,
		`{"effect":{"kind":"jobItems"}}`, `{"when":{"from":"2","until":"1"},"effect":{"kind":"reset"}}`, `{}`, `{"when":{"first":0},"effect":{"kind":"reset"}}`,
	} {
		post(t, srv, "/_qcs/faults", bad).refused(t, http.StatusBadRequest, "")
	}
}

// TestFaultHeader checks that a request triggers a fault with the header, if an option allows it.
func TestFaultHeader(t *testing.T) {
	t.Parallel()
	call := func(srv *servertest.Server, text string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+base, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+srv.Token())
		r.Header.Set("X-QCS-Fault", text)
		response, err := srv.HTTP().Do(r)
		if err != nil {
			return 0, err.Error()
		}
		response.Body.Close()
		return response.StatusCode, response.Header.Get("X-QCS-Fault") + response.Header.Get("X-QCS-Detail")
	}
	allowed := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.FaultHeader = true }))
	for text, want := range map[string]int{`{"kind":"status","status":418}`: 418, `{"kind":"reset"}`: 0, `{"kind":"latency","latency":{"min":1,"max":1}}`: 200, `{"kind":"explode"}`: 400, `{"kind":"slow"}`: 400, `503`: 400, `{"kind":"status","x":1}`: 400} {
		if status, why := call(allowed, text); status != want {
			t.Errorf("%s: got %d %s, want %d", text, status, why, want)
		}
	}
	if status, why := call(newServer(t, servertest.WithoutRunner()), `{"kind":"reset"}`); status != http.StatusOK || why != "" {
		t.Errorf("without the option: got %d %s", status, why)
	}
}

// TestTokenMutations checks that twelve kinds of invalid tokens are refused.
func TestTokenMutations(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	other := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.SigningKey = bytes.Repeat([]byte{7}, 64) }))
	good := srv.Token()
	parts := strings.Split(good, ".")
	w := must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{}))(t)
	dropped := must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{}))(t)
	must[any](nil, admin(srv).ExpireTokens(t.Context(), w.Name))(t)
	must[any](nil, admin(srv).DropWorld(t.Context(), dropped.Name))(t)
	for _, tt := range map[string]struct{ token, detail string }{
		"none":                      {"-", "no Authorization header"},
		"another scheme":            {"Digest " + good, "neither a Bearer token nor Basic"},
		"no token after the scheme": {"Bearer ", "not one of this server"},
		"a letter changed":          {"Bearer " + parts[0] + "." + parts[1] + "." + flip(parts[2]), "not one of this server"},
		"claims changed":            {"Bearer " + parts[0] + "." + flip(parts[1]) + "." + parts[2], "not one of this server"},
		"header changed":            {"Bearer " + flip(parts[0]) + "." + parts[1] + "." + parts[2], "not one of this server"},
		"without a signature":       {"Bearer " + parts[0] + "." + parts[1] + ".", "not one of this server"},
		"unsigned":                  {"Bearer eyJhbGciOiJub25lIn0." + parts[1] + ".", "not one of this server"},
		"of another server":         {"Bearer " + other.Token(), "not one of this server"},
		"cut":                       {"Bearer " + good[:len(good)/2], "not one of this server"},
		"expired on demand":         {"Bearer " + w.Users[0].Token, "expired"},
		"of a deleted user":         {"Bearer " + dropped.Users[0].Token, "does not exist any more"},
	} {
		send(t, srv, request{method: http.MethodGet, target: base, token: tt.token}).refused(t, http.StatusUnauthorized, tt.detail)
	}
	must(admin(srv).UpdateWorld(t.Context(), "default", control.WorldUpdate{Tokens: control.TokenClockWorld}))(t)
	srv.Advance(4*time.Hour + time.Second)
	send(t, srv, request{method: http.MethodGet, target: base, token: "Bearer " + good}).refused(t, http.StatusUnauthorized, "expired")
	get(t, srv, base).want(t, http.StatusOK)
}

func flip(text string) string {
	middle := len(text) / 2
	c := byte('A')
	if text[middle] == c {
		c = 'B'
	}
	return text[:middle] + string(c) + text[middle+1:]
}
