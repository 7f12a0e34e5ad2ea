package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// same compares a response that may be cached with one that is not: a call with X-QCS-Explain is
// never cached.
func same(t *testing.T, srv *servertest.Server, target string) {
	t.Helper()
	want := send(t, srv, request{method: http.MethodGet, target: target, explain: true})
	for _, run := range []string{"first", "second"} {
		got := get(t, srv, target)
		if got.status != want.status || withoutTime(got.body) != withoutTime(want.body) {
			t.Errorf("%s, %s call: got %d %s, want %d %s", target, run, got.status, got.body, want.status, want.body)
		}
		if want.status < http.StatusBadRequest && got.header.Get("X-QCS-Detail") != want.header.Get("X-QCS-Detail") {
			t.Errorf("%s, %s call: got detail %q, want %q", target, run, got.header.Get("X-QCS-Detail"), want.header.Get("X-QCS-Detail"))
		}
	}
}

// withoutTime removes the time from an error.
func withoutTime(body string) string {
	before, _, _ := strings.Cut(body, `"timestamp":`)
	return before
}

// parameter is a query parameter of the document.
type parameter struct {
	Ref, Name, In string
	Example       any
	Examples      map[string]struct{ Value any }
	Schema        struct {
		Ref     string `json:"$ref"`
		Type    string
		Enum    []any
		Minimum int
	}
}

// values returns the values of a parameter in the document, and variants of them.
func (p parameter) values() []string {
	all := []string{""}
	add := func(v any) {
		if v != nil {
			all = append(all, fmt.Sprint(v))
		}
	}
	add(p.Example)
	for _, e := range p.Examples {
		add(e.Value)
	}
	for _, v := range p.Schema.Enum {
		add(v)
	}
	if p.Schema.Type == "integer" {
		add(p.Schema.Minimum)
		add(p.Schema.Minimum + 1)
		return all[1:]
	}
	for _, v := range all {
		if token, isSort := strings.CutSuffix(v, ":desc"); isSort {
			add(token + ":asc")
		}
	}
	return all
}

// lists returns, by path, the query parameters of each GET of the document that has parameters.
func lists(t *testing.T) map[string][]parameter {
	t.Helper()
	var d struct {
		Paths map[string]struct {
			Parameters []json.RawMessage
			Get        struct{ Parameters []json.RawMessage }
		}
		Components struct{ Parameters, Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(openapi.JSON, &d); err != nil {
		t.Fatal(err)
	}
	all := map[string][]parameter{}
	for path, item := range d.Paths {
		for _, raw := range append(item.Get.Parameters, item.Parameters...) {
			var ref struct {
				Ref string `json:"$ref"`
			}
			if err := json.Unmarshal(raw, &ref); err != nil {
				t.Fatal(err)
			}
			if ref.Ref != "" {
				raw = d.Components.Parameters[ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]]
			}
			var p parameter
			if err := json.Unmarshal(raw, &p); err != nil {
				t.Fatal(err)
			}
			if name, isRef := strings.CutPrefix(p.Schema.Ref, "#/components/schemas/"); isRef {
				if err := json.Unmarshal(d.Components.Schemas[name], &p.Schema); err != nil {
					t.Fatal(err)
				}
			}
			if p.In == "query" && len(item.Get.Parameters) > 0 {
				all[path] = append(all[path], p)
			}
		}
	}
	return all
}

// filled returns an emulator in which each list has several items.
func filled(t *testing.T) (srv *servertest.Server, path func(string) string) {
	t.Helper()
	srv = newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	c := srv.Client()
	const registry = "0a1d9b9a-3bab-42ec-a894-4d5969a47616"
	for _, repo := range []string{"a", "b"} {
		body := api.ScheduleRequest{OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: repo}}}}}
		must(c.CreateSchedule(t.Context(), registry, body))(t)
		must(c.CreateReport(t.Context(), api.ReportRequest{Name: repo, TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY}))(t)
		srv.Advance(time.Hour)
	}
	var sha string
	for image := range c.ListImages(t.Context(), client.List{}) {
		for range 3 { // images with vulnerabilities
			n := 0
			for range c.ListVulnerabilities(t.Context(), image.Sha, client.List{}) {
				n++
			}
			if n > 1 {
				sha = image.Sha
			}
		}
	}
	return srv, strings.NewReplacer("{registryId}", registry, "{imageSha}", sha).Replace
}

// TestEachParameterIsInTheCacheKey checks that two values of a query parameter never share a cached
// response. It tests all query parameters in the document, so that it covers new ones.
func TestEachParameterIsInTheCacheKey(t *testing.T) {
	t.Parallel()
	srv, path := filled(t)
	for template, parameters := range lists(t) {
		target := path(template)
		for _, p := range parameters {
			responses := map[string]string{}
			for _, value := range p.values() {
				query := target + "?" + p.Name + "=" + url.QueryEscape(value)
				same(t, srv, query)
				got := get(t, srv, query)
				if value == "" && got.status == http.StatusBadRequest {
					continue // refused before the handler is called
				}
				responses[withoutTime(got.body)+got.header.Get("X-QCS-Detail")] = value
			}
			if len(responses) < 2 {
				t.Errorf("%s: all values of %s have the same response: the handler ignores it, or change the data of this test so that they differ for %q", template, p.Name, p.values())
			}
		}
	}
}

// TestChangesInvalidateTheCache checks that after each kind of change, no list is returned that was
// cached before the change.
func TestChangesInvalidateTheCache(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	c, ctl, ctx := srv.Client(), srv.Control, t.Context()
	const registry = "0a1d9b9a-3bab-42ec-a894-4d5969a47616"
	one := base + "/" + registry
	var other, schedule string
	filters := []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "team/app"}}}}
	r := api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://other.example.com", RegistryName: "a", CredentialType: api.CredentialTypeNone}
	body := api.ScheduleRequest{Name: "nightly", OnDemand: new(false), Filters: filters, Schedule: "03:00", ScheduleScanIntervalInDays: 1}
	for _, change := range []struct {
		name string
		do   func() error
	}{
		{"create a registry", func() (err error) { other, err = c.CreateRegistry(ctx, r); return err }},
		{"update it", func() error { r.RegistryName = "b"; return c.UpdateRegistry(ctx, other, r) }},
		{"add a repository", func() error {
			_, err := ctl().AddRepository(ctx, registry, control.ScenarioRepository{RepoName: "team/app", TotalImages: 3})
			return err
		}},
		{"create a schedule", func() (err error) { schedule, err = c.CreateSchedule(ctx, registry, body); return err }},
		{"update it", func() error { body.Name = "daily"; return c.UpdateSchedule(ctx, registry, schedule, body) }},
		{"its scan", func() error { srv.Advance(48 * time.Hour); return nil }},
		{"cancel one after a snapshot", func() error {
			if _, err := ctl().Save(ctx, "before"); err != nil {
				return err
			}
			return c.CancelSchedule(ctx, registry, registry)
		}},
		{"restore the snapshot", func() error { return ctl().Restore(ctx, "before") }},
		{"force a status", func() error { return ctl().Force(ctx, registry, schedule, "Error") }},
		{"cancel all", func() error { _, err := c.CancelSchedules(ctx, registry, client.Filter("status:*")); return err }},
		{"delete one", func() error { return c.DeleteSchedule(ctx, registry, schedule) }},
		{"delete all", func() error { _, err := c.DeleteSchedules(ctx, registry, client.Filter("name:*")); return err }},
		{"delete a registry", func() error { _, err := c.DeleteRegistry(ctx, other); return err }},
		{"reset the world", func() error { return ctl().ResetWorld(ctx, "default", control.WorldReset{Seed: "small"}) }},
		{"reset all", func() error { return ctl().ResetData(ctx, control.WorldReset{Seed: "release-notes"}) }},
	} {
		targets := []string{base, base + "?filter=registryType:V2", one, one + "/schedule", one + "/schedule?filter=status:Queued", one + "/repository", "/csapi/v1.3/images", "/csapi/v1.1/registry"}
		before := ""
		for _, target := range targets {
			before += get(t, srv, target).body
		}
		if err := change.do(); err != nil {
			t.Fatalf("%s: %v", change.name, err)
		}
		srv.Settle()
		after := ""
		for _, target := range targets {
			same(t, srv, target)
			after += get(t, srv, target).body
		}
		if before == after {
			t.Errorf("%s: no list has changed", change.name)
		}
	}
}

// TestCacheOfARecreatedWorld checks that a new world does not get the cached responses of a dropped
// world with the same name.
func TestCacheOfARecreatedWorld(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for _, seed := range []string{"release-notes", "small"} {
		w, err := srv.Control().CreateWorld(t.Context(), control.WorldRequest{Name: "again", Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		r := request{method: http.MethodGet, target: base, token: "Bearer " + w.Users[0].Token}
		first, second := send(t, srv, r).want(t, http.StatusOK), send(t, srv, r).want(t, http.StatusOK)
		r.explain = true
		if want := send(t, srv, r).want(t, http.StatusOK); first != want || second != want {
			t.Errorf("%s: got %s and %s, want %s", seed, first, second, want)
		}
		if err := srv.Control().DropWorld(t.Context(), "again"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTimeDependentResponsesAreNotCached checks a filter with a time, which matches other rows later,
// and the list of reports, whose states change without a write.
func TestTimeDependentResponsesAreNotCached(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	must(srv.Client().CreateReport(t.Context(), api.ReportRequest{Name: "n", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY}))(t)
	recent, reports := base+"?filter="+url.QueryEscape("created>now-1h"), "/csapi/v1.3/reports"
	before, generating := get(t, srv, recent).body, get(t, srv, reports).body
	srv.Advance(time.Hour)
	if same(t, srv, recent); get(t, srv, recent).body == before {
		t.Errorf("the filter matches the same registries an hour later")
	}
	if after := get(t, srv, reports).body; after == generating || !strings.Contains(after, `"GENERATED"`) {
		t.Errorf("got %s an hour later", after)
	}
}

// TestWithoutCache checks that the responses are the same without the cache.
func TestWithoutCache(t *testing.T) {
	t.Parallel()
	var bodies []string
	for _, bytes := range []int64{0, -1} {
		srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.CacheBytes = bytes }))
		same(t, srv, base)
		bodies = append(bodies, get(t, srv, base).want(t, http.StatusOK))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("got %s without the cache, want %s", bodies[1], bodies[0])
	}
}

// TestRoleIsInTheCacheKey checks that a user without a scope is refused what is cached for a manager,
// and that a reader gets a response.
func TestRoleIsInTheCacheKey(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"))
	w, err := emulator.New(srv.URL, "", srv.HTTP()).CreateWorld(t.Context(), control.WorldRequest{Name: "roles", Seed: "small", Users: []control.UserRequest{
		{Name: "m"}, {Name: "r", Role: "reader"}, {Name: "s", Role: "subuser"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i, status := range []int{http.StatusOK, http.StatusOK, http.StatusForbidden} {
			send(t, srv, request{method: http.MethodGet, target: base, token: "Bearer " + w.Users[i].Token}).want(t, status)
		}
	}
}
