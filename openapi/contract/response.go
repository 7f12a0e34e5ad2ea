package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// ResponseError says how an answer deviates from the document.
type ResponseError struct {
	Operation string
	Status    int
	Reason    string
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("%s: answer %d: %s", e.Operation, e.Status, e.Reason)
}

// Response is an answer to be checked.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// CheckResponse holds an answer to the document: its status must be declared, its headers and its
// body fit, an answer without declared content must be empty, and an object must have no properties
// that are not declared (kin-openapi lets them pass). An error is a *ResponseError.
func (m Match) CheckResponse(r *http.Request, answer Response) error {
	fail := func(reason string) error { return &ResponseError{m.ID, answer.Status, reason} }
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: m.input(r, nil), Status: answer.Status, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(answer.Body)), Options: m.detail().filter,
	}
	ref := m.detail().route.Operation.Responses.Status(answer.Status)
	if ref == nil {
		ref = m.detail().route.Operation.Responses.Default()
	}
	if ref == nil {
		return fail("the status is not declared")
	}
	if err := openapi3filter.ValidateResponse(r.Context(), input); err != nil {
		return fail(explainResponse(err))
	}
	declared := ref.Value
	if len(declared.Content) == 0 {
		if len(answer.Body) > 0 {
			return fail("has a body that is not declared")
		}
		return nil
	}
	if mediaType(answer.Header) == "application/json" {
		w := keyWalker{closed: true}
		if err := w.check(answer.Body, bodySchema(declared.Content.Get("application/json"))); err != nil {
			return fail(err.Error())
		}
	}
	return nil
}

// explainResponse is a line about an error of kin-openapi. The value is left out: it may be a
// token.
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
