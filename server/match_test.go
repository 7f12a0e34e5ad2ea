package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// answers returns the statuses of a call that is made several times; 0 stands for a connection that was cut before the response, and -1
// for one that was cut within it.
func answers(t *testing.T, srv *servertest.Server, target string, times int) (all []int) {
	t.Helper()
	for range times {
		head, body := socket(t, srv, target)
		status := 0
		_, _ = fmt.Sscanf(head, "HTTP/1.1 %d", &status)
		if status == http.StatusOK && !strings.HasSuffix(strings.TrimSpace(body), "}") {
			status = -1
		}
		all = append(all, status)
	}
	return all
}

// TestOrderOfFaults checks that a call counts for each fault that matches it, also for those that do not
// apply to it, and that a sequence is the same in one fault.
func TestOrderOfFaults(t *testing.T) {
	t.Parallel()
	reset := control.FaultEffect{Kind: control.FaultEffectKindReset}
	truncate := control.FaultEffect{Kind: control.FaultEffectKindTruncate}
	down := control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: http.StatusServiceUnavailable}
	want := []int{0, -1, http.StatusServiceUnavailable, http.StatusOK}
	for name, faults := range map[string][]control.FaultRequest{
		"three faults": {{When: control.FaultTiming{Nth: 1}, Effect: reset}, {When: control.FaultTiming{Nth: 2}, Effect: truncate}, {When: control.FaultTiming{Nth: 3}, Effect: down}},
		"a sequence":   {{Sequence: []control.FaultEffect{reset, truncate, down}}},
	} {
		srv := newServer(t, servertest.WithPort(), servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		for _, f := range faults {
			srv.Fault(f)
		}
		if diff := cmp.Diff(want, answers(t, srv, base, len(want))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, f := range must(srv.Control().Faults(t.Context()))(t) {
			if f.Calls != 4 || f.Hits != int64(max(1, len(f.Sequence))) {
				t.Errorf("%s: got %d calls and %d hits", name, f.Calls, f.Hits)
			}
		}
		login(t, srv, servertest.User, servertest.Password).want(t, http.StatusCreated)
	}
	srv := newServer(t, servertest.WithoutRunner())
	srv.Fault(control.FaultRequest{Effect: down})
	login(t, srv, servertest.User, servertest.Password).want(t, http.StatusCreated) // no operation: not CreateToken
	get(t, srv, base).want(t, http.StatusServiceUnavailable)
	srv.Fault(control.FaultRequest{Operation: "Create*", Effect: down})
	login(t, srv, servertest.User, servertest.Password).want(t, http.StatusServiceUnavailable)
}

// TestFaultsAndVerifyMatchCalls checks each condition on a call, in a fault and in an expectation.
func TestFaultsAndVerifyMatchCalls(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Users = append(o.Users, server.User{Name: "other", Password: "p"})
	}))
	const schedule = "f677b189-8b54-46ba-9d24-624b7e98767d"
	schedules := base + "/" + sampleRegistry + "/schedule"
	agent := map[string]string{"User-Agent": "tool/7"}
	tests := []struct {
		name, user string
		match      control.CallMatch
		yes, no    request
	}{
		{"user", "tester", control.CallMatch{}, request{target: base}, request{target: base, token: "Bearer " + login(t, srv, "other", "p").body}},
		{"method", "", control.CallMatch{Method: "post"}, request{method: "POST", target: schedules + "/cancel?filter=name:x"}, request{target: schedules}},
		{"path", "", control.CallMatch{Path: "*/schedule"}, request{target: schedules}, request{target: base}},
		{"id in the path", "", control.CallMatch{IDs: []string{sampleRegistry}}, request{target: schedules}, request{target: base}},
		{"id in the query", "", control.CallMatch{IDs: []string{"b", sampleRegistry}}, request{method: "POST", target: schedules + "/cancel?scheduleIds=a&scheduleIds=b"}, request{method: "POST", target: schedules + "/cancel?scheduleIds=a"}},
		{"id in the body", "", control.CallMatch{IDs: []string{schedule}}, request{method: "DELETE", target: schedules, contentType: "application/json", body: `{"scheduleIds":["x","` + schedule + `"]}`}, request{method: "DELETE", target: schedules, contentType: "application/json", body: `{"scheduleIds":["x"]}`}},
		{"query", "", control.CallMatch{Query: map[string]string{"pageSize": "1*", "filter": "*"}}, request{target: base + "?filter=&pageSize=12"}, request{target: base + "?pageSize=12"}},
		{"headers", "", control.CallMatch{Headers: map[string]string{"user-agent": "tool/*"}}, request{target: base, headers: agent}, request{target: base}},
		{"body", "", control.CallMatch{Body: `*"x"*`}, request{method: "DELETE", target: schedules, contentType: "application/json", body: `{"scheduleIds":["x"]}`}, request{method: "DELETE", target: schedules, contentType: "application/json", body: `{"scheduleIds":["y"]}`}},
	}
	for _, tt := range tests {
		for _, call := range []*request{&tt.yes, &tt.no} {
			if call.method == "" {
				call.method = http.MethodGet
			}
		}
		f := srv.Fault(control.FaultRequest{User: tt.user, Match: tt.match, Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: 599}})
		must[any](nil, srv.Control().ClearJournal(t.Context()))(t)
		if got := send(t, srv, tt.no).status; got == 599 {
			t.Errorf("%s: the fault applies to another call", tt.name)
		}
		never := control.Expectation{User: tt.user, Match: tt.match, Times: new(0)}
		if v := must(srv.Control().Verify(t.Context(), never))(t); !v.Met {
			t.Errorf("%s: another call matches: %+v", tt.name, v)
		}
		send(t, srv, tt.yes).want(t, 599)
		once := control.Expectation{User: tt.user, Match: tt.match, Times: new(1)}
		if v := must(srv.Control().Verify(t.Context(), once))(t); !v.Met {
			t.Errorf("%s: got %+v", tt.name, v)
		}
		must[any](nil, srv.Control().RemoveFault(t.Context(), f.FaultID))(t)
	}
}

// TestMisspeltNamesAreRefused checks faults and expectations that could never match, and unknown keys.
func TestMisspeltNamesAreRefused(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for _, tt := range []struct{ target, body, want string }{
		{"faults", `{"operation":"ListRegistry","effect":{"kind":"reset"}}`, `There is no operation "ListRegistry"; did you mean "ListRegistries"?`},
		{"faults", `{"user":"tseter","effect":{"kind":"reset"}}`, `The world has no user "tseter"; did you mean "tester"?`},
		{"faults", `{"effect":{"kind":"rest"}}`, `did you mean "reset"?`},
		{"faults", `{"operation":"ListRegistries","first":2,"effect":{"kind":"reset"}}`, `key "first" is not declared`},
		{"faults", `{"operatoin":"ListRegistries","effect":{"kind":"reset"}}`, `key "operatoin" is not declared; did you mean "operation"?`},
		{"faults", `{"effect":{"kind":"reset"},"when":{"frist":2}}`, `body at /when: key "frist" is not declared; did you mean "first"?`},
		{"faults", `{"operation":"ListRegistries"}`, "either an effect or a sequence"},
		{"faults", `{"effect":{"kind":"reset"},"sequence":[{"kind":"reset"}]}`, "either an effect or a sequence"},
		{"faults", `{"when":{"nth":2},"sequence":[{"kind":"reset"}]}`, "leave out first, nth and every"},
		{"faults", `{"sequence":[{"kind":"latency"}]}`, "needs a latency"},
		{"journal/verify", `{"operation":"ListRegistry","times":0}`, `did you mean "ListRegistries"?`},
		{"journal/verify", `{"user":"tseter","times":0}`, `did you mean "tester"?`},
		{"journal/verify", `{"time":0}`, `key "time" is not declared; did you mean "times"?`},
		{"journal/verify", `{"times":1,"atLeast":1}`, "either times, or atLeast and atMost"},
		{"journal/verify", `{"atLeast":2,"atMost":1}`, "atMost is less than atLeast"},
	} {
		send(t, srv, request{method: http.MethodPost, target: "/_qcs/" + tt.target, contentType: "application/json", body: tt.body}).refused(t, http.StatusBadRequest, tt.want)
	}
	if all := must(srv.Control().Faults(t.Context()))(t); len(all) != 0 {
		t.Errorf("got %v, want no fault", all)
	}
	off := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.JournalCalls = -1 }))
	if _, err := off.Control().Verify(t.Context(), control.Expectation{Times: new(0)}); err == nil || !strings.Contains(err.Error(), "no journal") {
		t.Errorf("without a journal: got %v", err)
	}
}

// TestVerifyBeyondTheJournal checks that calls that the journal has dropped never make a wrong result.
func TestVerifyBeyondTheJournal(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.JournalCalls = 10 }))
	for range 12 {
		get(t, srv, base).want(t, http.StatusOK)
	}
	for name, tt := range map[string]struct {
		expected          control.Expectation
		isMet, isComplete bool
		dropped           int
	}{
		"more than at most, unknown": {control.Expectation{AtMost: new(10)}, false, false, 2},
		"at most, however many":      {control.Expectation{AtMost: new(12)}, true, true, 2},
		"at least, met":              {control.Expectation{AtLeast: new(10)}, true, true, 2},
		"at least, unknown":          {control.Expectation{AtLeast: new(11)}, false, false, 2},
		"at least, never":            {control.Expectation{AtLeast: new(13)}, false, true, 2},
		"any number":                 {control.Expectation{AtLeast: new(0)}, true, true, 2},
		"too many":                   {control.Expectation{AtMost: new(9)}, false, true, 2},
		"another operation":          {control.Expectation{Operation: "DeleteRegistry", Times: new(0)}, true, true, 0},
	} {
		v := must(srv.Control().Verify(t.Context(), tt.expected))(t)
		if v.Met != tt.isMet || v.Complete != tt.isComplete || v.Dropped != tt.dropped {
			t.Errorf("%s: got %+v", name, v)
		}
	}
	must[any](nil, srv.Control().ClearJournal(t.Context()))(t)
	if v := must(srv.Control().Verify(t.Context(), control.Expectation{Times: new(0)}))(t); !v.Met || v.Dropped != 0 {
		t.Errorf("after it was cleared: got %+v", v)
	}
}

// TestUnmatchedCalls checks that calls without an operation or a user are kept, without their passwords.
func TestUnmatchedCalls(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.ControlToken = "control" }))
	const secret = "p4ssw0rd-p4ssw0rd"
	get(t, srv, "/csapi/v1.3/Registry?password="+secret).want(t, http.StatusNotFound)
	send(t, srv, request{method: http.MethodPatch, target: base, token: "-"}).want(t, http.StatusMethodNotAllowed)
	send(t, srv, request{method: http.MethodGet, target: base, token: "Bearer nonsense"}).want(t, http.StatusUnauthorized)
	login(t, srv, "nobody", secret).want(t, http.StatusUnauthorized)
	login(t, srv, servertest.User, secret).want(t, http.StatusUnauthorized)
	send(t, srv, request{method: http.MethodPost, target: "/auht", contentType: "text/plain", body: strings.Repeat("x", 5<<10) + " password=" + secret, token: "-"}).want(t, http.StatusNotFound)
	get(t, srv, base+"/nosuch").want(t, http.StatusNotFound) // of an operation and a user
	var got []string
	for _, e := range must(emulator.New(srv.URL, "control", srv.HTTP()).Unmatched(t.Context()))(t) {
		got = append(got, fmt.Sprint(e.Seq, " ", e.Method, " ", e.Path, " ", e.Status, " ", e.World, " ", e.Operation, "|", e.Nearest))
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, secret) || len(e.RequestBody) > 5<<10 || e.Detail == "" {
			t.Errorf("got %s", text)
		}
	}
	want := []string{
		"6 POST /auht 404  |POST /auth (CreateToken)",
		"5 POST /auth 401 default CreateToken|",
		"4 POST /auth 401  CreateToken|",
		"3 GET /csapi/v1.3/registry 401  ListRegistries|",
		"2 PATCH /csapi/v1.3/registry 405  |POST /csapi/v1.3/registry (CreateRegistry)",
		"1 GET /csapi/v1.3/Registry 404 default |GET /csapi/v1.3/registry (ListRegistries)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls := srv.Requests("status:404 AND path:*Registry"); len(calls) != 1 || calls[0].Nearest == "" {
		t.Errorf("got %v in the journal of the world, want the call with its token", calls)
	}
	get(t, srv, "/_qcs/unmatched").refused(t, http.StatusUnauthorized, "control token")
}
