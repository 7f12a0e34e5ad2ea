package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/servertest"
)

// base is the path of the registries, with which the sample calls of the release notes begin.
const base = "/csapi/v1.3/registry"

// request is a raw call, for requests that the SDK cannot send.
type request struct {
	method, target string
	contentType    string
	body           string
	token          string // "-" for none, empty for a valid one
	explain        bool   // request all violations
	headers        map[string]string
}

// response is the response to a raw call.
type response struct {
	status int
	header http.Header
	body   string
}

// send makes a raw call.
func send(t *testing.T, srv *servertest.Server, r request) response {
	t.Helper()
	hr, err := http.NewRequestWithContext(t.Context(), r.method, srv.URL+r.target, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.contentType != "" {
		hr.Header.Set("Content-Type", r.contentType)
	}
	for name, value := range r.headers {
		hr.Header.Set(name, value)
	}
	if r.explain {
		hr.Header.Set("X-QCS-Explain", "all")
	}
	switch r.token {
	case "-":
	case "":
		hr.Header.Set("Authorization", "Bearer "+srv.Token())
	default:
		hr.Header.Set("Authorization", r.token)
	}
	got, err := srv.HTTP().Do(hr)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{got.StatusCode, got.Header, strings.TrimSpace(string(body))}
}

// get makes a raw GET.
func get(t *testing.T, srv *servertest.Server, target string) response {
	t.Helper()
	return send(t, srv, request{method: http.MethodGet, target: target})
}

// post makes a raw POST of JSON.
func post(t *testing.T, srv *servertest.Server, target, body string) response {
	t.Helper()
	return send(t, srv, request{method: http.MethodPost, target: target, contentType: "application/json", body: body})
}

// want fails the test unless the response has a status; it returns the body.
func (r response) want(t *testing.T, status int) string {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d %s %s, want %d", r.status, r.body, r.header.Get("X-QCS-Detail"), status)
	}
	return r.body
}

// refused fails the test unless the response is a refusal in the vendor's format, with a detail that
// contains a text.
func (r response) refused(t *testing.T, status int, detail string) {
	t.Helper()
	var e api.ResponseError
	if err := json.Unmarshal([]byte(r.want(t, status)), &e); err != nil || e.Timestamp == 0 || e.Message == "" || !strings.HasPrefix(e.ErrorCode, strconv.Itoa(status)+" ") {
		t.Errorf("got body %s, want the vendor's format", r.body)
	}
	if got := r.header.Get("X-QCS-Detail"); !strings.Contains(got, detail) {
		t.Errorf("got detail %q, want one with %q", got, detail)
	}
}

// field reads a text of a JSON object.
func field(t *testing.T, body, name string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	text, _ := object[name].(string)
	if text == "" {
		t.Fatalf("%s has no %s", body, name)
	}
	return text
}

// jobState returns the state of a job that has ended.
func jobState(t *testing.T, srv *servertest.Server, id string) control.Job {
	t.Helper()
	srv.Settle()
	var job control.Job
	if err := json.Unmarshal([]byte(get(t, srv, "/_qcs/jobs/"+id).want(t, http.StatusOK)), &job); err != nil {
		t.Fatal(err)
	}
	if job.Ended == 0 {
		t.Fatalf("job %s has not ended: %+v", id, job)
	}
	return job
}

// statuses counts the schedules of a registry by status.
func statuses(t *testing.T, c *client.Client, registryID string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for s, err := range c.ListSchedules(t.Context(), registryID, client.List{}) {
		if err != nil {
			t.Fatal(err)
		}
		counts[string(s.Status)]++
	}
	return counts
}

// newRegistry adds a registry.
func newRegistry(t *testing.T, c *client.Client, uri string) string {
	t.Helper()
	id, err := c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: uri, CredentialType: api.CredentialTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// registryRequest is the body of a registry without credentials.
func registryRequest(uri string) api.RegistryRequest {
	return api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: uri, CredentialType: api.CredentialTypeNone}
}

// scan is the body of a schedule for a scan at once.
func scan(name, repo string) api.ScheduleRequest {
	return api.ScheduleRequest{Name: name, OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: repo}}}}}
}

// newSchedule adds a schedule for a scan at once.
func newSchedule(t *testing.T, c *client.Client, registryID, name string) string {
	t.Helper()
	id, err := c.CreateSchedule(t.Context(), registryID, scan(name, "team/app"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}
