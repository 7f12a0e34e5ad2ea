package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// refusal is the body of a refusal at the start of the test's clock.
func refusal(status int, name, message string) string {
	return fmt.Sprintf(`{"errorCode":"%d %s","message":%q,"timestamp":%d}`, status, name, message, servertest.Start.UnixMilli())
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	eachWay(t, refusalsToTheLetter)
}

func refusalsToTheLetter(t *testing.T, srv *servertest.Server) {
	t.Helper()
	invalid := refusal(400, "BAD_REQUEST", "Invalid Input Request.")
	const good = `{"registryType":"V2","registryUri":"https://r.example.com","credentialType":"None"}`
	for _, tt := range []struct {
		name   string
		call   request
		status int
		body   string
		detail string
	}{
		{"unknown filter token", request{target: base + "?filter=nosuchtoken:x"}, 400, invalid, `filter: at 0: token "nosuchtoken": not known here (rule filter-token, documented)`},
		{"unknown filter token with a near one", request{target: base + "?filter=registryUrl:x"}, 400, invalid, `filter: at 0: token "registryUrl": not known here; did you mean "registryUri"? (rule filter-token, documented)`},
		{"filter with a syntax error", request{target: base + "?filter=registryUri:%22x"}, 400, invalid, `filter: at 12: this quote is not closed (rule filter-syntax, chosen)`},
		{"value of a wrong type", request{target: base + "?filter=repoCount:many"}, 400, invalid, `filter: at 10: token "repoCount": expected a whole number (rule filter-value, chosen)`},
		{"bad sort", request{target: base + "?sort=bogus:up"}, 400, invalid, `sort: at 0: token "bogus": not known here (rule filter-token, documented)`},
		{"bad sort direction", request{target: base + "?sort=created:up"}, 400, invalid, `sort: at 8: token "created": sort direction must be asc or desc, for one token (rule filter-value, chosen)`},
		{"page size that is no number", request{target: base + "?pageSize=abc"}, 400, invalid, `query parameter "pageSize": not an integer`},
		{"page size zero", request{target: base + "?pageSize=0"}, 400, invalid, `query parameter "pageSize": number must be at least 1`},
		{"page size too large", request{target: base + "?pageSize=1001"}, 400, invalid, `query parameter "pageSize": number must be at most 1000`},
		{"repeated page size", request{target: base + "?pageSize=1&pageSize=2"}, 400, invalid, `query parameter "pageSize": given more than once (rule repeated-parameter, chosen; --strictness=vendor: the first counts)`},
		{"undocumented parameter", request{target: base + "?undocumented=1"}, 400, invalid, `query parameter "undocumented": not known to ListRegistries (rule unknown-parameter, chosen; --strictness=vendor: ignored)`},
		{"ids with a comma", request{method: "DELETE", target: base + "?registryIds=a,b"}, 400, invalid, `query parameter "registryIds": holds a comma; repeat the parameter for each item (rule comma-list, inferred; --strictness=vendor: split at the commas)`},
		{"malformed JSON", request{method: "POST", target: base, contentType: "application/json", body: `{"registryType":`}, 400, invalid, `body: not valid JSON`},
		{"a compressed body", request{method: "POST", target: base, contentType: "application/json", body: "\x1f\x8b\x08", headers: map[string]string{"Content-Encoding": "gzip"}}, 415, refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported content type."), `header Content-Encoding: the body must not be compressed (rule content-encoding, chosen)`},
		{"trailing bytes", request{method: "POST", target: base, contentType: "application/json", body: good + " x"}, 400, invalid, `body: has bytes after the JSON value (rule trailing-bytes, chosen; --strictness=vendor: ignored)`},
		{"key in another case", request{method: "POST", target: base + "/" + sampleRegistry + "/schedule", contentType: "application/json", body: `{"OnDemand":true,"filters":[{"repoTags":[{"repo":"a"}]}]}`}, 400, invalid, `body: key "OnDemand" must be written "onDemand" (rule case-variant-key, chosen; --strictness=vendor: ignored, as any unknown key)`},
		{"missing field", request{method: "POST", target: base, contentType: "application/json", body: `{"registryType":"V2","credentialType":"None"}`}, 400, invalid, `body at /registryUri: property "registryUri" is missing`},
		{"content type", request{method: "POST", target: base, contentType: "text/xml", body: good}, 415, refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported content type."), `header Content-Type: expected application/json (rule content-type, chosen)`},
		{"body too large", request{method: "POST", target: base, contentType: "application/json", body: strings.Repeat(" ", 1<<20) + good}, 413, refusal(413, "PAYLOAD_TOO_LARGE", "Request body too large."), `body: more than 1048576 bytes (rule body-too-large, chosen)`},
		{"user and password in an address", request{method: "POST", target: base, contentType: "application/json", body: `{"registryType":"V2","registryUri":"https://u:p@r.example.com","credentialType":"None"}`}, 400, invalid, `rule document, inferred`},
		{"a long detail is cut", request{target: base + "?" + strings.Repeat("x", 5000) + "=1"}, 400, invalid, `xxx... (rule unknown-parameter`},
		{"a large body that is not allowed", request{target: base, body: strings.Repeat("x", 2<<20)}, 400, invalid, `body: ListRegistries takes none (rule unexpected-body`},
		{"a number with a point", request{method: "POST", target: base + "/" + sampleRegistry + "/schedule", contentType: "application/json", body: `{"filters":[{"days":7.0,"repoTags":[{"repo":"a"}]}]}`}, 400, invalid, `whole numbers are written without point`},
		{"invalid UTF-8", request{method: "POST", target: base, contentType: "application/json", body: "{\"a\":\"\xff\"}"}, 400, invalid, `not valid UTF-8`},
		{"an encoded slash is a part of an id", request{target: base + "/%2F"}, 404, refusal(404, "NOT_FOUND", "Not found."), `registry: not found`},
		{"unknown path", request{target: "/csapi/v1.3/registri"}, 404, refusal(404, "NOT_FOUND", "Not found."), `the document has no such path; the nearest is /csapi/v1.3/registry`},
		{"unknown registry", request{target: base + "/nosuch"}, 404, refusal(404, "NOT_FOUND", "Not found."), `registry: not found`},
		{"path parameter with a slash", request{target: base + "/no/such"}, 404, refusal(404, "NOT_FOUND", "Not found."), `the document has no such path`},
		{"wrong method", request{method: "PATCH", target: base}, 405, refusal(405, "METHOD_NOT_ALLOWED", "Method not allowed."), `the path takes DELETE, GET, HEAD, POST`},
		{"no token", request{target: base, token: "-"}, 401, refusal(401, "UNAUTHORIZED", "Unauthorized user."), `no Authorization header`},
		{"not a token", request{target: base, token: "Bearer x"}, 401, refusal(401, "UNAUTHORIZED", "Unauthorized user."), `the token is not one of this server`},
		{"token before validation", request{target: base + "?undocumented=1", token: "-"}, 401, refusal(401, "UNAUTHORIZED", "Unauthorized user."), `no Authorization header`},
		{"path before token", request{target: "/nosuch", token: "-"}, 404, refusal(404, "NOT_FOUND", "Not found."), `the document has no such path`},
		{"no selection", request{method: "POST", target: base + "/" + sampleRegistry + "/schedule/cancel?scheduleIds=&filter="}, 400, refusal(400, "BAD_REQUEST", "Neither scheduleIds nor filter is given."), `rule no-selection, chosen`},
		{"job id that is no UUID", request{target: "/_qcs/jobs/x"}, 400, invalid, `path parameter "jobId": not a valid uuid`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.call.method == "" {
				tt.call.method = http.MethodGet
			}
			got := send(t, srv, tt.call)
			got.refused(t, tt.status, tt.detail)
			if got.body != tt.body {
				t.Errorf("got  %s\nwant %s", got.body, tt.body)
			}
		})
	}
}

func TestAllowOfWrongMethods(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for target, want := range map[string]string{base: "DELETE, GET, HEAD, POST", base + "/validate": "POST", base + "/x/schedule/bulk": "DELETE", "/auth": "POST", "/healthz": "GET, HEAD"} {
		got := send(t, srv, request{method: http.MethodPatch, target: target})
		if got.want(t, http.StatusMethodNotAllowed); got.header.Get("Allow") != want {
			t.Errorf("%s: got Allow %q, want %q", target, got.header.Get("Allow"), want)
		}
	}
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(tokensOfWorld))
	token := "Bearer " + srv.Token()
	send(t, srv, request{method: http.MethodGet, target: base, token: token}).want(t, http.StatusOK)
	srv.Advance(4*time.Hour - time.Second)
	send(t, srv, request{method: http.MethodGet, target: base, token: token}).want(t, http.StatusOK)
	srv.Advance(time.Second)
	got := send(t, srv, request{method: http.MethodGet, target: base, token: token})
	got.refused(t, http.StatusUnauthorized, "expired")
	if !strings.Contains(got.body, "JWT expired") {
		t.Errorf("got %s, want a message with JWT expired, which clients search for", got.body)
	}
}

func TestVendorStrictness(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Strictness, o.Logger = contract.Vendor, slog.New(slog.NewTextHandler(&log, nil))
	}))
	get(t, srv, base+"?undocumented=1&pageSize=2&pageSize=9&pageNumber=").want(t, http.StatusOK)
	body := send(t, srv, request{method: http.MethodDelete, target: base + "/" + sampleRegistry + "/schedule/bulk?scheduleIds=f677b189-8b54-46ba-9d24-624b7e98767d,5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a03"}).want(t, http.StatusOK)
	if job := jobState(t, srv, field(t, body, "deletionJobId")); job.Changed != 2 {
		t.Errorf("got %d deleted by a comma list, want 2", job.Changed)
	}
	twice := "username=" + servertest.User + "&username=nobody&token=true&password=" + url.QueryEscape(servertest.Password)
	// the first counts
	send(t, srv, request{method: http.MethodPost, target: "/auth", contentType: form, body: twice, token: "-"}).want(t, http.StatusCreated)
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "rule=comma-list") {
		t.Errorf("got log %s, want a warning of the comma list", log.String())
	}
	post(t, srv, base, `{"registryType":"V2","RegistryType":"Nope","registryUri":"https://r.example.com","credentialType":"None"} x`).want(t, http.StatusOK)
	get(t, srv, base+"?pageSize=abc").refused(t, http.StatusBadRequest, "not an integer")
}

// TestIgnoredKeysHaveNoEffect: a key that differs from a known one by case is an unknown key. With
// the strictness Vendor, which ignores unknown keys, it selects nothing.
func TestIgnoredKeysHaveNoEffect(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Strictness = contract.Vendor }))
	schedules := base + "/" + sampleRegistry + "/schedule"
	lists := []string{base, schedules}
	read := func() (all string) {
		for _, list := range lists {
			all += get(t, srv, list).want(t, http.StatusOK)
		}
		return all
	}
	before := read()
	for _, tt := range []struct{ target, key, id string }{
		{base, "RegistryIds", sampleRegistry}, {base, "REGISTRYIDS", sampleRegistry}, {base, "regi\u017ftryIds", sampleRegistry},
		{schedules, "ScheduleIds", "f677b189-8b54-46ba-9d24-624b7e98767d"}, {schedules, "Filter", "status:Running"},
	} {
		var body string
		if body = `{"` + tt.key + `":["` + tt.id + `"]}`; tt.key == "Filter" {
			body = `{"Filter":"` + tt.id + `"}`
		}
		call := request{method: http.MethodDelete, target: tt.target, contentType: "application/json", body: body}
		send(t, srv, call).refused(t, http.StatusBadRequest, "no-selection")
	}
	srv.Settle()
	if after := read(); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
}

func TestExplainListsAllViolations(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	const secret = "s3cret-s3cret"
	body := `{"registryType":"Nope","credentialType":7,"credential":{"username":1,"password":"` + secret + `"}}`
	call := request{method: http.MethodPost, target: base + "?x=1&y=2", contentType: "application/json", body: body}
	got := send(t, srv, call)
	got.refused(t, http.StatusBadRequest, `query parameter "x": not known to CreateRegistry`)
	if strings.Contains(got.header.Get("X-QCS-Detail"), ";") && strings.Contains(got.header.Get("X-QCS-Detail"), `"y"`) {
		t.Errorf("got %s without X-QCS-Explain", got.header.Get("X-QCS-Detail"))
	}
	call.explain = true
	got = send(t, srv, call)
	for _, want := range []string{`"x": not known`, `"y": not known`, "body at /registryType", "body at /credentialType", "body at /credential/username", "body at /registryUri"} {
		got.refused(t, http.StatusBadRequest, want)
	}
	if detail := got.header.Get("X-QCS-Detail"); strings.Contains(detail, secret) {
		t.Errorf("got %s, which contains a secret", detail)
	}
	call.target, call.body = base, `{"registryType":"V2","registryUri":"https://explained.example.com","credentialType":"None"}`
	send(t, srv, call).want(t, http.StatusOK)
}

// TestHeadIsAGetWithoutBody checks HEAD on the vendor's API and the control API, over a connection and without.
func TestHeadIsAGetWithoutBody(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithPort())
	for _, tt := range []struct {
		target string
		status int
	}{
		{base, http.StatusOK}, {base, http.StatusOK}, {base + "?pageSize=0", http.StatusBadRequest}, {base + "/nosuch", http.StatusNotFound},
		{"/_qcs/clock", http.StatusOK}, {"/csapi/v1.3/nosuch", http.StatusNotFound}, {"/healthz", http.StatusOK},
	} {
		want, got := get(t, srv, tt.target), send(t, srv, request{method: http.MethodHead, target: tt.target})
		if got.status != tt.status || got.body != "" || got.header.Get("Content-Type") != want.header.Get("Content-Type") || got.header.Get("X-QCS-Detail") != want.header.Get("X-QCS-Detail") {
			t.Errorf("%s: got %d %v with %q, want the headers of %v", tt.target, got.status, got.header, got.body, want.header)
		}
	}
	send(t, srv, request{method: http.MethodHead, target: "/auth", token: "-"}).want(t, http.StatusMethodNotAllowed)
	e := srv.Requests("method:HEAD AND operation:ListRegistries AND status:200")
	if len(e) != 2 || e[0].ResponseBody != "" {
		t.Errorf("got %+v in the journal", e)
	}
}

// TestByteOrderMark checks that the mark before a JSON body is ignored, by the binders and the reference.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	for _, v := range []server.Validate{server.ValidateGenerated, server.ValidateReference} {
		srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Validate = v }))
		post(t, srv, base, "\ufeff"+`{"registryType":"V2","registryUri":"https://r.example.com","credentialType":"None"}`).want(t, http.StatusOK)
		post(t, srv, base, "\ufeff\ufeff{}").refused(t, http.StatusBadRequest, "not valid JSON")
		send(t, srv, request{method: http.MethodPut, target: "/_qcs/clock", contentType: "application/json", body: "\ufeff" + `{"mode":"frozen","now":"0"}`}).want(t, http.StatusOK)
		if now := must(srv.Control().Clock(t.Context()))(t).Now; now != 0 {
			t.Errorf("got %d, want the clock at 0", now)
		}
	}
}
