package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

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

// limitOfBodies reports whether a refusal can be for a limit of all bodies, which kin-openapi does
// not know.
func limitOfBodies(v verdict) bool {
	return v.Where == "body" || strings.HasPrefix(v.Where, "body at /")
}

// sameUnions compares bodies with one of several forms. An absent body is nil for the binders and
// empty for the reference.
var sameUnions = cmp.Options{
	cmp.Comparer(func(a, b *api.RegistryDeletion) bool { return asText(a) == asText(b) }),
	cmp.Comparer(func(a, b *api.ScheduleDeletion) bool { return asText(a) == asText(b) }),
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
