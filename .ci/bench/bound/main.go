// Command bound is a generated server with constant responses behind the binders.
package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/apiserver"
)

const maxBody = 1 << 20 // bytes, as the emulator allows

func main() {
	e := answers.NewEcho()
	bound := apiserver.Bound(answers.Handlers{}, maxBody)
	for _, o := range []struct{ id, method, path string }{
		{"ListRegistries", http.MethodGet, "/csapi/v1.3/registry"},
		{"CreateRegistry", http.MethodPost, "/csapi/v1.3/registry"},
		{"DescribeRegistry", http.MethodGet, "/csapi/v1.3/registry/:registryId"},
		{"DeleteSchedules", http.MethodDelete, "/csapi/v1.3/registry/:registryId/schedule/bulk"},
	} {
		serve := bound[o.id]
		e.Add(o.method, o.path, func(c echo.Context) error {
			return serve(c.Response(), c.Request(), [2]string{c.Param("registryId")})
		})
	}
	answers.Serve(e)
}
