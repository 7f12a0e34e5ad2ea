package contract

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// RequestErrors are all faults of a request; the first one decides the status of the answer.
type RequestErrors []*RequestError

func (e RequestErrors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Explain is like CheckRequest, but it does not stop at the first fault. An error is a
// *RequestError or, for several faults, RequestErrors.
func (m Match) Explain(r *http.Request) error {
	data, err := m.readBody(r)
	if err != nil && m.detail().route.Operation.RequestBody == nil {
		data, err = []byte("unread"), nil // an operation that takes no body refuses each in the same way
	}
	if err != nil {
		return err
	}
	setBody(r, data)
	err = m.CheckRequest(r)
	var first *RequestError
	if !errors.As(err, &first) || first.Status != http.StatusBadRequest {
		return err
	}
	all := RequestErrors{first}
	add := func(err error) {
		var one *RequestError
		if errors.As(err, &one) && !slices.ContainsFunc(all, func(known *RequestError) bool { return *known == *one }) {
			all = append(all, one)
		}
	}
	query, _ := url.ParseQuery(r.URL.RawQuery) // CheckRequest has found its errors
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if _, err := m.checkParameter(name, query[name]); err != nil {
			add(err)
		}
	}
	setBody(r, data)
	bodyErr := m.checkBody(r)
	add(bodyErr)
	input := m.validation(r, query)
	options := *input.Options
	options.MultiError = true
	options.ExcludeRequestBody = options.ExcludeRequestBody || bodyErr != nil
	input.Options = &options
	for _, err := range split(openapi3filter.ValidateRequest(r.Context(), input)) {
		add(explain(err))
	}
	if len(all) == 1 {
		return first
	}
	return all
}

// split returns the single errors in an error of kin-openapi. It looks at the type of the error
// itself, because errors.As finds only the first of several errors.
func split(err error) (all []error) {
	switch e := err.(type) { //nolint:errorlint // see above
	case nil:
	case openapi3.MultiError:
		for _, one := range e {
			all = append(all, split(one)...)
		}
	case *openapi3filter.RequestError:
		if e.Err == nil {
			return []error{e}
		}
		for _, cause := range split(e.Err) {
			part := *e
			part.Err = cause
			all = append(all, &part)
		}
	default:
		return []error{err}
	}
	return all
}
