package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi/contract"
)

func TestExplainListsAllFaults(t *testing.T) {
	t.Parallel()
	document, err := contract.VendorDocument()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, method, target, body, want string }{
		{
			"two parameters out of bounds", "GET", "registry?pageSize=-1&pageNumber=-1", "",
			`query parameter "pageNumber": number must be at least 1; query parameter "pageSize": number must be at least 1`,
		},
		{
			"two fields", "POST", "registry/validate", `{"registryType":"V2","registryUri":8,"credentialType":9}`,
			`body at /credentialType: value is not one of the allowed values ["None","Token","BasicAuth","DockerHub","Oauth","AWS","ACR"]; body at /registryUri: value must be a string`,
		},
		{"a large body where none is due", "GET", "registry", strings.Repeat(" ", 1<<20+1), `body: ListRegistries takes none`},
		{"one fault", "GET", "registry?pageSize=a", "", `query parameter "pageSize": not an integer`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://h/csapi/v1.3/"+tt.target, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		m, err := document.Find(r.Method, r.URL)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Explain(r).Error(); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
