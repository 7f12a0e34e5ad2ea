package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDebugHidesSecretHeaders(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	secrets := http.Header{
		"X-Api-Key": {"hush"}, "Apikey": {"hush"}, "X-Client-Secret": {"hush"}, "Proxy-Authorization": {"Basic hush"}, "Cookie": {"sid=hush"}, "X-Auth": {"hush"}, "Authorization": {"hush"},
	}
	e := &exchange{debug: true, log: &log, next: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{Status: "200 OK", Header: secrets, Body: io.NopCloser(strings.NewReader(`{"token":"hush","a":1}`))}, nil
	})}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://qcs.test/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = secrets
	response, err := e.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := log.String(); strings.Contains(got, "hush") || !strings.Contains(got, "> X-Api-Key: ***\n") || !strings.Contains(got, "< X-Api-Key: ***\n") {
		t.Errorf("got %s, want the headers without their values", got)
	}
}
