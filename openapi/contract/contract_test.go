package contract_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// exchange is a short form of a request.
type exchange struct{ method, target, kind, body string }

func (e exchange) request() *http.Request {
	r := httptest.NewRequest(e.method, e.target, strings.NewReader(e.body))
	if e.kind != "" {
		r.Header.Set("Content-Type", e.kind)
	}
	return r
}

// load reads the real document.
func load(t *testing.T, o contract.Options) *contract.Document {
	t.Helper()
	d, err := contract.Load(openapi.JSON, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func find(t *testing.T, d *contract.Document, r *http.Request) contract.Match {
	t.Helper()
	m, err := d.Find(r.Method, r.URL)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLoadReadsBothForms(t *testing.T) {
	t.Parallel()
	var want []string
	for _, found := range regexp.MustCompile(`(?m)^      operationId: (\w+)$`).FindAllSubmatch(openapi.YAML, -1) {
		want = append(want, string(found[1]))
	}
	slices.Sort(want)
	for name, data := range map[string][]byte{"YAML": openapi.YAML, "JSON": openapi.JSON} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := contract.Load(data, contract.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range d.Operations() {
				got = append(got, o.ID)
				if o.Public != (o.ID == "CreateToken") {
					t.Errorf("%s: got public %v", o.ID, o.Public)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"what is no YAML", "{", "read document: "},
		{"a reference to nothing", fmt.Sprintf(operationDocument, `{/x: {get: {operationId: X, responses: {'200': {$ref: '#/components/responses/none'}}}}}`), "read document: "},
		{"a document without paths", "openapi: 3.0.3\ninfo: {title: sample, version: '1'}\n", "document: "},
		{"an operation without an id", fmt.Sprintf(operationDocument, `{/x: {get: {`+done+`}}}`), "document: GET /x has no operationId of its own"},
		{"two operations with one id", fmt.Sprintf(operationDocument, `{/x: {get: {operationId: X, `+done+`}, put: {operationId: X, `+done+`}}}`), "document: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := contract.Load([]byte(tt.text), contract.Options{}); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
}

// TestExamplesPass sends every example of the documents, in requests and in answers, through the
// checks.
func TestExamplesPass(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"vendor": openapi.JSON, "control": openapi.ControlJSON} {
		d, err := contract.Load(data, contract.Options{})
		if err != nil {
			t.Fatal(err)
		}
		spec, err := openapi3.NewLoader().LoadFromData(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.Operations() {
			t.Run(name+" "+o.ID, func(t *testing.T) {
				t.Parallel()
				checkExamples(t, d, o, spec.Paths.Value(o.Path).GetOperation(o.Method))
			})
		}
	}
}

func checkExamples(t *testing.T, d *contract.Document, o *contract.Operation, operation *openapi3.Operation) {
	t.Helper()
	path := strings.NewReplacer("{registryId}", "r", "{scheduleId}", "s", "{snapshot}", "before", "{jobId}", "1b54a117-b413-4aa8-8511-61860487619c").Replace(o.Path)
	m := find(t, d, exchange{method: o.Method, target: path}.request())
	if m.ID != o.ID {
		t.Fatalf("got %s, want %s", m.ID, o.ID)
	}
	call := o.Example()
	if err := find(t, d, exchange{call.Method, call.Target, call.ContentType, call.Body}.request()).CheckRequest(exchange{call.Method, call.Target, call.ContentType, call.Body}.request()); err != nil {
		t.Errorf("the example call %+v: %v", call, err)
	}
	if operation.RequestBody != nil {
		for _, e := range examples(t, operation.RequestBody.Value.Content) {
			if e.kind == "multipart/form-data" {
				continue // the body needs a boundary; the example call has it
			}
			if err := m.CheckRequest(exchange{o.Method, path, e.kind, e.body}.request()); err != nil {
				t.Errorf("%s: %v", e.body, err)
			}
		}
	}
	for status, ref := range operation.Responses.Map() {
		for _, e := range examples(t, ref.Value.Content) {
			answer := contract.Response{Header: http.Header{"Content-Type": {e.kind}}, Body: []byte(e.body)}
			if _, err := fmt.Sscan(status, &answer.Status); err != nil {
				t.Fatal(err)
			}
			if err := m.CheckResponse(exchange{method: o.Method, target: path}.request(), answer); err != nil {
				t.Errorf("%s: %v", e.body, err)
			}
		}
	}
}

// examples encodes the examples of a content as bodies.
func examples(t *testing.T, content openapi3.Content) []exchange {
	t.Helper()
	var all []exchange
	for kind, media := range content {
		values := []any{media.Example}
		for _, ref := range media.Examples {
			values = append(values, ref.Value.Value)
		}
		for _, v := range values {
			if v != nil {
				all = append(all, exchange{kind: kind, body: encode(t, kind, v)})
			}
		}
	}
	return all
}

func encode(t *testing.T, kind string, v any) string {
	t.Helper()
	switch kind {
	case "text/plain":
		return v.(string)
	case "application/x-www-form-urlencoded":
		form := url.Values{}
		for name, value := range v.(map[string]any) {
			form.Set(name, value.(string))
		}
		return form.Encode()
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
