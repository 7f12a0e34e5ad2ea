package server

import (
	"log/slog"
	"net/http"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/request"
)

// withState adds to each request the state that the following middleware shares. A recorded or
// replayed call has one already.
func withState(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := request.From(r.Context()); s == nil || s.ID != "" { // "": the state of a call that begins here
			r = r.WithContext(request.With(r.Context(), &request.State{}))
		}
		next.ServeHTTP(w, r)
	})
}

// observe sets the id of each request and writes one line of log for it.
func (s *Server) observe(next http.Handler) http.Handler {
	server := []string{"qcsd/" + s.options.Version}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.Of(r.Context())
		state.ID, state.Remote, state.Status = s.ids.New(), r.RemoteAddr, http.StatusOK
		state.Began = s.options.Now()
		header := w.Header()
		header["Server"], header["X-Request-Id"] = server, []string{state.ID}
		next.ServeHTTP(request.Writer{ResponseWriter: w, State: state}, r)
		if state.Ended.IsZero() {
			state.Ended = s.options.Now()
		}
		s.log(r, state)
	})
}

// log logs a request, with the time of its end by the clock of the options. The query is left out,
// as it may contain secrets of the caller.
func (s *Server) log(r *http.Request, state *request.State) {
	level := slog.LevelInfo
	if state.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	handler := s.options.Logger.Handler()
	if !handler.Enabled(r.Context(), level) {
		return
	}
	line := slog.NewRecord(state.Ended, level, "request", 0) // the place in the code is always the same
	line.AddAttrs(
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", state.Status),
		slog.Duration("took", state.Ended.Sub(state.Began)), slog.String("operation", state.Operation),
		slog.String("user", state.User), slog.String("world", state.World.Name), slog.String("request", state.ID),
	)
	if now := state.Now(); !now.IsZero() {
		line.AddAttrs(slog.Time("now", now))
	}
	if state.Fault != "" {
		line.AddAttrs(slog.String("fault", state.Fault))
	}
	if state.Cause != nil {
		line.AddAttrs(slog.String("cause", state.Cause.Error()))
	}
	_ = handler.Handle(r.Context(), line) // as slog.Logger does
}

// pages returns the pages with health and document of the emulator. They need no token.
func (s *Server) pages() map[string]http.HandlerFunc {
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
		_, _ = w.Write(body) // the caller may have disconnected
	}
}

// ready reports whether the database responds.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.store.Ping(r.Context()); err != nil {
		request.Of(r.Context()).Cause = err
		http.Error(w, "the database does not respond", http.StatusServiceUnavailable)
		return
	}
	page("text/plain; charset=utf-8", []byte("ok\n"))(w, r)
}
