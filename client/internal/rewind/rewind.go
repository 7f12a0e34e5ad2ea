// Package rewind makes a request that was sent ready to be sent again.
package rewind

import (
	"fmt"
	"net/http"
)

// Request gives a copy of a request with the body from its beginning. It fails when the body
// cannot be read twice.
func Request(r *http.Request) (*http.Request, error) {
	again := r.Clone(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return again, nil
	}
	if r.GetBody == nil {
		return nil, fmt.Errorf("%s %s: the body cannot be sent again", r.Method, r.URL.Path)
	}
	var err error
	again.Body, err = r.GetBody()
	return again, err
}
