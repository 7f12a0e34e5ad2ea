package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/labstack/echo/v4"

	. "github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/bindgen/bind"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// idle is a server whose operations do nothing.
type idle struct{ StrictServerInterface }

func (idle) ListRegistries(context.Context, ListRegistriesRequestObject) (ListRegistriesResponseObject, error) {
	return nil, nil
}

func (idle) CreateRegistry(context.Context, CreateRegistryRequestObject) (CreateRegistryResponseObject, error) {
	return nil, nil
}

func (idle) DeleteSchedules(context.Context, DeleteSchedulesRequestObject) (DeleteSchedulesResponseObject, error) {
	return nil, nil
}

const body420 = `{"registryType":"AWS","registryUri":"https://123456789012.dkr.ecr.us-east-1.amazonaws.com","registryName":"production images of the payments team","credentialType":"AWS","aws":{"accountId":"123456789012",` +
	`"arn":"arn:aws:iam::123456789012:role/QualysContainerSecurityRegistryScanner","region":"us-east-1","accountType":"Global"},"dockerHubOrgName":"","credential":{"username":"a user of the registry","password":"not a real one"}}`

// workload are the requests that are measured, and whether they are good ones.
var workload = []struct {
	name string
	sent
	good bool
}{
	{"list", sent{"GET", "/csapi/v1.3/registry?filter=registryType%3AAWS&pageNumber=2&pageSize=50&sort=created%3Adesc", "", ""}, true},
	{"plain-list", sent{"GET", "/csapi/v1.3/registry", "", ""}, true},
	{"create-420-bytes", sent{"POST", "/csapi/v1.3/registry", "application/json", body420}, true},
	{"delete-2", sent{"DELETE", "/csapi/v1.3/registry/r/schedule/bulk?" + manyIDs(2), "", ""}, true},
	{"delete-200", sent{"DELETE", "/csapi/v1.3/registry/r/schedule/bulk?" + manyIDs(200), "", ""}, true},
	{"refused-body", sent{"POST", "/csapi/v1.3/registry", "application/json", strings.Replace(body420, `"region":"us-east-1"`, `"region":7`, 1)}, false},
	{"refused-query", sent{"GET", "/csapi/v1.3/registry?pageSize=abc", "", ""}, false},
}

func manyIDs(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("scheduleIds=f677b189-8b54-46ba-9d24-%012d", i)
	}
	return strings.Join(pairs, "&")
}

// servers are what is compared: what is generated with and without its binders, and with the validation that is usual in front of it.
func servers(tb testing.TB) map[string]*echo.Echo {
	tb.Helper()
	d, err := contract.Open(openapi.JSON, contract.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	reference := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			m, err := d.Find(c.Request().Method, c.Request().URL)
			if err == nil {
				err = m.CheckRequest(c.Request())
			}
			if err != nil {
				return err
			}
			return next(c)
		}
	}
	router, err := legacy.NewRouter(newJudge(tb, openapi.JSON).local())
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string]*echo.Echo{"generated": echo.New(), "reference": echo.New(), "stock": echo.New(), "bare": echo.New()}
	for _, e := range all {
		e.HTTPErrorHandler = func(_ error, c echo.Context) { c.Response().WriteHeader(http.StatusBadRequest) }
	}
	all["bound"] = boundServer()
	all["stock"].Use(stock(router))
	all["reference"].Use(reference)
	for _, name := range []string{"generated", "reference", "stock"} {
		RegisterHandlers(all[name], NewStrictHandler(idle{}, nil))
	}
	nothing := func(echo.Context) error { return nil }
	all["bare"].GET("/csapi/v1.3/registry", nothing)
	all["bare"].POST("/csapi/v1.3/registry", nothing)
	all["bare"].DELETE("/csapi/v1.3/registry/:registryId/schedule/bulk", nothing)
	return all
}

// boundServer is the generated server behind its binders; nothing in the workload is left to the reference.
func boundServer() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { c.Response().WriteHeader(http.StatusBadRequest) }
	bind.Register(e, BoundRoutes(idle{}, bind.Options{}), func(echo.Context) error { return openapi.ErrUnbound })
	return e
}

// stock is the filter of kin-openapi as it is used everywhere: it finds the route once more, and checks what it decodes by itself.
func stock(router routers.Router) echo.MiddlewareFunc {
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, KeepValidatedValue: true}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			route, params, err := router.FindRoute(c.Request())
			if err == nil {
				err = openapi3filter.ValidateRequest(c.Request().Context(), &openapi3filter.RequestValidationInput{Request: c.Request(), PathParams: params, Route: route, Options: options})
			}
			if err != nil {
				return err
			}
			return next(c)
		}
	}
}

// silent is an answer that nobody reads.
type silent struct {
	header http.Header
	status int
}

func (w *silent) Header() http.Header            { return w.header }
func (w *silent) WriteHeader(status int)         { w.status = status }
func (w *silent) Write(data []byte) (int, error) { return len(data), nil }

// again is a request that can be sent again and again.
type again struct {
	*http.Request
	query string
	body  *bytes.Reader
	w     *silent
}

func (s sent) again() *again {
	a := &again{s.request(), "", bytes.NewReader([]byte(s.body)), &silent{header: http.Header{}}}
	a.query = a.URL.RawQuery
	a.URL.RawPath = ""
	return a
}

// to sends the request, and gives the status of the answer.
func (a *again) to(h http.Handler) int {
	clear(a.w.header)
	a.w.status = http.StatusOK
	a.URL.RawQuery = a.query
	_, _ = a.body.Seek(0, io.SeekStart)
	a.Body = http.NoBody
	if a.body.Size() > 0 {
		a.Body = reusable{a.body}
		a.ContentLength = a.body.Size()
	}
	h.ServeHTTP(a.w, a.Request)
	return a.w.status
}

type reusable struct{ *bytes.Reader }

func (reusable) Close() error { return nil }

// BenchmarkValidation compares what a request costs from the router to an operation that does nothing: the shortest of eight turns, which the ways take in shuffled order. Its last row is the geometric mean of the ratios.
func BenchmarkValidation(b *testing.B) {
	all := servers(b)
	means := map[string]float64{}
	for _, w := range workload {
		b.Run(w.name, func(b *testing.B) {
			request := w.again()
			best := map[string]float64{}
			for b.Loop() {
				for range 8 {
					names := []string{"bound", "generated", "reference", "stock", "bare"}
					rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
					for _, name := range names {
						took := perCall(func() { request.to(all[name]) })
						if best[name] == 0 || took < best[name] {
							best[name] = took
						}
					}
				}
			}
			for name, ns := range best {
				b.ReportMetric(ns, "ns-"+name)
			}
			b.ReportMetric(best["bound"]/best["generated"], "x-generated")
			b.ReportMetric(best["bound"]/best["stock"], "x-stock")
			b.ReportMetric(testing.AllocsPerRun(100, func() { request.to(all["bound"]) }), "allocs-bound")
			means["generated"] += math.Log(best["bound"] / best["generated"])
			means["stock"] += math.Log(best["bound"] / best["stock"])
		})
	}
	b.Run("geometric-mean", func(b *testing.B) {
		for b.Loop() {
			continue
		}
		for name, sum := range means {
			b.ReportMetric(math.Exp(sum/float64(len(workload))), "x-"+name)
		}
	})
}

// perCall is how long a call takes, in nanoseconds, over some twenty milliseconds.
func perCall(call func()) float64 {
	const turn = 20 * time.Millisecond
	call()
	n := 0
	began := time.Now()
	for time.Since(began) < turn {
		for range 16 {
			call()
		}
		n += 16
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}

// budget is how many allocations a request may cost behind its binder.
var budget = map[string]float64{"list": 2, "plain-list": 0, "create-420-bytes": 2, "delete-2": 1, "delete-200": 1, "refused-body": 4, "refused-query": 5}

// TestAllocations holds requests to their budgets, and sees that what is measured is answered as it should be.
func TestAllocations(t *testing.T) {
	all := servers(t)
	for _, w := range workload {
		request := w.again()
		for name, e := range all {
			want := http.StatusOK
			if !w.good && name != "bare" && (name != "generated" || w.name == "refused-query") {
				want = http.StatusBadRequest
			}
			if got := request.to(e); got != want && w.name != "refused-body" {
				t.Errorf("%s, %s: got %d, want %d", w.name, name, got, want)
			}
		}
		if got := testing.AllocsPerRun(200, func() { request.to(all["bound"]) }); got > budget[w.name] && !raceDetector { // which allocates, too
			t.Errorf("%s: got %v allocations, want at most %v", w.name, got, budget[w.name])
		}
	}
}

// BenchmarkEncode compares the encoding of a page of 50 registries, some 24 KB, with that of encoding/json.
func BenchmarkEncode(b *testing.B) {
	j := newJudge(b, openapi.JSON)
	page := pageOf50()
	j.catcher.answer = page
	r := j.valid("ListRegistries")
	serve := j.bound["ListRegistries"].Serve
	var path bind.PathValues
	w := &silent{header: http.Header{}}
	recorder := httptest.NewRecorder()
	if err := serve(recorder, r, path); err != nil {
		b.Fatal(err)
	}
	b.Run("50-registries", func(b *testing.B) {
		appended, standard := math.Inf(1), math.Inf(1)
		for b.Loop() {
			for range 8 {
				appended = min(appended, perCall(func() { _ = serve(w, r, path) }))
				standard = min(standard, perCall(func() { _ = page.VisitListRegistriesResponse(w) }))
			}
		}
		b.ReportMetric(appended, "ns-append")
		b.ReportMetric(standard, "ns-encoding-json")
		b.ReportMetric(standard/appended, "x-faster")
		b.ReportMetric(float64(recorder.Body.Len()), "bytes")
		b.ReportMetric(testing.AllocsPerRun(100, func() { _ = serve(w, r, path) })-1, "allocs-append") // one is of the catcher
	})
}

// BenchmarkWholeList is the list of 50 with four parameters, from the router to the encoded answer, beside the usual filter in front of the generated server.
func BenchmarkWholeList(b *testing.B) {
	router, err := legacy.NewRouter(newJudge(b, openapi.JSON).local())
	if err != nil {
		b.Fatal(err)
	}
	page := &catcher{answer: pageOf50()}
	bound, usual := echo.New(), echo.New()
	bind.Register(bound, BoundRoutes(page, bind.Options{}), func(echo.Context) error { return openapi.ErrUnbound })
	usual.Use(stock(router))
	RegisterHandlers(usual, NewStrictHandler(page, nil))
	request := workload[0].again()
	b.Run("50-registries", func(b *testing.B) {
		ours, theirs := math.Inf(1), math.Inf(1)
		for b.Loop() {
			for range 8 {
				ours = min(ours, perCall(func() { request.to(bound) }))
				theirs = min(theirs, perCall(func() { request.to(usual) }))
			}
		}
		b.ReportMetric(ours, "ns-bound")
		b.ReportMetric(theirs, "ns-stock")
		b.ReportMetric(ours/theirs, "x-stock")
	})
}

// BenchmarkRequest is a request from the router to an operation that does nothing, behind its binder.
func BenchmarkRequest(b *testing.B) {
	e := boundServer()
	for _, w := range workload {
		b.Run(w.name, func(b *testing.B) {
			request := w.again()
			b.ReportAllocs()
			for b.Loop() {
				request.to(e)
			}
		})
	}
}
