// Command constant is a server with constant answers that does not validate requests: "constant
// net/http", "constant echo" or "constant generated". The servers that validate are separate
// programs, because each linked package adds memory that the garbage collector scans.
package main

import (
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/apiserver"
)

func main() {
	e := answers.NewEcho()
	var handler http.Handler = e
	switch os.Args[1] {
	case "net/http":
		handler = http.HandlerFunc(answers.Write)
	case "echo":
		write := func(c echo.Context) error {
			answers.Write(c.Response(), c.Request())
			return nil
		}
		e.Any("/csapi/v1.3/registry", write)
		e.Any("/csapi/v1.3/registry/:registryId", write)
		e.Any("/csapi/v1.3/registry/:registryId/schedule/bulk", write)
	case "generated":
		apiserver.RegisterHandlers(e, apiserver.NewStrictHandler(answers.Handlers{}, nil))
	}
	answers.Serve(handler)
}
