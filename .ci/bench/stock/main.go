// Command stock is a generated server with constant answers behind the filter of kin-openapi.
package main

import (
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/openapi"
)

func main() {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { answers.Refuse(c.Response()) }
	e.Use(filter())
	apiserver.RegisterHandlers(e, apiserver.NewStrictHandler(answers.Constants{}, nil))
	answers.Serve(e)
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
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		KeepValidatedValue: true,
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			route, params, err := router.FindRoute(c.Request())
			if err == nil {
				err = openapi3filter.ValidateRequest(
					c.Request().Context(),
					&openapi3filter.RequestValidationInput{
						Request:    c.Request(),
						PathParams: params,
						Route:      route,
						Options:    options,
					},
				)
			}
			if err != nil {
				return err
			}
			return next(c)
		}
	}
}
