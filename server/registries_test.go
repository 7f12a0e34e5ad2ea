package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestRegistryLifeCycle(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	c := srv.Client()
	body := api.RegistryRequest{
		RegistryType: api.RegistryTypeAWS, RegistryURI: "https://123456789012.dkr.ecr.us-east-1.amazonaws.com", RegistryName: "my-ecr", CredentialType: api.CredentialTypeAWS,
		AWS: api.AWSRequest{AccountID: "123456789012", Arn: "arn:aws:iam::123456789012:role/scan-role", Region: "us-east-1", AccountType: api.AWSRequestAccountTypeGlobal},
	}
	if ok, err := c.ValidateRegistry(t.Context(), body); err != nil || !ok {
		t.Fatalf("validate before: got %v, %v, want true", ok, err)
	}
	id, err := c.CreateRegistry(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := c.ValidateRegistry(t.Context(), body); err != nil || ok {
		t.Errorf("validate after: got %v, %v, want false: it exists", ok, err)
	}
	got, err := c.DescribeRegistry(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := api.RegistryDetails{
		RegistryUUID: id, RegistryURI: body.RegistryURI, RegistryName: "my-ecr", RegistryType: api.RegistryTypeAWS, ProviderType: "AWS", CredentialType: api.CredentialTypeAWS,
		ScheduleStatusList: api.ScheduleStatusCounts{}, Created: api.Millis(servertest.Start.UnixMilli()), Updated: api.Millis(servertest.Start.UnixMilli()),
		AWS:        api.AWS{AccountID: "123456789012", Arn: body.AWS.Arn, Name: "scan-role", Region: "us-east-1", AccountType: "Global"},
		Connectors: []api.Connector{{Arn: body.AWS.Arn, Name: "scan-role"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	job, err := c.DeleteRegistry(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DescribeRegistry(t.Context(), id); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("details after delete: got %v, want ErrNotFound at once", err)
	}
	result, err := job.Wait(t.Context(), nil)
	if err != nil || result.Changed != 1 {
		t.Errorf("got %+v, %v, want one deleted", result, err)
	}
	if _, err := c.CreateRegistry(t.Context(), body); err != nil {
		t.Errorf("create again: %v, want that the address can be used again", err)
	}
}

func TestRegistryRules(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for _, tt := range []struct{ name, body, rule string }{
		{"AWS without its group", `"registryType":"AWS","credentialType":"AWS"`, "type-needs-group"},
		{"GovCloud account in another region", `"registryType":"AWS","credentialType":"AWS","aws":{"arn":"arn:aws:iam::1:role/r","region":"us-east-1","accountType":"US_Gov"}`, "gov-region"},
		{"Azure without its group", `"registryType":"Azure","credentialType":"ACR"`, "type-needs-group"},
		{"ACR without its group", `"registryType":"ACR","credentialType":"ACR","acr":{}`, "type-needs-group"},
		{"GCP without its group", `"registryType":"GCP","credentialType":"None"`, "type-needs-group"},
		{"Artifact Registry without its group", `"registryType":"GOOGLE_ARTIFACT_REGISTRY","credentialType":"None"`, "type-needs-group"},
		{"BasicAuth without password", `"registryType":"V2","credentialType":"BasicAuth","credential":{"username":"a"}`, "needs-credential"},
		{"DockerHub without credential", `"registryType":"DockerHub","credentialType":"DockerHub"`, "needs-credential"},
		{"Token without token", `"registryType":"V2","credentialType":"Token"`, "needs-credential"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := `{"registryUri":"https://r.example.com",` + tt.body + `}`
			post(t, srv, base, body).refused(t, http.StatusBadRequest, "rule "+tt.rule)
			if got := post(t, srv, base+"/validate", body).want(t, http.StatusOK); got != "false" {
				t.Errorf("validate: got %s, want false", got)
			}
		})
	}
}

func TestRegistryTypesOfIntegrations(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	post(t, srv, base+"/acr/connector", `{"name":"my-connector","applicationId":"a","clientSecret":"s","connectorId":"c1"}`).want(t, http.StatusOK)
	postFile(t, srv, base+"/gcp/connector?name=google&connectorId=c", "file", serviceAccount).want(t, http.StatusOK)
	for i, tt := range []struct{ body, wantType string }{
		{`"registryType":"ACR","registryName":"my-acr","credentialType":"ACR","acr":{"connectorName":"my-connector"}`, "Azure"},
		{`"registryType":"Azure","credentialType":"None","acr":{"connectorId":"c1"}`, "Azure"},
		{`"registryType":"AWS","credentialType":"AWS","aws":{"arn":"arn:aws-us-gov:iam::123456789012:role/r","region":"us-gov-west-1","accountType":"US_Gov"}`, "AWS"},
		{`"registryType":"GCP","credentialType":"None","gcp":{"connectorId":"c","location":"eu","projectId":"p"}`, "GCP"},
		{`"registryType":"GOOGLE_ARTIFACT_REGISTRY","credentialType":"None","gcar":{"connectorId":"c","projectId":"p","registry":"r"}`, "GOOGLE_ARTIFACT_REGISTRY"},
		{`"registryType":"DockerHub","credentialType":"DockerHub","dockerHubOrgName":"org","credential":{"username":"u","password":"p"}`, "DockerHub"},
		{`"registryType":"V2","credentialType":"Token","accessToken":"t"`, "V2"},
	} {
		created := post(t, srv, base, fmt.Sprintf(`{"registryUri":"https://r%d.example.com",%s}`, i, tt.body)).want(t, http.StatusOK)
		got := get(t, srv, base+"/"+field(t, created, "registryUuid")).want(t, http.StatusOK)
		if field(t, got, "registryType") != tt.wantType {
			t.Errorf("%s: got %s, want type %s", tt.body, got, tt.wantType)
		}
	}
}

func TestUpdateRegistry(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	id := newRegistry(t, c, "https://r.example.com")
	body := api.RegistryRequest{
		RegistryType: api.RegistryTypeV2Private, RegistryURI: "https://r.example.com", RegistryName: "renamed", CredentialType: api.CredentialTypeBasicAuth,
		Credential: api.Credential{Username: "scanner", Password: "p"},
	}
	if err := c.UpdateRegistry(t.Context(), id, body); err != nil {
		t.Fatal(err)
	}
	got, err := c.DescribeRegistry(t.Context(), id)
	if err != nil || got.RegistryName != "renamed" || got.Credential.Username != "scanner" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, change := range []func(*api.RegistryRequest){
		func(b *api.RegistryRequest) { b.RegistryType = api.RegistryTypeV2 },
		func(b *api.RegistryRequest) { b.RegistryURI = "https://other.example.com" },
	} {
		changed := body
		change(&changed)
		if err := c.UpdateRegistry(t.Context(), id, changed); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid: type and address cannot be updated", changed, err)
		}
	}
	if err := c.UpdateRegistry(t.Context(), "nosuch", body); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestDuplicateURIUnderConcurrency(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{"in memory": "", "in a file": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Data = data }))
			c := srv.Client()
			var group sync.WaitGroup
			errs := make([]error, 16)
			for i := range errs {
				group.Go(func() {
					_, errs[i] = c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://one.example.com", CredentialType: api.CredentialTypeNone})
				})
			}
			group.Wait()
			made := 0
			for _, err := range errs {
				switch {
				case err == nil:
					made++
				case !errors.Is(err, client.ErrInvalid):
					t.Errorf("got %v, want ErrInvalid for all but one", err)
				}
			}
			if made != 1 {
				t.Errorf("got %d registries, want 1", made)
			}
		})
	}
}

func TestDeleteRegistriesIsAtomicPerRegistry(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	c := srv.Client()
	const quiet = "8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb"
	before := statuses(t, c, sampleRegistry)
	job, err := c.DeleteRegistries(t.Context(), sampleRegistry, "nosuch", quiet, quiet, "")
	if err != nil {
		t.Fatal(err)
	}
	state := jobState(t, srv, job.IDs[0])
	if diff := cmp.Diff([]control.JobOutcome{
		{RegistryUUID: sampleRegistry, Outcome: control.JobOutcomeOutcomeRunning},
		{RegistryUUID: "nosuch", Outcome: control.JobOutcomeOutcomeNotFound},
		{RegistryUUID: quiet, Outcome: control.JobOutcomeOutcomeDeleted},
	}, state.Outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if state.Total != 3 || state.Done != 3 || state.Matched != 2 || state.Changed != 1 {
		t.Errorf("got %+v", state)
	}
	if diff := cmp.Diff(before, statuses(t, c, sampleRegistry)); diff != "" {
		t.Errorf("the registry with a Running schedule has changed (-before +after):\n%s", diff)
	}
	if _, err := c.DeleteRegistry(t.Context(), sampleRegistry); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("delete one while running: got %v, want ErrInvalid", err)
	}
}

func TestDeleteRegistriesForms(t *testing.T) {
	t.Parallel()
	const id = "95b715e0-0fc7-4dac-b4de-2e1b92fc527d"
	for _, tt := range []struct {
		name, query, contentType, body string
		status, deleted                int
	}{
		{"query", "?registryIds=" + id, "", "", 200, 1},
		{"query and {} with a content type", "?registryIds=" + id, "application/json", "{}", 200, 1},
		{"object", "", "application/json", `{"registryIds":["` + id + `"]}`, 200, 1},
		{"bare array", "", "application/json", `["` + id + `"]`, 200, 1},
		{"query wins over body", "?registryIds=nosuch", "application/json", `["` + id + `"]`, 200, 0},
		{"empty query, body counts", "?registryIds=", "application/json", `["` + id + `"]`, 200, 1},
		{"content type without a body", "?registryIds=" + id, "application/json", "", 200, 1},
		{"nothing", "", "", "", 400, 0},
		{"{} alone", "", "application/json", "{}", 400, 0},
		{"empty array", "", "application/json", "[]", 400, 0},
		{"a string", "", "application/json", `"` + id + `"`, 400, 0},
		{"null", "", "application/json", `null`, 400, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
			body := send(t, srv, request{method: http.MethodDelete, target: base + tt.query, contentType: tt.contentType, body: tt.body}).want(t, tt.status)
			if tt.status == http.StatusOK {
				if job := jobState(t, srv, field(t, body, "deletionJobId")); job.Changed != tt.deleted {
					t.Errorf("got %d deleted, want %d", job.Changed, tt.deleted)
				}
			}
		})
	}
}

func TestListsOfRegistriesAndRepositories(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	c := srv.Client()
	for _, tt := range []struct {
		list client.List
		want []string
	}{
		{client.List{Sort: "registryUri"}, []string{"cancel", "delete", "one", "registry", "three", "two"}},
		{client.List{Sort: "registryUri:desc", PageSize: 4, Limit: 5}, []string{"two", "three", "registry", "one", "delete"}},
		{client.List{Sort: "registryUri", PageSize: 2, Page: 2}, []string{"one", "registry", "three", "two"}},
		{client.List{}, []string{"registry", "cancel", "delete", "one", "two", "three"}},
		{client.List{Filter: `registryUri:"https://t" OR repoCount:2`, Sort: "registryUri"}, []string{"registry", "three", "two"}},
		{client.List{Filter: `registryUri:"nothing"`}, nil},
	} {
		var got []string
		for r, err := range c.ListRegistries(t.Context(), tt.list) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.RegistryURI[len("https://"):len(r.RegistryURI)-len(".example.com")])
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.list, diff)
		}
	}
	var names []string
	for r, err := range c.ListRepositories(t.Context(), sampleRegistry, client.List{Filter: "totalImages>0"}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, r.RepoName)
	}
	if diff := cmp.Diff([]string{"team/app", "team/db"}, names); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	get(t, srv, base+"/nosuch/repository").refused(t, http.StatusNotFound, "")
}

// TestTotalsAfterChanges checks that the total of a list is correct after changes, even if the list
// was read before.
func TestTotalsAfterChanges(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	counts := func() (all []string) {
		for _, filter := range []string{"", "registryName:renamed", "registryType:V2_PRIVATE", "repoCount>0"} {
			text := get(t, srv, base+"?pageSize=1&filter="+url.QueryEscape(filter)).want(t, http.StatusOK)
			count, _, _ := strings.Cut(strings.TrimPrefix(text, `{"count":`), ",")
			all = append(all, count)
		}
		return all
	}
	expect := func(what string, want ...string) {
		t.Helper()
		for range 2 {
			if diff := cmp.Diff(want, counts()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
	}
	expect("at first", "0", "0", "0", "0")
	id := newRegistry(t, c, "https://one.example.com")
	other := newRegistry(t, c, "https://two.example.com")
	expect("two more", "2", "0", "2", "0")
	if err := c.UpdateRegistry(t.Context(), id, api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: "https://one.example.com", CredentialType: api.CredentialTypeNone, RegistryName: "renamed"}); err != nil {
		t.Fatal(err)
	}
	expect("one renamed", "2", "1", "2", "0")
	newSchedule(t, c, other, "scan")
	srv.Advance(time.Hour)
	expect("one scanned", "2", "1", "2", "1")
	if _, err := c.DeleteRegistry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	expect("one hidden", "1", "0", "1", "1")
	srv.Settle()
	if err := srv.Control().ResetWorld(t.Context(), "default", control.WorldReset{}); err != nil {
		t.Fatal(err)
	}
	expect("after a reset", "0", "0", "0", "0")
}
