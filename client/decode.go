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

// answer is a success that was read whole.
type answer struct {
	method, path string
	body         []byte
	emulator     bool // it came from qcsd
}

type rawKey struct{}

// WithRawResponse has the bytes of each answer to a call with the context written to a place, as
// they came: for fields that the types of the SDK lack. Of a list it is the page that came last.
func WithRawResponse(ctx context.Context, to *[]byte) context.Context {
	return context.WithValue(ctx, rawKey{}, to)
}

// read takes an answer in; a status of 400 and above is an *Error.
func read(response *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, unanswered(err)
	}
	defer response.Body.Close()
	a := answer{
		method:   response.Request.Method,
		path:     response.Request.URL.Path,
		emulator: strings.HasPrefix(response.Header.Get("Server"), "qcsd/"),
	}
	if body, ok := response.Body.(*taken); ok {
		a.body = body.data
	} else if a.body, err = takeIn(response); err != nil {
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

// unanswered says of which call there was no answer, without the query; of a call that failed since
// the login did, the error is that of the login.
func unanswered(err error) error {
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

// decode reads an answer as a T. No body, as of 204 or 201, gives the zero T: an empty list.
func decode[T any](response *http.Response, err error) (T, error) {
	var t T
	a, err := read(response, err)
	if err != nil || len(bytes.TrimSpace(a.body)) == 0 {
		return t, err
	}
	if err := json.Unmarshal(a.body, &t); err != nil {
		return t, a.unread(err)
	}
	return t, nil
}

// unread says that an answer is not what it should be; a page of HTML is told from JSON that is
// broken.
func (a answer) unread(err error) error {
	if bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) {
		return fmt.Errorf(
			"%s %s: the answer is a page, not JSON; is this the address of the API? %w", a.method, a.path, err,
		)
	}
	return fmt.Errorf("%s %s: %w", a.method, a.path, err)
}

// id reads the id that an answer names: an object that has it under one of several keys, or the
// bare string of the 2021 swagger. No body gives "".
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

// named is decode for calls that answer an id.
func named(response *http.Response, err error, keys ...string) (string, error) {
	a, err := read(response, err)
	if err != nil {
		return "", err
	}
	return a.id(keys...)
}

// Decode reads the answer to a call of the generated clients (gen/apiclient, gen/controlclient) as
// the SDK does: a refusal is an *Error, no body the zero T. For calls that the SDK has no method
// for.
func Decode[T any](response *http.Response, err error) (T, error) { return decode[T](response, err) }
