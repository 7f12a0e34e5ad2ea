package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// verdict is the result of a request.
type verdict struct {
	Status  int // 0 when the operation was called
	Rule    string
	Where   string
	Request any // as the operation got it
}

// handler is a generated handler.
type handler = func(w http.ResponseWriter, r *http.Request, path [2]string) error

// maxBody is the limit of a body in bytes, as package contract has it by default.
const maxBody = 1 << 20

// judge checks requests in three ways: with the generated binders, with package contract, and with
// kin-openapi alone.
type judge struct {
	document *contract.Document
	spec     *openapi3.T
	bound    map[string]handler // by operation id
	catcher  *catcher
	echo     *echo.Echo
	err      error // of the last request to echo
}

func newJudge(t testing.TB, document []byte) *judge {
	t.Helper()
	j := openDocument(t, document)
	j.bound = apiserver.Bound(j.catcher, maxBody)
	apiserver.RegisterHandlers(j.echo, apiserver.NewStrictHandler(j.catcher, nil))
	return j
}

// openDocument returns a judge without handlers.
func openDocument(t testing.TB, document []byte) *judge {
	t.Helper()
	j := &judge{catcher: &catcher{}, echo: echo.New()}
	var err, specErr error
	j.document, err = contract.Open(document, contract.Options{})
	j.spec, specErr = openapi3.NewLoader().LoadFromData(document)
	if err = errors.Join(err, specErr); err != nil {
		t.Fatal(err)
	}
	j.echo.HTTPErrorHandler = func(err error, _ echo.Context) { j.err = err }
	return j
}

// operation finds an operation by its id.
func (j *judge) operation(id string) *contract.Operation {
	for _, o := range j.document.Operations() {
		if o.ID == id {
			return o
		}
	}
	panic("no operation " + id)
}

// local returns the document without its servers, whose URLs no request of a test has.
func (j *judge) local() *openapi3.T {
	spec := *j.spec
	spec.Servers = nil
	return &spec
}

// verdictOf makes a verdict of an error. The catcher has the request.
func (j *judge) verdictOf(err error) verdict {
	var refused *openapi.RequestError
	var fromEcho *echo.HTTPError
	switch {
	case errors.Is(err, errCaught):
		return verdict{Request: j.catcher.caught}
	case errors.As(err, &refused):
		return verdict{Status: refused.Status, Rule: refused.Rule, Where: refused.Where}
	case errors.As(err, &fromEcho): // a number that does not fit its type
		return verdict{Status: fromEcho.Code}
	}
	panic(fmt.Sprintf("neither refused nor caught: %v", err))
}

// generated returns the verdict of the binders; ok is false when they leave the request to package
// contract.
func (j *judge) generated(r *http.Request) (v verdict, ok bool) {
	m, err := j.document.Find(r.Method, r.URL)
	if err != nil || j.bound[m.ID] == nil {
		return verdict{}, false
	}
	var path [2]string
	m.Values(path[:])
	if err = j.bound[m.ID](httptest.NewRecorder(), r, path); errors.Is(err, openapi.ErrUnbound) {
		return verdict{}, false
	}
	return j.verdictOf(err), true
}

// reference returns the verdict of package contract and of the binding by oapi-codegen.
func (j *judge) reference(r *http.Request) verdict {
	m, err := j.document.Find(r.Method, r.URL)
	if err != nil {
		panic(err)
	}
	if err := m.CheckRequest(r); err != nil {
		return j.verdictOf(err)
	}
	j.echo.ServeHTTP(httptest.NewRecorder(), r)
	return j.verdictOf(j.err)
}

// stock reports whether kin-openapi alone accepts a request.
func (j *judge) stock(r *http.Request) bool {
	m, _ := j.document.Find(r.Method, r.URL)
	item := j.spec.Paths.Value(m.Path)
	return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request:    r,
		PathParams: m.Params(),
		Route: &routers.Route{
			Spec:      j.spec,
			Path:      m.Path,
			PathItem:  item,
			Method:    m.Method,
			Operation: item.GetOperation(m.Method),
		},
		Options: &openapi3filter.Options{
			AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc,
			SkipSettingDefaults: true,
		},
	}) == nil
}

// sent describes a request.
type sent struct{ method, target, kind, body string }

func (s sent) request() *http.Request {
	var body io.Reader = http.NoBody
	if s.body != "" {
		body = strings.NewReader(s.body)
	}
	r := httptest.NewRequest(s.method, "/", body)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(s.target, "?")
	r.URL.RawPath = r.URL.Path
	r.URL.Path, _ = url.PathUnescape(r.URL.RawPath)
	if s.kind != "" {
		r.Header.Set("Content-Type", s.kind)
	}
	return r
}

// differs says how the ways disagree about a request; "" when they agree, or when the binders leave
// it to package contract.
func (j *judge) differs(s sent) string {
	got, bound := j.generated(s.request())
	want := j.reference(s.request())
	if !bound {
		return ""
	}
	// A request with several errors is refused for any of them.
	if (got.Status == 0) != (want.Status == 0) || got.Status != want.Status && got.Rule != openapi.BodyTooLarge {
		return fmt.Sprintf("binder: %+v, reference: %+v", got, want)
	}
	if diff := cmp.Diff(want.Request, got.Request, sameUnions); got.Status == 0 && diff != "" {
		return "(-reference +binder):\n" + diff
	}
	stock := j.stock(s.request())
	inSchema := want.Status != 0 && want.Rule == "" && want.Where != "" && !limitOfBodies(want)
	if got.Status == 0 && !stock || inSchema && stock {
		return fmt.Sprintf("kin-openapi: %v, reference: %+v", stock, want)
	}
	return ""
}

// limitOfBodies reports whether a refusal has no rule but can be one that kin-openapi does not know:
// a limit of all bodies.
func limitOfBodies(v verdict) bool {
	return v.Where == "body" || strings.HasPrefix(v.Where, "body at /")
}

// sameUnions compares bodies with one of several forms. A body that is absent is nil for the binders
// and empty for the reference.
var sameUnions = cmp.Options{
	cmp.Comparer(func(a, b *api.RegistryDeletion) bool { return asText(a) == asText(b) }),
	cmp.Comparer(func(a, b *api.ScheduleDeletion) bool { return asText(a) == asText(b) }),
}

// requests returns the number of requests to compare: QCS_AGREE, or few.
func requests() int {
	if n, err := strconv.Atoi(os.Getenv("QCS_AGREE")); err == nil {
		return n
	}
	return 5000
}

// request returns the request of a number.
func (j *judge) request(seed int) sent {
	return rapid.Custom(func(rt *rapid.T) sent { return anyRequest(rt, j) }).Example(seed)
}

// TestBindersAgreeWithTheReference sends valid and invalid requests to the generated binders and to
// the reference, and compares whether they are refused and what the operation gets. Where
// kin-openapi alone decides differently, a rule of openapi.Refusals says so.
func TestBindersAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	count, passed, left, most := requests(), 0, 0, 5
	for seed := range count {
		s := j.request(seed)
		if diff := j.differs(s); diff != "" {
			if t.Errorf("request %d: %q\n%s", seed, s, diff); most == 0 {
				t.FailNow()
			}
			most--
		}
		switch v, bound := j.generated(s.request()); {
		case !bound:
			left++
		case v.Status == 0:
			passed++
		}
	}
	t.Logf("%d requests: %d passed, %d refused, %d left to the reference", count, passed, count-passed-left, left)
	if passed*5 < count || (count-passed-left)*5 < count {
		t.Error("too few valid or too few invalid requests")
	}
}

// TestAPlantedDifferenceIsFound changes the document of the reference: the comparison must notice a
// bound that is off by one, a missing value of an enumeration, and a missing requirement.
func TestAPlantedDifferenceIsFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, planted string }{
		{"a bound of a query", `"maximum": 1000,`, `"maximum": 1001,`},
		{"a length of a body", `"maxLength": 2048`, `"maxLength": 2049`},
		{"a value of an enumeration", `"V2_PRIVATE"`, `"V2_PRIVATES"`},
		{"a property that is required", `"registryUri",`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(openapi.JSON), tt.old) {
				t.Fatalf("the document has no %s", tt.old)
			}
			j := newJudge(t, []byte(strings.ReplaceAll(string(openapi.JSON), tt.old, tt.planted)))
			for seed := range 100_000 {
				if j.differs(j.request(seed)) != "" {
					t.Logf("found by request %d", seed)
					return
				}
			}
			t.Error("not found")
		})
	}
}

// TestSamples compares requests that were found to differ once, or that are easily got wrong.
func TestSamples(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	const registries = "/csapi/v1.3/registry"
	for _, s := range []sent{
		{"POST", registries + "/r/schedule/cancel?scheduleIds=&filter=scheduleUuid%3A%2A", "", ""},
		{"DELETE", registries + "?registryIds=a&registryIds=a", "", ""},
		{"GET", registries + "?filter=&sort=&pageSize=%31", "", ""},
		{"GET", registries + "?filter=a+b%20c&pageNumber=007&pageSize=+5", "", ""},
		{"GET", registries + "?&&pageSize=5&", "", ""},
		{"GET", registries + "?pageSize=5;pageNumber=1", "", ""},
		{"POST", registries + "/r/schedule", "application/json", `{"filters":[{"repoTags":[{"repo":"\u0041\ud83d\ude00\ud800","tag":null}],"days":null}]}`},
		{"POST", registries + "/r/schedule", "application/json", `{"filters":[{"repoTags":[{"repo":"a"}],"days":1.0}]}`},
		{"POST", registries + "/r/schedule", "application/json", `{"filters":[{"repoTags":[{"repo":"a"}],"days":-0}],"x":[{},[],{"a":{}}]}`},
		{"POST", registries + "/r/schedule", "application/json", `{"filt\u0065rs":[{"repoTags":[{"repo":"a"}]}]}`},
	} {
		if diff := j.differs(s); diff != "" {
			t.Errorf("%+v\n%s", s, diff)
		}
	}
}

// TestTimes: a time is accepted if it has the form of RFC 3339 and exists.
func TestTimes(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	for text, valid := range map[string]bool{
		`"2026-11-02T10:30:00Z"`:         true,
		`"2026-11-02T10:30:00.25+05:30"`: true,
		`"2026-11-02T10:30:00+24:00"`:    true,
		`"2026-02-30T10:30:00Z"`:         false,
		`"2026-11-02T23:59:60Z"`:         false,
		`"2026-11-02t10:30:00z"`:         false,
		`"2026-11-02T10:30:00+25:00"`:    false,
		`"2026-11-02T1:30:00Z"`:          false,
		`"2026-11-02T10:30:00Z "`:        false,
		`"2026-11-02 10:30:00Z"`:         false,
		`"2026-11-02T10:30:00,5Z"`:       false,
		`"2026-11-02"`:                   false,
		`""`:                             false,
		`1762079400000`:                  false,
		`null`:                           false,
	} {
		s := sent{
			"POST", "/csapi/v1.3/reports/schedule", "application/json",
			`{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":` + text + `}`,
		}
		v, bound := j.generated(s.request())
		if !bound || (v.Status == 0) != valid || !valid && v.Where != "body at /eventTime" {
			t.Errorf("%s: got %+v, want that it is accepted: %v", text, v, valid)
		}
		if diff := j.differs(s); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// examples returns the example bodies of an operation.
func (j *judge) examples(o *openapi3.Operation) (all []any) {
	if o.RequestBody == nil {
		return nil
	}
	media := o.RequestBody.Value.Content["application/json"]
	if media == nil {
		return nil
	}
	if media.Example != nil {
		all = append(all, media.Example)
	}
	for _, e := range media.Examples {
		all = append(all, e.Value.Value)
	}
	return all
}

func asText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestLargeBodies: four times as many keys or escapes take about four times as much memory. A cost
// in time that grows with the square would be felt here, as the bodies are as large as allowed.
func TestLargeBodies(t *testing.T) {
	j := newJudge(t, openapi.JSON)
	for name, body := range map[string]func(n int) string{
		"keys":    func(n int) string { return many(n, `"k%d":1`, `{`, `}`) },
		"nested":  func(n int) string { return many(n, `"k%d":1`, `{"x":{`, `}}`) },
		"escapes": func(n int) string { return many(n, `"\\n%d"`, `{"x":[`, `]}`) },
	} {
		cost := func(n int) float64 {
			text := body(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			j.generated(sent{"POST", "/csapi/v1.3/registry", "application/json", text}.request()) // refused
			runtime.ReadMemStats(&after)
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		few, more := cost(20_000), cost(80_000)
		if more > few*8 {
			t.Errorf("%s: got %.0f bytes for four times as many, and %.0f", name, more, few)
		}
	}
}

func many(n int, format, begin, end string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return begin + strings.Join(all, ",") + end
}

// FuzzBody compares bodies.
func FuzzBody(f *testing.F) {
	j := newJudge(f, openapi.JSON)
	for _, id := range []string{"CreateRegistry", "CreateSchedule"} {
		for _, example := range j.examples(j.spec.Paths.Value(j.operation(id).Path).Post) {
			f.Add(asText(example))
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/csapi/v1.3/registry", "/csapi/v1.3/registry/r/schedule"} {
			if diff := j.differs(sent{"POST", path, "application/json", body}); diff != "" {
				t.Errorf("%s %q\n%s", path, body, diff)
			}
		}
	})
}

// FuzzQuery compares queries.
func FuzzQuery(f *testing.F) {
	j := newJudge(f, openapi.JSON)
	f.Add("filter=a%3Ab&pageSize=50&pageNumber=1&sort=created%3Adesc")
	f.Add("scheduleIds=a&scheduleIds=&filter=")
	f.Fuzz(func(t *testing.T, query string) {
		for _, s := range []sent{
			{"GET", "/csapi/v1.3/registry", "", ""},
			{"DELETE", "/csapi/v1.3/registry/r/schedule/bulk", "", ""},
		} {
			s.target += "?" + query
			if diff := j.differs(s); diff != "" {
				t.Errorf("%q\n%s", s.target, diff)
			}
		}
	})
}
