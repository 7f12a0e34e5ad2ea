// Command bound is a generated server with constant answers behind the binders.
package main

import (
	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/bindgen/bind"
	"github.com/qcsdev/qcs/openapi"
)

func main() {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { answers.Refuse(c.Response()) }
	bind.Register(
		e, apiserver.BoundRoutes(answers.Constants{}, bind.Options{}),
		func(echo.Context) error { return openapi.ErrUnbound },
	)
	answers.Serve(e)
}
