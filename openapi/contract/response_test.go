package contract_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi/contract"
)

const (
	oneRegistry = `{"registryUuid":"u","registryUri":"https://a.example","registryType":"AWS","repoCount":0,"totalImages":0,"totalScannedImages":0,"totalVulnerableImages":0,` +
		`"scheduleStatusList":{"Running":1},"created":"1628504894719","updated":"1628504894719"}`
	oneSchedule = `{"scheduleUuid":"u","name":"n","onDemand":true,"status":"Running","filters":[{"repoTags":[{"repo":"a","tag":null}],"days":null}],` +
		`"created":"1628504894719","updated":"1628504894719"}`
	oneError = `{"errorCode":"400 BAD_REQUEST","message":"m","timestamp":1628504894719}`
)

// answer is a short form of an answer to an operation.
type answer struct {
	method, target string
	status         int
	kind, body     string
}

func (a answer) check(t *testing.T, d *contract.Document, header http.Header) error {
	t.Helper()
	r := exchange{method: a.method, target: a.target}.request()
	if header == nil {
		header = http.Header{}
	}
	if a.kind != "" {
		header.Set("Content-Type", a.kind)
	}
	return find(t, d, r).CheckResponse(r, contract.Response{Status: a.status, Header: header, Body: []byte(a.body)})
}

func page(items string) string { return `{"data":[` + items + `],"count":1}` }

func TestCheckResponsePasses(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for _, tt := range []struct {
		name string
		answer
	}{
		{"a page", answer{"GET", registries, 200, "application/json", page(oneRegistry)}},
		{"an empty page", answer{"GET", registries, 200, "application/json", `{"data":[],"count":0}`}},
		{"a content type with its charset", answer{"GET", registries, 200, "application/json; charset=UTF-8", page(oneRegistry)}},
		{"blanks around JSON", answer{"GET", registries, 200, "application/json", " " + page(oneRegistry) + "\n"}},
		{"nothing where none is declared", answer{"GET", registries, 204, "", ""}},
		{"text", answer{"POST", "/auth", 201, "text/plain", "a.b.c"}},
		{"a bare boolean", answer{"POST", registries + "/validate", 200, "application/json", "true"}},
		{"values that the text of an error refers to", answer{"GET", registries + "/r/schedule", 200, "application/json", page(
			strings.TrimSuffix(oneSchedule, "}") + `,"errors":[{"errorCode":"c","errorMessage":"m","contextParams":{"anything":{"goes":[1]}}}]}`)}},
		{"an error", answer{"GET", registries, 400, "application/json", oneError}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.check(t, d, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckResponseFinds(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	with := func(object, members string) string { return strings.TrimSuffix(object, "}") + "," + members + "}" }
	for _, tt := range []struct {
		name string
		answer
		want string
	}{
		{"an undeclared status", answer{"GET", registries, 418, "application/json", oneError}, "status is not declared"},
		{"an undeclared success", answer{"GET", registries, 201, "", ""}, "status is not declared"},
		{"an undeclared property", answer{"GET", registries, 400, "application/json", with(oneError, `"detail":"d"`)}, `body: key "detail" is not declared`},
		{"an undeclared property of an item", answer{"GET", registries, 200, "application/json", page(with(oneRegistry, `"id":1`))}, `body at /data/0: key "id" is not declared`},
		{
			"an undeclared property deep inside", answer{"GET", registries + "/r/schedule", 200, "application/json", page(strings.Replace(oneSchedule, `"repo":`, `"digest":"x","repo":`, 1))},
			`body at /data/0/filters/0/repoTags/0: key "digest" is not declared`,
		},
		{
			"a property in another case", answer{"POST", registries + "/r/schedule/cancel", 200, "application/json", `{"cancelJobId":"x"}`},
			`body: key "cancelJobId" must be written "CancelJobId"`,
		},
		{"a property given twice", answer{"GET", registries, 400, "application/json", with(oneError, `"message":"m"`)}, `body: key "message" is given twice`},
		{"a wrong type", answer{"GET", registries, 200, "application/json", `{"data":[],"count":"0"}`}, "value must be an integer"},
		{"a wrong type of a map's value", answer{"GET", registries, 200, "application/json", page(strings.Replace(oneRegistry, `{"Running":1}`, `{"Running":"1"}`, 1))}, "value must be an integer"},
		{"null for a list", answer{"GET", registries, 200, "application/json", `{"data":null,"count":0}`}, "Value is not nullable"},
		{"a required property that is missing", answer{"GET", registries, 200, "application/json", `{"data":[]}`}, `property "count" is missing`},
		{"a value out of bounds", answer{"GET", registries, 200, "application/json", `{"data":[],"count":-1}`}, "number must be at least 0"},
		{"a status that is no state", answer{"GET", registries + "/r/schedule", 200, "application/json", page(strings.Replace(oneSchedule, "Running", "running", 1))}, "not one of the allowed values"},
		{"a body where none is declared", answer{"GET", registries, 204, "application/json", "{}"}, "has a body that is not declared"},
		{"no body where one is declared", answer{"GET", registries, 200, "application/json", ""}, "failed to decode response body"},
		{"a body that is no JSON", answer{"GET", registries, 200, "application/json", "{"}, "failed to decode response body"},
		{"bytes after the body", answer{"GET", registries, 400, "application/json", oneError + "x"}, "body: has bytes after the JSON value"},
		{"another content type", answer{"GET", registries, 200, "text/html", "<p>"}, "unexpected value"},
		{"no content type", answer{"GET", registries, 200, "", page(oneRegistry)}, "unexpected value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.check(t, d, nil)
			var refused *contract.ResponseError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a ResponseError", err)
			}
			if !strings.Contains(refused.Reason, tt.want) || refused.Status != tt.status || !strings.HasPrefix(err.Error(), refused.Operation+": answer ") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCheckResponseKnowsEpochMillis(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for text, good := range map[string]bool{
		`"1628504894719"`: true, `"0"`: true,
		`""`: false, `1628504894719`: false, `"2021-08-09T10:28:14Z"`: false, `"-1"`: false, `"1628504894719.5"`: false, `"1628504894719 "`: false, `"1234567890123456"`: false,
	} {
		body := page(strings.Replace(oneRegistry, `"created":"1628504894719"`, `"created":`+text, 1))
		err := answer{"GET", registries, 200, "application/json", body}.check(t, d, nil)
		if (err == nil) != good {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestCheckResponseLooksAtHeaders(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	limited := answer{"GET", registries, 429, "application/json", oneError}
	if err := limited.check(t, d, http.Header{"X-Ratelimit-Limit": {"300"}, "Retry-After": {"12"}, "X-Other": {"x"}}); err != nil {
		t.Error(err)
	}
	for _, value := range []string{"soon", "-1"} {
		if err := limited.check(t, d, http.Header{"Retry-After": {value}}); err == nil || !strings.Contains(err.Error(), "Retry-After") {
			t.Errorf("Retry-After %s: got %v", value, err)
		}
	}
}
