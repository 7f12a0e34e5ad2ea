// Package client is a Go SDK of the registry and schedule API of Qualys Container Security. It is
// independent of the vendor.
//
// New(WithBaseURL(…), WithCredentials(…)) makes a Client. It has a method for each operation of the
// document (package openapi); Token is the method for POST /auth. A list is an iterator, a bulk
// call gives a Job with a Wait method, and an error status is an *Error. The client works with the
// vendor's platforms and with the emulator qcsd. It imports no server and no database.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/apiclient"
	"github.com/qcsdev/qcs/gen/controlclient"
)

// Client calls the API. It is safe for concurrent use.
type Client struct {
	wire    *apiclient.Client
	control *controlclient.Client
	tokens  TokenSource
	poll    time.Duration
}

// Token gives the token of the client's calls, after a login if one is needed: POST /auth (docs:
// authentication). With Basic authentication there is none: ErrNoToken.
func (c *Client) Token(ctx context.Context) (string, error) {
	if c.tokens == nil {
		return "", ErrNoToken
	}
	return c.tokens.Token(ctx)
}

// New makes a client. It makes no call.
func New(options ...Option) (*Client, error) {
	c := config{
		agent:   userAgent,
		now:     time.Now, //nolint:forbidigo // the default of WithClock
		retry:   DefaultRetry(),
		timeout: attemptTimeout,
		http:    &http.Client{},
	}
	for _, o := range options {
		o(&c)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	server := strings.TrimRight(c.base, "/") + "/"
	h := c.chain(server)
	return &Client{
		wire:    &apiclient.Client{Server: server, Client: h},
		control: &controlclient.Client{Server: server, Client: h},
		tokens:  c.tokens,
		poll:    c.poll,
	}, nil
}

// loginCall gives a function that gets a token for a user name and a password.
func loginCall(server string, h *http.Client, login userinfo) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		ctx = context.WithValue(ctx, rawKey{}, nil) // WithRawResponse is not for the login
		form := url.Values{"username": {login.user}, "password": {login.password}}
		form.Set("token", "true")
		form.Set("permissions", "true")
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"auth", strings.NewReader(form.Encode()))
		if err != nil {
			return "", errors.New("client: cannot make the call of /auth") // the cause may contain the body
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := read(h.Do(r))
		if err != nil {
			return "", &loginError{err}
		}
		token := strings.TrimSpace(string(answer.body))
		return token, checkToken(token)
	}
}

// loginError is the error of a login after all its attempts. The call that needed the login is not
// retried.
type loginError struct{ error }

func (e *loginError) Unwrap() error { return e.error }

// checkToken refuses a text that cannot be a token, such as an HTML page.
func checkToken(token string) error {
	if token == "" || strings.ContainsAny(token, " \t\r\n<") {
		return fmt.Errorf("%w: /auth did not answer one", ErrNoToken)
	}
	return nil
}
