package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/bindgen/bind"
	"github.com/qcsdev/qcs/openapi"
)

// constant is an answer that was encoded before.
type constant []byte

func (c constant) write(w http.ResponseWriter) error {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header().Set("Content-Length", strconv.Itoa(len(c)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(c)
	return err
}

// VisitListRegistriesResponse implements the answer of an operation, as the others do.
func (c constant) VisitListRegistriesResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitCreateRegistryResponse is one of them.
func (c constant) VisitCreateRegistryResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitDeleteSchedulesResponse is one of them.
func (c constant) VisitDeleteSchedulesResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitDescribeRegistryResponse is one of them.
func (c constant) VisitDescribeRegistryResponse(w http.ResponseWriter) error { return c.write(w) }

// The answers of all servers that do not keep anything.
var (
	page    = mustJSON(api.Registries{Count: 50, Data: registries(50)})
	created = constant(`{"registryUuid":"f677b189-8b54-46ba-9d24-624b7e98767d"}`)
	started = constant(`{"deletionJobId":"1b54a117-b413-4aa8-8511-61860487619c"}`)
	single  = mustJSON(registries(1)[0])
	refused = constant(`{"errorCode":"400 BAD_REQUEST","message":"Invalid Input Request.","timestamp":1700000000000}`)
)

// The same as what operations answer, so that nothing is made for an answer.
var (
	listed    apiserver.ListRegistriesResponseObject   = page
	described apiserver.DescribeRegistryResponseObject = single
	accepted  apiserver.CreateRegistryResponseObject   = created
	deleting  apiserver.DeleteSchedulesResponseObject  = started
)

func mustJSON(v any) constant {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// constants are the operations with constant answers.
type constants struct {
	apiserver.StrictServerInterface
}

func (constants) ListRegistries(_ context.Context, _ apiserver.ListRegistriesRequestObject) (apiserver.ListRegistriesResponseObject, error) {
	return listed, nil
}

func (constants) DescribeRegistry(_ context.Context, _ apiserver.DescribeRegistryRequestObject) (apiserver.DescribeRegistryResponseObject, error) {
	return described, nil
}

func (constants) CreateRegistry(_ context.Context, _ apiserver.CreateRegistryRequestObject) (apiserver.CreateRegistryResponseObject, error) {
	return accepted, nil
}

func (constants) DeleteSchedules(_ context.Context, _ apiserver.DeleteSchedulesRequestObject) (apiserver.DeleteSchedulesResponseObject, error) {
	return deleting, nil
}

// bare answers without reading the request, but for what tells refused ones apart.
func bare(w http.ResponseWriter, r *http.Request) {
	answer := page
	switch {
	case r.Method == http.MethodPost && r.ContentLength < int64(len(body)), r.URL.RawQuery == "pageSize=abc":
		refuse(w)
		return
	case r.Method == http.MethodPost:
		answer = created
	case r.Method == http.MethodDelete:
		answer = started
	case strings.HasSuffix(r.URL.Path, "/"+firstID):
		answer = single
	}
	_ = answer.write(w) // the caller may be gone
}

func refuse(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header().Set("Content-Length", strconv.Itoa(len(refused)))
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(refused) // the caller may be gone
}

// serve is the process of one of the servers that this program is.
func serve(kind string) {
	var handler http.Handler = http.HandlerFunc(bare)
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { refuse(c.Response()) }
	if kind != "net/http" {
		handler = e
	}
	strict := apiserver.NewStrictHandler(constants{}, nil)
	switch kind {
	case "echo":
		each := func(c echo.Context) error {
			bare(c.Response(), c.Request())
			return nil
		}
		e.Any("/csapi/v1.3/registry", each)
		e.Any("/csapi/v1.3/registry/:registryId", each)
		e.Any("/csapi/v1.3/registry/:registryId/schedule/bulk", each)
	case "generated":
		apiserver.RegisterHandlers(e, strict)
	case "kin-openapi":
		e.Use(filter())
		apiserver.RegisterHandlers(e, strict)
	case "bound":
		bind.Register(e, apiserver.BoundRoutes(constants{}, bind.Options{}), func(echo.Context) error { return bind.ErrUnbound })
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		panic(err)
	}
	panic(http.Serve(listener, handler))
}

// filter is the validation of kin-openapi as it usually stands in front of a generated server.
func filter() echo.MiddlewareFunc {
	spec, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		panic(err)
	}
	spec.Servers = nil
	router, err := legacy.NewRouter(spec)
	if err != nil {
		panic(err)
	}
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
