// Command constant is one of the servers with constant answers: "constant KIND". Those that check
// requests are programs of their own: what is linked costs memory, which is looked through again
// and again.
package main

import (
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/apiserver"
)

func main() {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { answers.Refuse(c.Response()) }
	var handler http.Handler = e
	switch os.Args[1] {
	case "net/http":
		handler = http.HandlerFunc(answers.Bare)
	case "echo":
		each := func(c echo.Context) error {
			answers.Bare(c.Response(), c.Request())
			return nil
		}
		e.Any("/csapi/v1.3/registry", each)
		e.Any("/csapi/v1.3/registry/:registryId", each)
		e.Any("/csapi/v1.3/registry/:registryId/schedule/bulk", each)
	case "generated":
		apiserver.RegisterHandlers(e, apiserver.NewStrictHandler(answers.Constants{}, nil))
	}
	answers.Serve(handler)
}
