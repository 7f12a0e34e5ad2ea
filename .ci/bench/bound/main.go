// Command bound is the generated server with constant answers and the binders as validation.
package main

import (
	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/bindgen/bind"
	"github.com/qcsdev/qcs/openapi"
)

func main() {
	e := answers.NewEcho()
	routes := apiserver.BoundRoutes(answers.Handlers{}, bind.Options{})
	bind.Register(e, routes, func(echo.Context) error { return openapi.ErrUnbound })
	answers.Serve(e)
}
