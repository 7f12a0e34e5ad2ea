package contract_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi/contract"
)

const registries = "/csapi/v1.3/registry"

func parse(t *testing.T, target string) *url.URL {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFindReturnsOperationAndParameters(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for _, tt := range []struct {
		name, method, target, want string
		params                     map[string]string
	}{
		{"a path without parameters", "POST", "/auth", "CreateToken", nil},
		{"the query does not matter", "GET", registries + "?a=/b", "ListRegistries", nil},
		{"one parameter", "GET", registries + "/r", "DescribeRegistry", map[string]string{"registryId": "r"}},
		{"two parameters", "PUT", registries + "/r/schedule/s", "UpdateSchedule", map[string]string{"registryId": "r", "scheduleId": "s"}},
		{"a literal beats a parameter", "POST", registries + "/validate", "ValidateRegistry", nil},
		{"a literal at the end beats a parameter", "DELETE", registries + "/r/schedule/bulk", "DeleteSchedules", map[string]string{"registryId": "r"}},
		{"a literal in the middle leaves the longer path alone", "POST", registries + "/r/schedule/bulk/cancel", "CancelSchedule", map[string]string{"registryId": "r", "scheduleId": "bulk"}},
		{"a literal of another path is an id", "GET", registries + "/validate/schedule", "ListSchedules", map[string]string{"registryId": "validate"}},
		{"an escaped slash belongs to its segment", "GET", registries + "/a%2Fb", "DescribeRegistry", map[string]string{"registryId": "a/b"}},
		{"an escaped per cent is one", "GET", registries + "/a%252Fb", "DescribeRegistry", map[string]string{"registryId": "a%2Fb"}},
		{"escaped letters are letters", "GET", registries + "/caf%C3%A9%20x", "DescribeRegistry", map[string]string{"registryId": "café x"}},
		{"a plus is a plus", "GET", registries + "/a+b", "DescribeRegistry", map[string]string{"registryId": "a+b"}},
		{"braces are no parameter", "GET", registries + "/%7BregistryId%7D", "DescribeRegistry", map[string]string{"registryId": "{registryId}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := d.Find(tt.method, parse(t, tt.target))
			if err != nil {
				t.Fatal(err)
			}
			if m.ID != tt.want {
				t.Errorf("got %s, want %s", m.ID, tt.want)
			}
			if diff := cmp.Diff(tt.params, m.Params()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindRefusesPaths(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for _, tt := range []struct{ name, target, nearest, text string }{
		{"nothing in common", "/nope", "", "the document has no such path"},
		{"the root", "/", "", "the document has no such path"},
		{"more than a path", "/auth/more", "/auth", "the document has no such path; the nearest is /auth"},
		{
			"more than a path with a parameter", registries + "/r/repository/more", registries + "/{registryId}/repository",
			"the document has no such path; the nearest is " + registries + "/{registryId}/repository",
		},
		{"another case", "/AUTH", "/auth", "the document has no such path; the nearest is /auth"},
		{"another case of a segment", "/csapi/v1.3/Registry", registries, "the document has no such path; the nearest is " + registries},
		{"a misspelt segment", "/auht", "/auth", "the document has no such path; the nearest is /auth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := d.Find("GET", parse(t, tt.target))
			var refused *contract.PathError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a PathError", err)
			}
			if refused.Nearest != tt.nearest || err.Error() != tt.text {
				t.Errorf("got %q, %q", refused.Nearest, err)
			}
		})
	}
}

func TestFindTakesNoEmptySegment(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for _, target := range []string{registries + "//schedule", registries + "/r/schedule//cancel", registries + "/r//", "//auth", ""} {
		_, err := d.Find("POST", parse(t, "http://host"+target))
		var refused *contract.PathError
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want a PathError", target, err)
		}
	}
}

func TestFindRefusesMethods(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for _, tt := range []struct {
		name, method, target string
		allow                []string
		text                 string
	}{
		{"one method", "GET", "/auth", []string{"POST"}, "the path takes POST"},
		{"several methods in order", "PATCH", registries, []string{"DELETE", "GET", "HEAD", "POST"}, "the path takes DELETE, GET, HEAD, POST"},
		{"a literal hides the methods of a parameter", "GET", registries + "/validate", []string{"POST"}, "the path takes POST"},
		{"a literal hides the methods of a parameter whatever the order", "PUT", registries + "/r/schedule/bulk", []string{"DELETE"}, "the path takes DELETE"},
		{"methods are case-sensitive", "get", registries + "/r/repository", []string{"GET", "HEAD"}, "the path takes GET, HEAD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := d.Find(tt.method, parse(t, tt.target))
			var refused *contract.MethodError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a MethodError", err)
			}
			if diff := cmp.Diff(tt.allow, refused.Allow); diff != "" || err.Error() != tt.text {
				t.Errorf("got %q (-want +got):\n%s", err, diff)
			}
		})
	}
}
