package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	c := srv.Client()
	must(c.CancelSchedules(t.Context(), sampleRegistry, client.Filter("status:Running")))(t)
	get(t, srv, base+"?filter=nosuch:x").want(t, http.StatusBadRequest)
	get(t, srv, "/csapi/v1.3/nosuch").want(t, http.StatusNotFound) // of no operation: in the journal of its user
	var got []string
	for _, e := range srv.Requests("") {
		got = append(got, fmt.Sprint(e.Seq, e.Operation, e.Method, e.Path, e.Query, e.User, e.Status))
	}
	want := []string{
		fmt.Sprint(int64(1), "CreateToken", "POST", "/auth", "", "tester", 201),
		fmt.Sprint(int64(2), "CancelSchedules", "POST", base+"/"+sampleRegistry+"/schedule/cancel", "filter=status%3ARunning", "tester", 200),
		fmt.Sprint(int64(3), "ListRegistries", "GET", base, "filter=nosuch:x", "tester", 400),
		fmt.Sprint(int64(4), "", "GET", "/csapi/v1.3/nosuch", "", "tester", 404),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	e := srv.Requests("operation:CancelSchedules AND status:200")[0]
	if !strings.HasPrefix(e.ResponseBody, `{"CancelJobId":"`) || e.RequestHeaders["Authorization"] != "Bearer ***" ||
		e.Curl != `curl -sS -X POST -H "Authorization: Bearer $TOKEN" 'http://qcs.test`+e.Path+`?filter=status%3ARunning'` {
		t.Errorf("got %+v", e)
	}
	if e := srv.Requests("detail:*")[0]; !strings.Contains(e.Detail, "rule filter-token") {
		t.Errorf("got %+v", e)
	}
	j := srv.Control()
	for name, tt := range map[string]struct {
		expected control.Expectation
		want     control.Verdict
		nearest  string // numbers of calls, with the conditions that they do not meet
	}{
		"times met":    {control.Expectation{Operation: "CancelSchedules", Filter: "status:200", Times: new(1)}, control.Verdict{Met: true, Complete: true, Matched: 1, Expected: "exactly 1"}, ""},
		"times unmet":  {control.Expectation{Operation: "CancelSchedules", User: "tester", Times: new(2)}, control.Verdict{Complete: true, Matched: 1, Expected: "exactly 2"}, "4 [operation] 3 [operation] 1 [operation]"},
		"never":        {control.Expectation{Operation: "DeleteSchedules", Times: new(0)}, control.Verdict{Met: true, Complete: true, Matched: 0, Expected: "exactly 0"}, ""},
		"at least one": {control.Expectation{Filter: "status<300"}, control.Verdict{Met: true, Complete: true, Matched: 2, Expected: "at least 1"}, ""},
		"at most":      {control.Expectation{AtMost: new(2)}, control.Verdict{Complete: true, Matched: 4, Expected: "0 to 2"}, "4 [] 3 [] 2 [] 1 []"},
	} {
		got := must(j.Verify(t.Context(), tt.expected))(t)
		nearest := ""
		for _, c := range got.Nearest {
			nearest += fmt.Sprint(c.Seq, c.Differs, " ")
		}
		if got.Nearest = nil; strings.TrimSpace(nearest) != tt.nearest {
			t.Errorf("%s: got the nearest %s, want %s", name, nearest, tt.nearest)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	har, err := json.Marshal(must(j.HAR(t.Context()))(t))
	if err != nil || !strings.Contains(string(har), `"version":"1.2"`) || strings.Count(string(har), `"startedDateTime":"2026-01-02T03:04:05Z"`) != 4 {
		t.Errorf("got %s, %v", har, err)
	}
	if _, err := j.Journal(t.Context(), "nosuch:x"); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	get(t, srv, "/_qcs/journal?limit=1").want(t, http.StatusOK)
	must[any](nil, j.ClearJournal(t.Context()))(t)
	if n := len(srv.Requests("")); n != 0 {
		t.Errorf("got %d calls after it was cleared", n)
	}
}

// TestJournalOfEqualResponses checks that the journal has responses as they were sent: equal ones,
// changed ones, and long ones with the same beginning.
func TestJournalOfEqualResponses(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	r := newRegistry(t, srv.Client(), "https://r.example.com")
	target := base + "/" + r + "/schedule?pageSize=200"
	var want []string
	read := func() {
		t.Helper()
		body := get(t, srv, target).want(t, http.StatusOK) + "\n"
		if len(body) > 16<<10 {
			body = body[:16<<10] + "…"
		}
		want = append(want, body)
	}
	read()
	read()
	newSchedule(t, srv.Client(), r, "first")
	read()
	read()
	for i := range 100 {
		newSchedule(t, srv.Client(), r, fmt.Sprint("one of many ", i))
	}
	read()
	read()
	get(t, srv, base+"/"+r).want(t, http.StatusOK)
	read()
	var got []string
	for _, e := range srv.Requests("operation:ListSchedules") {
		got = append(got, e.ResponseBody)
	}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasSuffix(got[len(got)-1], "…") {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestJournalHidesFormPasswords checks that the journal has no password of a form, whatever the escapes
// of its names and its Content-Type, and that it has the headers unchanged.
func TestJournalHidesFormPasswords(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for name, kinds := range map[string][]string{"once": {form + "; charset=UTF-8"}, "twice": {form, form}, "none": nil, "another": {"text/plain"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithoutRunner())
			if name != "once" {
				srv.Fault(control.FaultRequest{Operation: "CreateToken", Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus}})
			}
			body := "username=" + servertest.User + "&p%61ssword=" + url.QueryEscape(servertest.Password) + "&t%6fken=true"
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/auth", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header["Content-Type"] = kinds
			a, err := srv.HTTP().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = a.Body.Close()
			for _, e := range srv.Requests("") {
				if kept := fmt.Sprint(e); strings.Contains(kept, url.QueryEscape(servertest.Password)) || strings.Contains(kept, servertest.Password) {
					t.Errorf("got %s", kept)
				}
				if got := e.RequestHeaders["Content-Type"]; got != strings.Join(kinds, ", ") {
					t.Errorf("got Content-Type %q, want %q", got, kinds)
				}
			}
		})
	}
}

// TestJournalIsBounded checks that the oldest calls are dropped, that long bodies are cut, and that the
// journal can be disabled.
func TestJournalIsBounded(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.JournalCalls = 3 }))
	for range 5 {
		get(t, srv, base).want(t, http.StatusOK)
	}
	post(t, srv, base, `{"registryName":"`+strings.Repeat("x", 100_000)+`"}`).want(t, http.StatusBadRequest)
	calls := srv.Requests("")
	if len(calls) != 3 || calls[0].Seq != 4 || len(calls[2].RequestBody) > 20_000 || !strings.HasSuffix(calls[2].RequestBody, "…") {
		t.Errorf("got %d calls, the first %d, a body of %d bytes", len(calls), calls[0].Seq, len(calls[2].RequestBody))
	}
	none := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.JournalCalls = -1 }))
	get(t, none, base).want(t, http.StatusOK)
	if n := len(none.Requests("")); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
}

// TestJournalHidesSecrets checks that the journal has no passwords of users and registries, no secrets
// of connectors and no tokens, of successful and of refused calls.
func TestJournalHidesSecrets(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	token := must(c.Token(t.Context()))(t)
	login(t, srv, servertest.User, "wrong-s3cret").want(t, http.StatusUnauthorized)
	_, _ = c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeBasicAuth, Credential: api.Credential{Username: "u", Password: "reg-s3cret"}})
	_, _ = c.CreateACRConnector(t.Context(), api.ACRConnectorRequest{Name: "n", ApplicationID: "a", ClientSecret: "acr-s3cret"})
	_, _ = c.CreateGCPConnector(t.Context(), api.CreateGCPConnectorParams{Name: "g"}, []byte(strings.Replace(serviceAccount, "not-a-real-one", "gcp-s3cret", 1)))
	post(t, srv, base, `{"credential":{"password":"torn-s3cret`).want(t, http.StatusBadRequest)
	post(t, srv, base, `{"credential":{"PASSWORD":"case-s3cret"}}`).want(t, http.StatusBadRequest)
	send(t, srv, request{method: http.MethodGet, target: base, token: "Basic dGVzdGVyOm5vdCthIHJlYWwlc2VjcmV0"}).want(t, http.StatusOK)
	send(t, srv, request{method: http.MethodPost, target: base, contentType: "application/x-www-form-urlencoded", body: `{"credential":{"password":"form-s3cret"}}`}).want(t, http.StatusUnsupportedMediaType)
	hidden, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+base, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": "Bearer " + token, "Cookie": "sid=s3cret; b=c", "Proxy-Authorization": "Basic s3cret", "X-Api-Key": "s3cret"} {
		hidden.Header.Set(name, value)
	}
	must(srv.HTTP().Do(hidden))(t).Body.Close()
	data, err := json.Marshal(srv.Requests(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3cret", token, "dGVzdGVyOm5vdCth", "real%", "real%25secret"} {
		if strings.Contains(string(data), secret) {
			t.Errorf("the journal contains %q: %s", secret, data)
		}
	}
}

// TestJournalIsReproducible checks that the same calls at the same times produce the same journal, byte
// for byte.
func TestJournalIsReproducible(t *testing.T) {
	t.Parallel()
	journal := func() string {
		srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		c := srv.Client()
		registry := newRegistry(t, c, "https://r.example.com")
		for i := range 5 {
			newSchedule(t, c, registry, fmt.Sprint(i))
			srv.Advance(time.Duration(i) * time.Second)
		}
		srv.Fault(control.FaultRequest{Operation: "List*", When: control.FaultTiming{Probability: 0.5, Seed: 9}, Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: 500}})
		for range 10 {
			get(t, srv, base+"/"+registry+"/schedule?sort=name")
		}
		must(c.CancelSchedules(t.Context(), registry, client.All()))(t)
		srv.Advance(time.Hour)
		get(t, srv, base+"/"+registry+"/schedule?sort=name")
		data, err := json.Marshal(srv.Requests(""))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if first, again := journal(), journal(); first != again {
		t.Errorf("got two journals (-first +second):\n%s", cmp.Diff(first, again))
	}
}

// TestLongBodiesAreCut checks that the journal has the beginning of a long body, with a mark, and that
// it hides a long body with a secret completely, as the rest cannot be searched for secrets.
func TestLongBodiesAreCut(t *testing.T) {
	t.Parallel()
	const kept = 16 << 10
	for _, tt := range []struct{ name, body, want string }{
		{"the maximum length", strings.Repeat(" ", kept), strings.Repeat(" ", kept)},
		{"one byte more", strings.Repeat(" ", kept+1), strings.Repeat(" ", kept) + "…"},
		{"much more", strings.Repeat(" ", 3*kept), strings.Repeat(" ", kept) + "…"},
		{"with a secret", `{"credential": {"password": "p"}` + strings.Repeat(" ", kept), "***"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			post(t, srv, base, tt.body).want(t, http.StatusBadRequest)
			calls := srv.Requests("operation:CreateRegistry")
			if len(calls) != 1 || calls[0].RequestBody != tt.want {
				t.Errorf("got %d calls, want one with a body of %d bytes: %.60q…", len(calls), len(tt.want), calls[0].RequestBody)
			}
		})
	}
}

// TestJournalEntriesAreCopies checks that a caller cannot change the journal through the entries that it
// gets, although similar calls share data.
func TestJournalEntriesAreCopies(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Users: []server.User{{Name: "u", Password: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	token := must(s.Token("u"))(t)
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://qcs"+base, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		_ = must(servertest.Over(s).Do(r))(t).Body.Close()
	}
	want := s.Journal(s.DefaultWorld())
	got := s.Journal(s.DefaultWorld())
	for _, headers := range []map[string]string{got[0].RequestHeaders, got[0].ResponseHeaders} {
		clear(headers)
	}
	if diff := cmp.Diff(want, s.Journal(s.DefaultWorld())); diff != "" || len(want) != 2 || want[1].RequestHeaders["Host"] != "qcs" {
		t.Errorf("got %d calls; -want +got:\n%s", len(want), diff)
	}
}
