package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/client/internal/rewind"
	"github.com/qcsdev/qcs/openapi/traffic"
)

// exchange is the transport of the CLI. It finds out whether the service is the emulator. With
// --debug it prints requests and responses; with --curl it prints requests and does not send them.
type exchange struct {
	next        http.RoundTripper
	debug, curl bool
	several     bool // with curl: the command makes several calls
	out, log    io.Writer
	answered    bool // there was a response
	emulator    bool
}

// RoundTrip implements http.RoundTripper.
func (e *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	if e.curl && r.URL.Path != "/auth" {
		if _, err := fmt.Fprintln(e.out, curl(r)); err != nil {
			return nil, err
		}
		if e.several { // go on to the next call
			return &http.Response{
				StatusCode: http.StatusNoContent,
				Body:       http.NoBody,
				Header:     http.Header{},
				Request:    r,
			}, nil
		}
		return nil, errPrinted
	}
	if e.debug {
		e.show("> ", r.Method+" "+r.URL.String(), r.Header, bodyOf(r))
	}
	response, err := e.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	e.answered, e.emulator = true, strings.HasPrefix(response.Header.Get("Server"), "qcsd/")
	if e.debug {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxRead))
		if err != nil {
			return response, nil //nolint:nilerr // the client gets the same error
		}
		shown := traffic.Hidden // the response to a login is a token
		if r.URL.Path != "/auth" {
			shown = traffic.Redact(response.Header.Get("Content-Type"), string(body))
		}
		e.show("< ", response.Status, response.Header, shown)
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), response.Body), response.Body}
	}
	return response, nil
}

// The largest part of a response that --debug reads, and of a body that it prints, in bytes.
const (
	maxRead  = 64 << 20
	maxShown = 16 << 10
)

func (e *exchange) show(prefix, first string, header http.Header, body string) {
	lines := []string{first}
	for name, values := range header {
		lines = append(lines, name+": "+traffic.RedactHeader(name, strings.Join(values, ", ")))
	}
	slices.Sort(lines[1:])
	if len(body) > maxShown {
		body = strings.ToValidUTF8(body[:maxShown], "") + "…"
	}
	if body != "" {
		lines = append(lines, "", body)
	}
	for _, l := range lines {
		fmt.Fprintln(e.log, strings.TrimRight(prefix+l, " "))
	}
}

// bodyOf gives the body of a request without its secrets.
func bodyOf(r *http.Request) string {
	again, err := rewind.Request(r)
	if err != nil || again.Body == nil {
		return ""
	}
	data, err := io.ReadAll(again.Body) // the whole body: secrets in a cut body are not found
	if err != nil {
		return ""
	}
	return traffic.Redact(r.Header.Get("Content-Type"), string(data))
}

// curl writes a request as a curl command. The credentials are shell variables, and secrets in the
// body are hidden.
func curl(r *http.Request) string {
	line := traffic.Request{
		Options:     "-sS",
		Method:      r.Method,
		Auth:        `-H "Authorization: Bearer $QCS_TOKEN"`,
		ContentType: r.Header.Get("Content-Type"),
		URL:         r.URL.String(),
	}
	if strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
		line.Auth = `-u "$QCS_USER:$QCS_PASSWORD"`
	}
	if strings.HasPrefix(line.ContentType, "multipart/") {
		line.Form = traffic.KeyFile
	} else {
		line.Body = bodyOf(r)
	}
	return traffic.Curl(line)
}
