package server_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// eachWay runs a test with each way of checking requests.
func eachWay(t *testing.T, test func(*testing.T, *servertest.Server)) {
	t.Helper()
	for _, way := range []server.Validate{server.ValidateGenerated, server.ValidateReference} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			test(t, newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Validate = way })))
		})
	}
}

// endless is a body without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > 64<<20 {
		return 0, errors.New("too much was read")
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestBodiesAreBounded checks that bodies are read up to a limit only, also if the request has another
// violation and if the caller requests all violations.
func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, srv *servertest.Server) {
		for _, target := range []string{base, base + "?bogus=1"} {
			for _, explain := range []string{"", "all"} {
				body := &endless{}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+target, body)
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = -1
				r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + srv.Token()}, "X-Qcs-Explain": {explain}}
				if explain == "" {
					r.Header.Del("X-Qcs-Explain")
				}
				response, err := srv.HTTP().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode/100 != 4 || body.read > 4<<20 {
					t.Errorf("%s %s: got status %d after %d bytes", target, explain, response.StatusCode, body.read)
				}
			}
		}
	})
}

// TestBodiesOfUnknownLength checks that an unexpected body is refused with and without Content-Length.
func TestBodiesOfUnknownLength(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, srv *servertest.Server) {
		for _, length := range []int64{0, -1, 7} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+base, io.NopCloser(strings.NewReader(`{"a":1}`)))
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = length
			r.Header.Set("Authorization", "Bearer "+srv.Token())
			response, err := srv.HTTP().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusBadRequest {
				t.Errorf("length %d: got status %d, want 400", length, response.StatusCode)
			}
		}
	})
}

// disconnected is a caller who does not wait for the response.
type disconnected struct{ header http.Header }

func (d disconnected) Header() http.Header       { return d.header }
func (d disconnected) WriteHeader(int)           {}
func (d disconnected) Write([]byte) (int, error) { return 0, errors.New("connection reset") }

// TestDisconnectedCaller checks that the journal has the status of the response that could not be sent.
func TestDisconnectedCaller(t *testing.T) {
	t.Parallel()
	for _, way := range []server.Validate{server.ValidateGenerated, server.ValidateReference} {
		s, err := server.New(server.Options{Users: []server.User{{Name: "u", Password: "p"}}, Validate: way})
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Token("u")
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://qcs.test"+base, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		s.ServeHTTP(disconnected{http.Header{}}, r)
		if calls := s.Journal("default"); len(calls) != 1 || calls[0].Status != http.StatusOK || strings.Contains(calls[0].ResponseBody, "errorCode") {
			t.Errorf("%s: got %+v", way, calls)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
