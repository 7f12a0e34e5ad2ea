package vendorapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/request"
)

// Validate is how requests are checked against the document.
type Validate string

// The two ways. They refuse the same requests. Generated, the default, is code that was generated
// from the document: it checks a request while it binds it. Reference is package contract, which
// interprets the document; it also checks the requests that the generated code does not support.
const (
	ValidateGenerated Validate = "generated"
	ValidateReference Validate = "reference"
)

// Binders are generated handlers, by operation, that check and bind requests in one pass. They get
// the values of the parameters in the path, and return openapi.ErrUnbound for a request that the
// reference must check.
type Binders = map[string]func(w http.ResponseWriter, r *http.Request, path [2]string) error

// Operations checks requests and calls the handlers: by the binder of the operation or, if there is
// none, if it does not support the request, or if the caller requests all violations, by the
// reference and the generated handlers.
func Operations(binders Binders, reference http.Handler, fail request.Fail) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := request.Of(r.Context())
		explain := r.Header.Get(Explain) != ""
		w = basisWriter{w, s}
		if bind := binders[s.Operation]; bind != nil && !explain {
			var path [2]string
			s.Match.Values(path[:])
			err := bind(w, r, path)
			if err == nil {
				return
			}
			if !errors.Is(err, openapi.ErrUnbound) {
				fail(w, r, err)
				return
			}
		}
		check := s.Match.CheckRequest
		if explain {
			check = s.Match.Explain
		}
		if err := check(r); err != nil {
			fail(w, r, err)
			return
		}
		reference.ServeHTTP(w, r)
	})
}

// basisWriter writes to X-QCS-Detail which of our choices the response depends on, unless the
// header has the cause of a refusal.
type basisWriter struct {
	http.ResponseWriter
	state *request.State
}

// WriteHeader implements http.ResponseWriter.
func (w basisWriter) WriteHeader(status int) {
	choices := w.state.Basis.Choices
	if w.state.Match.Evidence().Answer == openapi.Chosen {
		answer := "answer of " + w.state.Operation + " (" + string(openapi.Chosen) + ")"
		choices = append([]string{answer}, choices...)
	}
	if h := w.Header(); len(choices) > 0 && status < http.StatusBadRequest && h.Get(Detail) == "" {
		h.Set(Detail, ascii(strings.Join(choices, "; "), maxDetail))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w basisWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// CheckResponses checks responses against the document. A response that violates it becomes a 500,
// after onViolation was called.
func CheckResponses(onViolation func(error), fail request.Fail) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			response := request.Buffer{Head: w.Header(), Status: http.StatusOK}
			next.ServeHTTP(&response, r)
			s := request.Of(r.Context())
			err := s.Match.CheckResponse(
				r, contract.Response{Status: response.Status, Header: response.Head, Body: response.Body.Bytes()},
			)
			if err == nil || r.Context().Err() != nil {
				response.Send(w)
				return
			}
			s.Violation = err.Error()
			if onViolation != nil {
				onViolation(err)
			}
			fail(w, r, err)
		})
	}
}
