// Package client is a Go SDK of the registry and schedule API of Qualys Container Security. It is
// independent of the vendor.
//
// A Client, made by New(WithBaseURL(…), WithCredentials(…)), has a method for each operation of the
// document (package openapi); that of POST /auth is Token. Lists are iterators, bulk calls give a
// Job that can be waited for, refusals are an *Error. It runs against the vendor's platforms and
// against the emulator qcsd. Importing it compiles neither a server nor a database.
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

// Token gives the token that calls are made with, after logging in if need be: POST /auth (docs:
// authentication). ErrNoToken with Basic authentication, which has none.
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
		now:     time.Now,
		retry:   DefaultRetry(),
		timeout: attemptTimeout,
		http:    &http.Client{},
	} //nolint:forbidigo // the default of WithClock
	for _, o := range options {
		o(&c)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	server := strings.TrimRight(c.base, "/") + "/"
	h := c.chain(server)
	wire, err := apiclient.NewClient(server, apiclient.WithHTTPClient(h))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	control, err := controlclient.NewClient(server, controlclient.WithHTTPClient(h))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Client{wire: wire, control: control, tokens: c.tokens, poll: c.poll}, nil
}

// loginCall is the exchange of a name and a password for a token.
func loginCall(server string, h *http.Client, login userinfo) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		ctx = context.WithValue(ctx, rawKey{}, nil) // a token is no answer to the call that needs it
		body := strings.NewReader(
			url.Values{
				"username":    {login.user},
				"password":    {login.password},
				"token":       {"true"},
				"permissions": {"true"},
			}.Encode(),
		)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"auth", body)
		if err != nil {
			return "", errors.New("client: cannot make the call of /auth") // the cause might hold the body
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

// loginError is the end of a login with all its retries: the call that needed it is not made again
// for it.
type loginError struct{ error }

func (e *loginError) Unwrap() error { return e.error }

// checkToken refuses what cannot be sent as a header, such as a page of HTML.
func checkToken(token string) error {
	if token == "" || strings.ContainsAny(token, " \t\r\n<") {
		return fmt.Errorf("%w: /auth did not answer one", ErrNoToken)
	}
	return nil
}
