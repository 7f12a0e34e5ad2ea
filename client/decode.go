package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// answer is a response whose body was read.
type answer struct {
	method, path string
	body         []byte
	emulator     bool // the response came from qcsd
}

type rawKey struct{}

// WithRawResponse gives a context whose calls also write the body of their response to a place, for
// fields that the types of the SDK lack. A list writes its latest page.
func WithRawResponse(ctx context.Context, to *[]byte) context.Context {
	return context.WithValue(ctx, rawKey{}, to)
}

// read reads a response; a status of 400 and above is an *Error.
func read(response *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, callError(err)
	}
	defer response.Body.Close()
	a := answer{
		method:   response.Request.Method,
		path:     response.Request.URL.Path,
		emulator: strings.HasPrefix(response.Header.Get("Server"), "qcsd/"),
	}
	if body, ok := response.Body.(*bufferedBody); ok {
		a.body = body.data
	} else if a.body, err = readBody(response); err != nil {
		return a, fmt.Errorf("%s %s: %w", a.method, a.path, err)
	}
	if to, ok := response.Request.Context().Value(rawKey{}).(*[]byte); ok {
		*to = a.body
	}
	switch {
	case response.StatusCode >= http.StatusBadRequest:
		return a, refused(response, a.body)
	case response.StatusCode >= http.StatusMultipleChoices:
		return a, fmt.Errorf(
			"%s %s: answer %d: a redirect that was not followed", a.method, a.path, response.StatusCode,
		)
	}
	return a, nil
}

// callError gives the error of a call without a response: with method and path, without the query.
// When the login failed, it is the error of the login.
func callError(err error) error {
	var call *url.Error
	if !errors.As(err, &call) {
		return err
	}
	var login *loginError
	if errors.As(call.Err, &login) {
		return login.error
	}
	path := call.URL
	if u, err := url.Parse(call.URL); err == nil {
		path = u.Path
	}
	return fmt.Errorf("%s %s: %w", strings.ToUpper(call.Op), path, call.Err)
}

// decode reads the JSON body of a response. No body, as with 204 or 201, gives the zero T, such as
// an empty list.
func decode[T any](response *http.Response, err error) (T, error) {
	var t T
	a, err := read(response, err)
	if err != nil || len(bytes.TrimSpace(a.body)) == 0 {
		return t, err
	}
	if err := json.Unmarshal(a.body, &t); err != nil {
		return t, a.decodeError(err)
	}
	return t, nil
}

// decodeError is the error of a body that is not the JSON it should be. Another text hints at a
// wrong address when the body is HTML.
func (a answer) decodeError(err error) error {
	if bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) {
		return fmt.Errorf(
			"%s %s: the answer is a page, not JSON; is this the address of the API? %w", a.method, a.path, err,
		)
	}
	return fmt.Errorf("%s %s: %w", a.method, a.path, err)
}

// id reads the id in a response: from an object, under the first of several keys, or from a bare
// string (swagger 2021). No body gives "".
func (a answer) id(keys ...string) (string, error) {
	var text string
	if len(a.body) == 0 || json.Unmarshal(a.body, &text) == nil {
		return text, nil
	}
	var object map[string]any
	if err := json.Unmarshal(a.body, &object); err != nil {
		return "", fmt.Errorf("%s %s: answer is neither an object nor a string", a.method, a.path)
	}
	for _, key := range keys {
		if id, ok := object[key].(string); ok && id != "" {
			return id, nil
		}
	}
	return "", nil
}

// idOf reads the id in the response of a call.
func idOf(response *http.Response, err error, keys ...string) (string, error) {
	a, err := read(response, err)
	if err != nil {
		return "", err
	}
	return a.id(keys...)
}

// Decode reads the response of the generated clients (gen/apiclient, gen/controlclient) as the SDK
// does: an error status is an *Error, and no body gives the zero T. Use it for calls for which the
// SDK has no method.
func Decode[T any](response *http.Response, err error) (T, error) { return decode[T](response, err) }
