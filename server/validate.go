package server

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// Validate says how requests are held to the document.
type Validate string

// The two ways. They refuse the same requests. Generated, the default, is code that was made from
// the document, which checks a request while it reads it into its types; Reference is package
// contract, which reads the document as it goes, and is asked in any case about what the other does
// not know.
const (
	ValidateGenerated Validate = "generated"
	ValidateReference Validate = "reference"
)

// surface is a document with its handlers.
type surface struct {
	document func() (*contract.Document, error)
	maxBody  int64
	register func(*echo.Echo)
	bound    binders
}

// binders are the handlers, by operation, that check and bind requests themselves, in one pass.
// They are told the values of the parameters in the path, and answer openapi.ErrUnbound to what
// they do not know.
type binders = map[string]func(w http.ResponseWriter, r *http.Request, path [2]string) error

// binders are those that are asked; none when all goes the way of the reference, as what the vendor
// is taken to ignore does.
func (f surface) binders(o Options) binders {
	if o.Validate == ValidateGenerated && o.Strictness == contract.Strict {
		return f.bound
	}
	return nil
}

// explain is the header by which a caller asks for all that is wrong with a request, not only for
// what is found first.
const explain = "X-QCS-Explain"

// checked answers requests that fit the document, each by the binder of its operation, or by the
// reference, which package contract is, and the handlers of oapi-codegen.
type checked struct {
	bound binders
	echo  *echo.Echo
}

func (c checked) serve(w http.ResponseWriter, r *http.Request, m contract.Match) error {
	if serve := c.bound[m.ID]; serve != nil && r.Header.Get(explain) == "" {
		var path [2]string
		m.Values(path[:])
		if err := serve(w, r, path); !errors.Is(err, openapi.ErrUnbound) {
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
