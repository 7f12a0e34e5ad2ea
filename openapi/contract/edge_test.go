package contract_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// edge makes a request and finds its operation.
func edge(t *testing.T, s contract.Strictness, r *http.Request) (contract.Match, error) {
	t.Helper()
	d, err := contract.Load(openapi.JSON, contract.Options{Strictness: s})
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Find(r.Method, r.URL)
	if err != nil {
		t.Fatal(err)
	}
	return m, m.CheckRequest(r)
}

func TestEdgesOfRequests(t *testing.T) {
	t.Parallel()
	const registry = "/csapi/v1.3/registry"
	for _, tt := range []struct {
		name                              string
		strictness                        contract.Strictness
		method, target, contentType, body string
		want                              string // part of the error; "" for none
	}{
		{"NUL in a path parameter", contract.Strict, "GET", registry + "/a%00b", "", "", `path parameter "registryId": holds a NUL`},
		{"NUL in a path parameter is never lenient", contract.Vendor, "GET", registry + "/a%00b", "", "", "NUL"},
		{"NUL in a form", contract.Vendor, "POST", "/auth", "application/x-www-form-urlencoded", "username=a&password=x%00&token=true", "body: holds a NUL"},
		{"a form field that is given twice", contract.Strict, "POST", "/auth", "application/x-www-form-urlencoded", "username=a&username=b&password=x&token=true", `form field "username": given more than once`},
		{"the first of repeated form fields", contract.Vendor, "POST", "/auth", "application/x-www-form-urlencoded", "username=a&username=b&password=x&token=true", ""},
		{"odd parameters of a content type do not switch checks off", contract.Strict, "POST", registry, "application/json; a=1; a=2", `{"a":1,"a":2}`, "given twice"},
		{"the first of repeated values is empty", contract.Vendor, "GET", registry + "?pageSize=&pageSize=5", "", "", ""},
		{"an escaped letter in a literal segment", contract.Strict, "POST", registry + "/validat%65", "application/json", `{"registryType":"V2","registryUri":"https://x","credentialType":"None"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			_, err := edge(t, tt.strictness, r)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEdgesOfResponses(t *testing.T) {
	t.Parallel()
	m, err := edge(t, contract.Strict, httptest.NewRequest(http.MethodGet, "/csapi/v1.3/registry", nil))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/csapi/v1.3/registry", nil)
	if err := m.CheckResponse(r, contract.Response{Status: http.StatusNotModified, Header: http.Header{}}); err == nil || !strings.Contains(err.Error(), "not declared") {
		t.Errorf("304: got %v, want that the status is not declared", err)
	}
	login := httptest.NewRequest(http.MethodPost, "/auth", strings.NewReader("username=a&password=b&token=true"))
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if m, err = edge(t, contract.Strict, login); err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("secret", 1000)
	err = m.CheckResponse(login, contract.Response{Status: http.StatusCreated, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(secret)})
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line without the token", err)
	}
}

func TestNearestPathIsTheShortest(t *testing.T) {
	t.Parallel()
	d, err := contract.Load(openapi.JSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Find(http.MethodGet, httptest.NewRequest(http.MethodGet, "/csapi/v1.3/registrys", nil).URL)
	if err == nil || !strings.HasSuffix(err.Error(), "the nearest is /csapi/v1.3/registry") {
		t.Errorf("got %v", err)
	}
}
