package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestServicePages(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for target, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ok", "/openapi.yaml": strings.TrimSpace(string(openapi.YAML)), "/openapi.json": strings.TrimSpace(string(openapi.JSON)), "/healthz/": "ok",
	} {
		got := send(t, srv, request{method: http.MethodGet, target: target, token: "-"})
		if body := got.want(t, http.StatusOK); body != want {
			t.Errorf("%s: got %.60s…", target, body)
		}
		if server := got.header.Get("Server"); server != "qcsd/dev" {
			t.Errorf("%s: got Server %q", target, server)
		}
		if got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: has no request id", target)
		}
	}
}

func TestDocumentsNameTheIndependence(t *testing.T) {
	t.Parallel()
	if !strings.Contains(string(openapi.YAML), "The vendor does not make, check or endorse it.") {
		t.Error("info.description does not state that the project is independent")
	}
}

func TestResetLoadsTheSeedAgain(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Seed: "release-notes"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	token, err := s.Token("admin")
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, target string) string {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		response := httptest.NewRecorder()
		s.ServeHTTP(response, r)
		return response.Body.String()
	}
	for range 2 {
		call(http.MethodDelete, base+"/95b715e0-0fc7-4dac-b4de-2e1b92fc527d")
		if got := call(http.MethodGet, base); !strings.Contains(got, `"count":5,`) {
			t.Errorf("before: got %s", got)
		}
		if err := s.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := call(http.MethodGet, base); !strings.Contains(got, `"count":6,`) {
			t.Errorf("after: got %s", got)
		}
	}
	if token, err := s.Token("admin"); err != nil || token == "" || s.DefaultUser() != "admin" {
		t.Errorf("got %q, %v, first user %q", token, err, s.DefaultUser())
	}
	if _, err := s.Token("nobody"); err == nil {
		t.Error("got a token for an unknown user")
	}
}

func TestSeedIsNotLoadedOverData(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	options := servertest.WithOptions(func(o *server.Options) { o.Data = folder })
	t.Run("without", func(t *testing.T) {
		newRegistry(t, newServer(t, options, servertest.WithoutRunner()).Client(), "https://mine.example.com")
	})
	t.Run("with", func(t *testing.T) {
		srv := newServer(t, options, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		if body := get(t, srv, base).want(t, http.StatusOK); !strings.Contains(body, `"count":1,`) {
			t.Errorf("got %s, want the one existing registry", body)
		}
	})
}

// TestJobsContinueAfterARestart checks that another process continues an accepted job.
func TestJobsContinueAfterARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	options := servertest.WithOptions(func(o *server.Options) { o.Data = folder })
	job := ""
	t.Run("accept", func(t *testing.T) {
		srv := newServer(t, options, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		body := send(t, srv, request{method: "POST", target: base + "/" + sampleRegistry + "/schedule/cancel?filter=status%3ARunning"}).want(t, http.StatusOK)
		job = field(t, body, "CancelJobId")
	})
	t.Run("work", func(t *testing.T) {
		srv := newServer(t, options, servertest.WithoutRunner())
		if state := jobState(t, srv, job); state.Changed != 2 {
			t.Errorf("got %+v, want two canceled", state)
		}
	})
}
