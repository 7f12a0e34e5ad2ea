package server

import (
	"net/http"

	"github.com/qcsdev/qcs/openapi"
)

// service lists what an emulator offers as a program: its health and its document. None of it needs
// a token.
func (s *Server) service() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/healthz":      page("text/plain; charset=utf-8", []byte("ok\n")),
		"/readyz":       s.ready,
		"/openapi.yaml": page("application/yaml", openapi.YAML),
		"/openapi.json": page("application/json", openapi.JSON),
	}
}

func page(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body) // the caller may be gone
	}
}

// ready answers whether the database does.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.store.Ping(r.Context()); err != nil {
		exchangeOf(r.Context()).cause = err
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	page("text/plain; charset=utf-8", []byte("ok\n"))(w, r)
}
