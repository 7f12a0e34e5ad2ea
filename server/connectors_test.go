package server_test

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// serviceAccount is a key file without a key.
const serviceAccount = `{"type":"service_account","project_id":"my-project","client_email":"scan@my-project.example.com","private_key":"not-a-real-one"}`

// postFile makes a POST of a form with one file.
func postFile(t *testing.T, srv *servertest.Server, target, name, content string) response {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(name, "key.json")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	form.Close()
	return send(t, srv, request{method: http.MethodPost, target: target, contentType: form.FormDataContentType(), body: body.String()})
}

func TestAWSConnectors(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	first, err := c.AWSBase(t.Context())
	if err != nil || first.AccountID == "" || first.ExternalID <= 0 || first.ExternalID >= 1<<31 {
		t.Errorf("got %+v, %v, want an external id that fits an int32", first, err)
	}
	if again, err := c.AWSBase(t.Context()); err != nil || again != first {
		t.Errorf("got %+v, %v, want the same", again, err)
	}
	if all, err := c.ListAWSConnectors(t.Context(), ""); err != nil || all == nil || len(all) != 0 {
		t.Errorf("got %v, %v, want an empty array", all, err)
	}
	const arn = "arn:aws:iam::123456789012:role/scan-role"
	body := api.AWSConnectorRequest{Arn: arn, Name: "scans", Description: "of Terraform", ExternalID: "1", AccountType: api.AWSConnectorRequestAccountTypeGlobal}
	if err := c.CreateAWSConnector(t.Context(), body); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateAWSConnector(t.Context(), body); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("again: got %v, want ErrInvalid", err)
	}
	if err := c.CreateAWSConnector(t.Context(), api.AWSConnectorRequest{Arn: "arn:aws:iam::999999999999:role/path/other"}); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string][]api.Connector{
		"":             {{Arn: "arn:aws:iam::999999999999:role/path/other", Name: "other"}, {Arn: arn, Name: "scans", Description: "of Terraform"}},
		"123456789012": {{Arn: arn, Name: "scans", Description: "of Terraform"}},
		"1":            {},
	} {
		got, err := c.ListAWSConnectors(t.Context(), account)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("account %q: %v (-want +got):\n%s", account, err, diff)
		}
	}
	registry := func(arn string) api.RegistryDetails {
		id, err := c.CreateRegistry(t.Context(), api.RegistryRequest{
			RegistryType: api.RegistryTypeAWS, CredentialType: api.CredentialTypeAWS, RegistryURI: "https://" + arn[len(arn)-5:], AWS: api.AWSRequest{Arn: arn, Region: "us-east-1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.DescribeRegistry(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if got := registry(arn); got.AWS.Name != "scans" || got.AWS.AccountID != "123456789012" || len(got.Connectors) != 1 || got.Connectors[0].Description != "of Terraform" {
		t.Errorf("a registry with the role of an existing connector: got %+v", got)
	}
	registry("arn:aws:iam::123456789012:role/newer")
	if all, err := c.ListAWSConnectors(t.Context(), "123456789012"); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v, want a connector that the registry has created", all, err)
	}
	post(t, srv, base+"/aws/connector", `{"arn":"nonsense"}`).refused(t, http.StatusBadRequest, "regular expression")
}

func TestACRConnectors(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	body := api.ACRConnectorRequest{Name: "my-connector", ApplicationID: "app", ClientSecret: "not-a-real-one", Description: "d"}
	id, err := c.CreateACRConnector(t.Context(), body)
	if err != nil || id == "" {
		t.Fatalf("got %q, %v", id, err)
	}
	if _, err := c.CreateACRConnector(t.Context(), body); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("again: got %v, want ErrInvalid", err)
	}
	want := api.ACRConnector{ACRConnectorID: id, ConnectorID: id, Name: "my-connector", Description: "d", ApplicationID: "app"}
	if got, err := c.DescribeACRConnector(t.Context(), id); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if all, err := c.ListACRConnectors(t.Context()); err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("got %+v, %v", all, err)
	}
	if _, err := c.DescribeACRConnector(t.Context(), "nosuch"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	const acr = `{"registryType":"ACR","registryUri":"https://myacr.azurecr.io","credentialType":"ACR","acr":{"connectorName":"%"}}`
	created := post(t, srv, base, strings.ReplaceAll(acr, "%", "my-connector")).want(t, http.StatusOK)
	if got := get(t, srv, base+"/"+field(t, created, "registryUuid")).want(t, http.StatusOK); !strings.Contains(got, `"name":"my-connector"`) {
		t.Errorf("got %s, want the connector in it", got)
	}
	unknown := strings.ReplaceAll(strings.ReplaceAll(acr, "%", "nosuch"), "myacr", "other")
	post(t, srv, base, unknown).refused(t, http.StatusBadRequest, "rule unknown-connector")
	if got := post(t, srv, base+"/validate", unknown).want(t, http.StatusOK); got != "false" {
		t.Errorf("validate: got %s, want false", got)
	}
	lenient := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Strictness = contract.Vendor }))
	post(t, lenient, base, unknown).want(t, http.StatusOK)
}

func TestGCPConnectors(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	id, err := c.CreateGCPConnector(t.Context(), api.CreateGCPConnectorParams{Name: "google", Description: new("d")}, []byte(serviceAccount))
	if err != nil || id == "" {
		t.Fatalf("got %q, %v", id, err)
	}
	if got := field(t, postFile(t, srv, base+"/gcp/connector?name=other&connectorId=mine", "file", serviceAccount).want(t, http.StatusOK), "gcpConnectorId"); got != "mine" {
		t.Errorf("got id %s, want mine", got)
	}
	post(t, srv, base, `{"registryType":"GCP","registryUri":"https://eu.gcr.example.com","credentialType":"None","gcp":{"connectorId":"`+id+`","location":"eu","projectId":"my-project"}}`).want(t, http.StatusOK)
	want := api.GCPConnector{GCPConnectorID: id, GCPProjectID: "my-project", Name: "google", Description: "d", Location: "eu"}
	if got, err := c.DescribeGCPConnector(t.Context(), id); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if all, err := c.ListGCPConnectors(t.Context()); err != nil || len(all) != 2 || all[0] != want {
		t.Errorf("got %+v, %v", all, err)
	}
	const target = base + "/gcp/connector?name=third"
	for _, tt := range []struct{ name, part, content, detail string }{
		{"another part", "key", serviceAccount, "rule service-account-file"},
		{"no JSON", "file", "secret", "rule service-account-file"},
		{"another kind of key", "file", strings.Replace(serviceAccount, "service_account", "authorized_user", 1), "rule service-account-file"},
		{"no key", "file", strings.Replace(serviceAccount, "not-a-real-one", "", 1), "rule service-account-file"},
		{"too large", "file", strings.Repeat(" ", 65<<10) + serviceAccount, "more than 64 KiB"},
	} {
		got := postFile(t, srv, target, tt.part, tt.content)
		if got.refused(t, http.StatusBadRequest, tt.detail); strings.Contains(got.body+got.header.Get("X-QCS-Detail"), "secret") {
			t.Errorf("%s: the response contains the file", tt.name)
		}
	}
	postFile(t, srv, base+"/gcp/connector", "file", serviceAccount).refused(t, http.StatusBadRequest, `"name"`)
	postFile(t, srv, base+"/gcp/connector?name=google", "file", serviceAccount).refused(t, http.StatusBadRequest, "rule duplicate-connector")
	send(t, srv, request{method: http.MethodPost, target: target, contentType: "multipart/form-data; boundary=x", body: "--x\r\nbroken"}).refused(t, http.StatusBadRequest, "")
	send(t, srv, request{method: http.MethodPost, target: target, contentType: "multipart/form-data", body: "x"}).refused(t, http.StatusBadRequest, "")
	send(t, srv, request{method: http.MethodPost, target: target, contentType: "application/json", body: "{}"}).refused(t, http.StatusUnsupportedMediaType, "multipart/form-data")
}
