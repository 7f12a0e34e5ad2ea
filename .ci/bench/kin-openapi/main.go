// Command kin-openapi is the generated server with constant answers, validated as is usual.
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
	e := answers.NewEcho()
	e.Use(validation())
	apiserver.RegisterHandlers(e, apiserver.NewStrictHandler(answers.Handlers{}, nil))
	answers.Serve(e)
}

func validation() echo.MiddlewareFunc {
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
			r := c.Request()
			route, params, err := router.FindRoute(r)
			if err != nil {
				return err
			}
			err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
				Request: r, PathParams: params, Route: route, Options: options,
			})
			if err != nil {
				return err
			}
			return next(c)
		}
	}
}
