package server

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/bindgen/bind"
	"github.com/qcsdev/qcs/openapi/contract"
)

// Validate says how requests are held to the document.
type Validate string

// The two ways. They refuse the same requests. Generated, the default, is code that was made from the document, which checks a request while it reads it into its types; Reference is package contract, which
// reads the document as it goes, and is asked in any case about what the other does not know.
const (
	ValidateGenerated Validate = "generated"
	ValidateReference Validate = "reference"
)

// surface is a document with its handlers.
type surface struct {
	document func() (*contract.Document, error)
	maxBody  int64
	register func(*echo.Echo)
	bound    []bind.Route // those of the handlers that check and bind requests themselves, in one pass
}

// routes are the bound ones by operation; none when all goes the way of the reference, as what the vendor is taken to ignore does.
func (f surface) routes(o Options) map[string]bind.Route {
	all := map[string]bind.Route{}
	if o.Validate == ValidateGenerated && o.Strictness == contract.Strict {
		for _, r := range f.bound {
			all[r.OperationID] = r
		}
	}
	return all
}

// explain is the header by which a caller asks for all that is wrong with a request, not only for what is found first.
const explain = "X-QCS-Explain"

// checked answers requests that fit the document, each by the binder of its operation, or by the reference, which package contract is, and the handlers of oapi-codegen.
type checked struct {
	bound map[string]bind.Route
	echo  *echo.Echo
}

func (c checked) serve(w http.ResponseWriter, r *http.Request, m contract.Match) error {
	bound := c.bound[m.ID]
	if bound.Serve != nil && r.Header.Get(explain) == "" {
		var path bind.PathValues
		for i, name := range bound.Params {
			path[i] = m.Param(name)
		}
		if err := bound.Serve(w, r, path); !errors.Is(err, bind.ErrUnbound) {
			return err
		}
	}
	check := m.CheckRequest
	if r.Header.Get(explain) != "" {
		check = m.Explain
	}
	if err := check(r); err != nil {
		return err
	}
	c.echo.ServeHTTP(w, r)
	return nil
}
