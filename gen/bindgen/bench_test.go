package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/labstack/echo/v4"

	. "github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/openapi"
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

const body420 = `{"registryType":"AWS","registryUri":"https://123456789012.dkr.ecr.us-east-1.amazonaws.com",` +
	`"registryName":"production images of the payments team","credentialType":"AWS",` +
	`"aws":{"accountId":"123456789012",` +
	`"arn":"arn:aws:iam::123456789012:role/QualysContainerSecurityRegistryScanner",` +
	`"region":"us-east-1","accountType":"Global"},"dockerHubOrgName":"",` +
	`"credential":{"username":"a user of the registry","password":"not a real one"}}`

const (
	registries = "/csapi/v1.3/registry"
	bulkDelete = registries + "/r/schedule/bulk?"
)

var badBody = strings.Replace(body420, `"region":"us-east-1"`, `"region":7`, 1)

// workload are the requests to measure.
var workload = []struct {
	name string
	sent
	valid bool
	most  float64 // allocations behind the binder
}{
	{"list", sent{
		"GET", registries + "?filter=registryType%3AAWS&pageNumber=2&pageSize=50&sort=created%3Adesc", "", "",
	}, true, 6},
	{"plain-list", sent{"GET", registries, "", ""}, true, 0},
	{"create-420-bytes", sent{"POST", registries, "application/json", body420}, true, 3},
	{"delete-2", sent{"DELETE", bulkDelete + manyIDs(2), "", ""}, true, 1},
	{"delete-200", sent{"DELETE", bulkDelete + manyIDs(200), "", ""}, true, 1},
	{"refused-body", sent{"POST", registries, "application/json", badBody}, false, 5},
	{"refused-query", sent{"GET", registries + "?pageSize=abc", "", ""}, false, 5},
}

func manyIDs(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("scheduleIds=f677b189-8b54-46ba-9d24-%012d", i)
	}
	return strings.Join(pairs, "&")
}

// servers returns the servers to compare: with the binders, with package contract or kin-openapi in
// front of the generated server, and two without checks.
func servers(tb testing.TB) map[string]*echo.Echo {
	tb.Helper()
	j := newJudge(tb, openapi.JSON)
	router, err := legacy.NewRouter(j.local())
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string]*echo.Echo{
		"bound": boundServer(), "generated": newEcho(), "reference": newEcho(), "stock": newEcho(), "bare": newEcho(),
	}
	all["stock"].Use(stock(router))
	all["reference"].Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			m, err := j.document.Find(c.Request().Method, c.Request().URL)
			if err == nil {
				err = m.CheckRequest(c.Request())
			}
			if err != nil {
				return err
			}
			return next(c)
		}
	})
	for _, name := range []string{"generated", "reference", "stock"} {
		RegisterHandlers(all[name], NewStrictHandler(idle{}, nil))
	}
	register(all["bare"], func(string) echo.HandlerFunc {
		return func(echo.Context) error { return nil }
	})
	return all
}

// newEcho returns an Echo that answers 400 for every error.
func newEcho() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { c.Response().WriteHeader(http.StatusBadRequest) }
	return e
}

// register registers handlers for the operations of the workload, by id.
func register(e *echo.Echo, handler func(id string) echo.HandlerFunc) {
	e.GET(registries, handler("ListRegistries"))
	e.POST(registries, handler("CreateRegistry"))
	e.DELETE(registries+"/:registryId/schedule/bulk", handler("DeleteSchedules"))
}

// boundServer returns the generated server behind its binders.
func boundServer() *echo.Echo {
	e, bound := newEcho(), Bound(idle{}, maxBody)
	register(e, func(id string) echo.HandlerFunc {
		serve := bound[id]
		return func(c echo.Context) error {
			return serve(c.Response(), c.Request(), [2]string{c.Param("registryId")})
		}
	})
	return e
}

// stock returns the usual middleware of kin-openapi: it finds the route a second time, and decodes
// for its checks.
func stock(router routers.Router) echo.MiddlewareFunc {
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		KeepValidatedValue: true,
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			route, params, err := router.FindRoute(r)
			if err == nil {
				err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
					Request: r, PathParams: params, Route: route, Options: options,
				})
			}
			if err != nil {
				return err
			}
			return next(c)
		}
	}
}

// silent discards a response.
type silent struct {
	header http.Header
	status int
}

func (w *silent) Header() http.Header            { return w.header }
func (w *silent) WriteHeader(status int)         { w.status = status }
func (w *silent) Write(data []byte) (int, error) { return len(data), nil }

// again is a request that can be sent many times.
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

// to sends the request and returns the status of the response.
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

// BenchmarkValidation compares the cost of a request from the router to an operation that does
// nothing: the shortest of eight turns, in shuffled order. The last row is the geometric mean of
// the ratios.
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

// perCall returns the nanoseconds that a call takes, measured over about twenty milliseconds.
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

// TestAllocations checks that a request behind its binder allocates at most as often as allowed,
// and that the servers to compare answer correctly.
func TestAllocations(t *testing.T) {
	all := servers(t)
	for _, w := range workload {
		request := w.again()
		for name, e := range all {
			want := http.StatusOK
			if !w.valid && name != "bare" && (name != "generated" || w.name == "refused-query") {
				want = http.StatusBadRequest
			}
			if got := request.to(e); got != want && w.name != "refused-body" {
				t.Errorf("%s, %s: got %d, want %d", w.name, name, got, want)
			}
		}
		got := testing.AllocsPerRun(200, func() { request.to(all["bound"]) })
		if got > w.most && !raceDetector { // the race detector allocates
			t.Errorf("%s: got %v allocations, want at most %v", w.name, got, w.most)
		}
	}
}

// BenchmarkRequest measures a request from the router through its binder to an operation that does
// nothing.
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
