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

// split returns the single errors in an error of kin-openapi.
func split(err error) (all []error) {
	var request *openapi3filter.RequestError
	var several openapi3.MultiError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &request) && errors.As(request.Err, &several):
		for _, one := range several {
			for _, cause := range split(one) {
				part := *request
				part.Err = cause
				all = append(all, &part)
			}
		}
		return all
	case request == nil && errors.As(err, &several):
		for _, one := range several {
			all = append(all, split(one)...)
		}
		return all
	}
	return []error{err}
}
