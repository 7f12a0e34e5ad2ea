package contract

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// ResponseError says how an answer violates the document.
type ResponseError struct {
	Operation string
	Status    int
	Reason    string
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("%s: answer %d: %s", e.Operation, e.Status, e.Reason)
}

// Response is an answer to check.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// CheckResponse checks an answer against the document: the status must be declared, the headers and
// the body must be valid, an answer without declared content must be empty, and an object must have
// only declared properties (kin-openapi accepts others). An error is a *ResponseError.
func (m Match) CheckResponse(r *http.Request, answer Response) error {
	fail := func(reason string) error { return &ResponseError{m.ID, answer.Status, reason} }
	responses := m.detail().route.Operation.Responses
	declared := cmp.Or(responses.Status(answer.Status), responses.Default())
	if declared == nil {
		return fail("the status is not declared")
	}
	err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: m.input(r, nil),
		Status:                 answer.Status,
		Header:                 answer.Header,
		Body:                   io.NopCloser(bytes.NewReader(answer.Body)),
		Options:                m.detail().filter,
	})
	content := declared.Value.Content
	switch {
	case err != nil:
		return fail(explainResponse(err))
	case len(content) == 0 && len(answer.Body) > 0:
		return fail("has a body that is not declared")
	case len(content) > 0 && mediaType(answer.Header) == "application/json":
		w := keyWalker{closed: true}
		if err := w.check(answer.Body, bodySchema(content.Get("application/json"))); err != nil {
			return fail(err.Error())
		}
	}
	return nil
}

// explainResponse describes an error in one line. It leaves out the value, which may be a token.
func explainResponse(err error) string {
	var schema *openapi3.SchemaError
	var response *openapi3filter.ResponseError
	if !errors.As(err, &response) {
		return "does not fit the document"
	}
	if errors.As(err, &schema) {
		return response.Reason + pointer(schema) + ": " + reason(schema)
	}
	return response.Reason
}
