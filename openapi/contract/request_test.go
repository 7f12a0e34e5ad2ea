package contract_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

const (
	asJSON   = "application/json"
	asForm   = "application/x-www-form-urlencoded"
	registry = `{"registryType":"AWS","registryUri":"https://a.example","credentialType":"AWS"}`
	schedule = `{"filters":[{"repoTags":[{"repo":"a","tag":null}],"days":7}],"schedule":"07:00"}`
)

// plus adds members to a JSON object.
func plus(object, members string) string {
	return strings.TrimSuffix(object, "}") + "," + members + "}"
}

// check checks a request and returns it as the handler gets it.
func check(t *testing.T, d *contract.Document, e exchange) (*http.Request, error) {
	t.Helper()
	r := e.request()
	return r, find(t, d, r).CheckRequest(r)
}

// modes returns the real document with each strictness.
func modes(t *testing.T) map[contract.Strictness]*contract.Document {
	t.Helper()
	all := map[contract.Strictness]*contract.Document{}
	for _, s := range []contract.Strictness{contract.Strict, contract.Vendor} {
		all[s] = load(t, contract.Options{Strictness: s})
	}
	return all
}

// refusal is a request that a rule refuses.
type refusal struct {
	name string
	exchange
	rule  string
	where string
	kept  string // query of the request when the vendor accepts it
}

var queryRefusals = []refusal{
	{"a parameter that is not known", exchange{"GET", registries + "?undocumented=1&pageSize=5", "", ""}, openapi.UnknownParameter, `query parameter "undocumented"`, "pageSize=5"},
	{"a parameter of another operation", exchange{"DELETE", registries + "?scheduleIds=a", "", ""}, openapi.UnknownParameter, `query parameter "scheduleIds"`, ""},
	{"a parameter in another case", exchange{"GET", registries + "?PageSize=5", "", ""}, openapi.UnknownParameter, `query parameter "PageSize"`, ""},
	{"a parameter where there is none", exchange{"DELETE", registries + "/r?force", "", ""}, openapi.UnknownParameter, `query parameter "force"`, ""},
	{"a number given twice", exchange{"GET", registries + "?pageSize=5&pageSize=6", "", ""}, openapi.RepeatedParameter, `query parameter "pageSize"`, "pageSize=5"},
	{"a filter given twice", exchange{"GET", registries + "?filter=a&filter=a", "", ""}, openapi.RepeatedParameter, `query parameter "filter"`, "filter=a"},
	{"ids with a comma", exchange{"DELETE", registries + "?registryIds=a,b", "", ""}, openapi.CommaList, `query parameter "registryIds"`, "registryIds=a&registryIds=b"},
	{
		"ids with an escaped comma", exchange{"POST", registries + "/r/schedule/cancel?scheduleIds=a&scheduleIds=b%2Cc", "", ""}, openapi.CommaList, `query parameter "scheduleIds"`,
		"scheduleIds=a&scheduleIds=b&scheduleIds=c",
	},
	{"a broken escape", exchange{"GET", registries + "?filter=%zz&pageSize=5", "", ""}, openapi.BrokenEscape, "query", "pageSize=5"},
	{"a semicolon", exchange{"GET", registries + "?filter=a;b&pageSize=5", "", ""}, openapi.BrokenEscape, "query", "pageSize=5"},
	{"a number without a value", exchange{"GET", registries + "?pageSize=", "", ""}, openapi.EmptyNumber, `query parameter "pageSize"`, ""},
	{"a number without an equals sign", exchange{"GET", registries + "?pageNumber&sort=created", "", ""}, openapi.EmptyNumber, `query parameter "pageNumber"`, "sort=created"},
	{"a NUL character in a filter", exchange{"GET", registries + "?filter=a%00b", "", ""}, openapi.NULByte, `query parameter "filter"`, ""},
	{"a NUL character in an id", exchange{"DELETE", registries + "?registryIds=a&registryIds=%00", "", ""}, openapi.NULByte, `query parameter "registryIds"`, ""},
}

var bodyRefusals = []refusal{
	{"a word after the JSON value", exchange{"POST", registries, asJSON, registry + " x"}, openapi.TrailingBytes, "body", ""},
	{"a second JSON value", exchange{"POST", registries, asJSON, registry + registry}, openapi.TrailingBytes, "body", ""},
	{"a key in another case", exchange{"POST", registries, asJSON, plus(registry, `"RegistryName":"n"`)}, openapi.CaseVariantKey, "body", ""},
	{
		"a key in another case deep inside", exchange{"POST", registries + "/r/schedule", asJSON, strings.Replace(schedule, `"repo"`, `"Tag":"x","repo"`, 1)}, openapi.CaseVariantKey,
		"body at /filters/0/repoTags/0", "",
	},
	{"a key in another case in one of several forms", exchange{"DELETE", registries, asJSON, `{"RegistryIds":["a"]}`}, openapi.CaseVariantKey, "body", ""},
	{"a key given twice", exchange{"POST", registries, asJSON, plus(registry, `"registryType":"AWS"`)}, openapi.DuplicateKey, "body", ""},
	{"an unknown key given twice", exchange{"POST", registries, asJSON, plus(registry, `"x":1,"x":2`)}, openapi.DuplicateKey, "body", ""},
	{"a key given twice deep inside", exchange{"POST", registries, asJSON, plus(registry, `"acr":{"connectorId":"a","connectorId":"b"}`)}, openapi.DuplicateKey, "body at /acr", ""},
	{"a NUL character in a name", exchange{"POST", registries, asJSON, plus(registry, `"registryName":"a\u0000b"`)}, openapi.NULByte, "body at /registryName", ""},
	{"a NUL character below an unknown key", exchange{"POST", registries, asJSON, plus(registry, `"x":[{"y":"\u0000"}]`)}, openapi.NULByte, "body at /x/0/y", ""},
	{"a NUL character in an id of a bare array", exchange{"DELETE", registries, asJSON, `["a","\u0000"]`}, openapi.NULByte, "body at /1", ""},
	{"a body where there is none", exchange{"GET", registries, asJSON, `{"pageSize":5}`}, openapi.UnexpectedBody, "body", ""},
	{"a body that is no JSON where there is none", exchange{"POST", registries + "/r/schedule/cancel", "", "x"}, openapi.UnexpectedBody, "body", ""},
	{"text for JSON", exchange{"POST", registries, "text/plain", registry}, openapi.ContentType, "header Content-Type", ""},
	{"JSON for a form", exchange{"POST", "/auth", asJSON, `{}`}, openapi.ContentType, "header Content-Type", ""},
	{"no content type", exchange{"POST", registries, "", registry}, openapi.ContentType, "header Content-Type", ""},
	{"too many bytes", exchange{"POST", registries, asJSON, registry + strings.Repeat(" ", 1<<20)}, openapi.BodyTooLarge, "body", ""},
	{"too many bytes where there should be none", exchange{"GET", registries, "", strings.Repeat(" ", 1<<20+1)}, openapi.UnexpectedBody, "body", ""},
}

// status is the status of an answer that a rule causes.
func status(rule string) int {
	switch rule {
	case openapi.ContentType:
		return http.StatusUnsupportedMediaType
	case openapi.BodyTooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func checkRefused(t *testing.T, err error, tt refusal) {
	t.Helper()
	var refused *contract.RequestError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a RequestError", err)
	}
	want := contract.RequestError{Status: status(tt.rule), Rule: tt.rule, Where: tt.where, Reason: refused.Reason}
	if diff := cmp.Diff(want, *refused); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if refused.Reason == "" || err.Error() != refused.Where+": "+refused.Reason {
		t.Errorf("got %q", err)
	}
}

func TestStrictRefuses(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{})
	for _, tt := range slices.Concat(queryRefusals, bodyRefusals) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := check(t, d, tt.exchange)
			checkRefused(t, err, tt)
		})
	}
}

// TestVendorFollowsTheTable: the strictness Vendor accepts a request only if openapi.Refusals has a
// Lenient text for its rule.
func TestVendorFollowsTheTable(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{Strictness: contract.Vendor})
	lenient := map[string]bool{}
	for _, r := range openapi.Refusals {
		lenient[r.Name] = r.Lenient != ""
	}
	for _, tt := range slices.Concat(queryRefusals, bodyRefusals) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := check(t, d, tt.exchange)
			if !lenient[tt.rule] {
				checkRefused(t, err, tt)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.URL.RawQuery != tt.kept {
				t.Errorf("got query %s, want %s", r.URL.RawQuery, tt.kept)
			}
		})
	}
}

func TestEveryTransportRefusalIsTried(t *testing.T) {
	t.Parallel()
	want := []string{
		openapi.UnknownParameter, openapi.RepeatedParameter, openapi.CommaList, openapi.BrokenEscape, openapi.EmptyNumber, openapi.TrailingBytes,
		openapi.CaseVariantKey, openapi.DuplicateKey, openapi.NULByte, openapi.UnexpectedBody, openapi.ContentType, openapi.BodyTooLarge,
	}
	var got []string
	for _, r := range slices.Concat(queryRefusals, bodyRefusals) {
		got = append(got, r.rule)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVendorTakesAwayAnUnexpectedBody(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{Strictness: contract.Vendor})
	r, err := check(t, d, exchange{"GET", registries, asJSON, `{"pageSize":5}`})
	if err != nil {
		t.Fatal(err)
	}
	left, err := io.ReadAll(r.Body)
	if err != nil || len(left) > 0 || r.ContentLength != 0 || r.Header.Get("Content-Type") != "" {
		t.Errorf("got %q, %v, length %d, type %s", left, err, r.ContentLength, r.Header.Get("Content-Type"))
	}
}

// TestTheDocumentRefuses: the document itself refuses these requests, with each strictness.
func TestTheDocumentRefuses(t *testing.T) {
	t.Parallel()
	documents := modes(t)
	post := func(body string) exchange { return exchange{"POST", registries, asJSON, body} }
	plan := func(old, text string) exchange {
		return exchange{"POST", registries + "/r/schedule", asJSON, strings.Replace(schedule, old, text, 1)}
	}
	for _, tt := range []struct {
		name string
		exchange
		want string
	}{
		{"a number that is none", exchange{"GET", registries + "?pageSize=abc", "", ""}, `query parameter "pageSize": not an integer`},
		{"a number with a fraction", exchange{"GET", registries + "?pageSize=5.5", "", ""}, `query parameter "pageSize": not an integer`},
		{"a page of no items", exchange{"GET", registries + "?pageSize=0", "", ""}, `query parameter "pageSize": number must be at least 1`},
		{"a page of too many items", exchange{"GET", registries + "?pageSize=1001", "", ""}, `query parameter "pageSize": number must be at most 1000`},
		{"a filter that is too long", exchange{"GET", registries + "?filter=" + strings.Repeat("a", 8193), "", ""}, `query parameter "filter": maximum string length is 8192`},
		{"a path parameter that is too long", exchange{"GET", registries + "/" + strings.Repeat("a", 129), "", ""}, `path parameter "registryId": maximum string length is 128`},
		{"no body", post(""), "body: is required"},
		{"a body of blanks", post("  "), "body: not valid JSON"},
		{"a body that breaks off", post(`{"registryType":`), "body: not valid JSON"},
		{"a body with a word for a value", post(`{"registryType":AWS}`), "body: not valid JSON"},
		{"a body with a number for a key", post(`{1:2}`), "body: not valid JSON"},
		{"brackets that do not match", exchange{"DELETE", registries, asJSON, `["a"}`}, "body: not valid JSON"},
		{"a body of another type", post(`[]`), "body: value must be an object"},
		{"null for a body", post(`null`), "body: Value is not nullable"},
		{"a property that is missing", post(`{"registryType":"AWS","registryUri":"https://a.example"}`), `body at /credentialType: property "credentialType" is missing`},
		{"a property that is missing deep inside", plan(`"repo":"a",`, ``), `body at /filters/0/repoTags/0/repo: property "repo" is missing`},
		{"a value that is not of the enum", plan(`"schedule":"07:00"`, `"weekDay":"monday"`), `body at /weekDay: value is not one of the allowed values ["MONDAY","TUESDAY",`},
		{"a value that does not fit the pattern", plan("07:00", "24:00"), `body at /schedule: string doesn't match the regular expression "^([01][0-9]|2`},
		{"a value that is excluded", plan(`"days":7`, `"days":8`), "body at /filters/0/days: is excluded"},
		{"a list without items", plan(`[{"repo":"a","tag":null}]`, `[]`), "body at /filters/0/repoTags: minimum number of items is 1"},
		{"a body of no known form", exchange{"DELETE", registries, asJSON, `[1]`}, "body: fits none of the forms that are expected"},
		{"a body that is nested too deep", post(plus(registry, `"x":`+strings.Repeat("[", 65)+strings.Repeat("]", 65))), "body at /x/0/0/0"},
		{"a form without a field", exchange{"POST", "/auth", asForm, "username=u&password=p"}, `body at /token: property "token" is missing`},
		{"a form with a broken escape", exchange{"POST", "/auth", asForm, "username=u&password=%zz&token=true"}, "body: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for s, d := range documents {
				_, err := check(t, d, tt.exchange)
				var refused *contract.RequestError
				if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || refused.Rule != "" || !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("%s: got %v, want %s", s, err, tt.want)
				}
			}
		})
	}
}

func TestRequestsPass(t *testing.T) {
	t.Parallel()
	documents := modes(t)
	cancel, bulk := registries+"/r/schedule/cancel", registries+"/r/schedule/bulk"
	for _, tt := range []struct {
		name string
		exchange
	}{
		{"the sample with empty ids and all schedules", exchange{"POST", cancel + "?scheduleIds=&filter=scheduleUuid%3A%2A", "", ""}},
		{"the sample with one id twice", exchange{"POST", cancel + "?scheduleIds=f677b189&scheduleIds=f677b189&filter=", "", ""}},
		{"the sample by status", exchange{"POST", cancel + "?filter=status%3ARunning", "", ""}},
		{"the same samples for deleting", exchange{"DELETE", bulk + "?scheduleIds=&filter=scheduleUuid%3A%2A", "", ""}},
		{"an empty object where there is no body", exchange{"POST", cancel + "?filter=a", asJSON, "{}"}},
		{"blanks where there is no body", exchange{"GET", registries, "", " \n"}},
		{"a content type without a body", exchange{"GET", registries, asJSON, ""}},
		{"a content type that does not matter", exchange{"DELETE", registries + "?registryIds=a", "text/plain", ""}},
		{"a content type with its charset", exchange{"POST", registries, "application/json; charset=utf-8", registry}},
		{"a content type in capitals", exchange{"POST", registries, "APPLICATION/JSON", registry}},
		{"no body where it is optional", exchange{"DELETE", registries, "", ""}},
		{"ids in an object", exchange{"DELETE", registries, asJSON, `{"registryIds":["a"]}`}},
		{"ids in a bare array", exchange{"DELETE", registries, asJSON, `["a","a"]`}},
		{"ids in the query and an empty object", exchange{"DELETE", registries + "?registryIds=a&registryIds=b", asJSON, `{}`}},
		{"an unknown key", exchange{"POST", registries, asJSON, plus(registry, `"x":{"Y":1}`)}},
		{"blanks around JSON", exchange{"POST", registries, asJSON, "\n" + registry + "\n"}},
		{"as many bytes as may be", exchange{"POST", registries, asJSON, registry + strings.Repeat(" ", 1<<20-len(registry))}},
		{"as deep as may be", exchange{"POST", registries, asJSON, plus(registry, `"x":`+strings.Repeat("[", 64)+strings.Repeat("]", 64))}},
		{"a schedule", exchange{"POST", registries + "/r/schedule", asJSON, schedule}},
		{"a form", exchange{"POST", "/auth", asForm, "username=u&password=p%25%2B&token=true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for s, d := range documents {
				r, err := check(t, d, tt.exchange)
				if err != nil {
					t.Errorf("%s: %v", s, err)
				}
				if _, query, _ := strings.Cut(tt.target, "?"); r.URL.RawQuery != query {
					t.Errorf("%s: got query %s, want %s", s, r.URL.RawQuery, query)
				}
			}
		})
	}
}

func TestTheHandlerReadsTheBody(t *testing.T) {
	t.Parallel()
	for s, d := range modes(t) {
		for _, e := range []exchange{{"POST", registries, asJSON, registry}, {"POST", "/auth", asForm, "username=u&password=p&token=true"}} {
			r, err := check(t, d, e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r.Body)
			if err != nil || string(got) != e.body || r.ContentLength != int64(len(e.body)) {
				t.Errorf("%s: got %q, %v, length %d, want %q", s, got, err, r.ContentLength, e.body)
			}
		}
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (brokenBody) Close() error             { return nil }

func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	r := exchange{method: "POST", target: registries, kind: asJSON}.request()
	r.Body = brokenBody{}
	err := find(t, load(t, contract.Options{}), r).CheckRequest(r)
	checkRefused(t, err, refusal{where: "body"})
}

func TestTheBoundOfABodyIsAnOption(t *testing.T) {
	t.Parallel()
	d := load(t, contract.Options{MaxBody: int64(len(registry))})
	if _, err := check(t, d, exchange{"POST", registries, asJSON, registry}); err != nil {
		t.Error(err)
	}
	_, err := check(t, d, exchange{"POST", registries, asJSON, registry + " "})
	checkRefused(t, err, refusal{rule: openapi.BodyTooLarge, where: "body"})
	if want := fmt.Sprintf("body: more than %d bytes", len(registry)); err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSuggestsTheRightSpelling(t *testing.T) {
	t.Parallel()
	_, err := check(t, load(t, contract.Options{}), exchange{"GET", registries + "?pagesize=5", "", ""})
	if want := `query parameter "pagesize": not known to ListRegistries; did you mean "pageSize"?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheControlDocumentChecksUUIDs(t *testing.T) {
	t.Parallel()
	d, err := contract.Load(openapi.ControlJSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for id, good := range map[string]bool{
		"1b54a117-b413-4aa8-8511-61860487619c": true, "1B54A117-B413-4AA8-8511-61860487619C": true,
		"1b54a117": false, "1b54a117-b413-4aa8-8511-61860487619g": false, "1b54a117ab413-4aa8-8511-61860487619c": false,
	} {
		_, err := check(t, d, exchange{method: "GET", target: "/_qcs/jobs/" + id})
		if good != (err == nil) || err != nil && err.Error() != `path parameter "jobId": not a valid uuid` {
			t.Errorf("%s: got %v", id, err)
		}
	}
}
