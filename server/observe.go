package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/server/internal/registry"
)

// exchange is a request and its answer, as they are told of in the log. It is what answers are
// written to, and what the rules know of who calls.
type exchange struct {
	http.ResponseWriter

	id, operation, user, world string
	remote                     string    // address and port of the caller
	now                        time.Time // by the clock of the caller's world
	began, ended               time.Time
	cause                      error
	status                     int
	begun                      bool   // the answer has been sent in part at least
	leave                      func() // counts the end of the call; nil when nobody counts
	fault, violation           string // which fault made the answer, and how it breaks the document
}

// World implements registry.Call.
func (x *exchange) World() string { return x.world }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	x.status, x.begun = status, true
	x.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (x *exchange) Write(data []byte) (int, error) {
	x.begun = true
	return x.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// exchangeOf gives the exchange that a context belongs to; one that nobody reads when there is
// none.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := registry.CallOf(ctx).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// observe gives each request an id and writes one line of log for it.
func (s *Server) observe(next http.Handler) http.Handler {
	server := []string{"qcsd/" + s.options.Version}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, known := registry.CallOf(r.Context()).(*exchange)
		if !known || x.ResponseWriter != nil { // it is not that of a call which is made while another one is answered
			x = &exchange{}
			r = r.WithContext(registry.WithCall(r.Context(), x))
		}
		x.ResponseWriter = w
		x.id = s.ids.New()
		x.status = http.StatusOK
		x.remote = r.RemoteAddr
		x.began = s.options.Now()
		header := w.Header()
		header["Server"], header["X-Request-Id"] = server, []string{x.id}
		next.ServeHTTP(x, r)
		if x.ended.IsZero() {
			x.ended = s.options.Now()
		}
		s.log(r, x)
	})
}

// log writes the line of a request, with the time of its end by the clock of the options. The query
// is left out: it is the caller's.
func (s *Server) log(r *http.Request, x *exchange) {
	level := slog.LevelInfo
	if x.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	handler := s.options.Logger.Handler()
	if !handler.Enabled(r.Context(), level) {
		return
	}
	line := slog.NewRecord(x.ended, level, "request", 0) // the place in the code is the same for all
	attributes := append(
		make([]slog.Attr, 0, 11), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", x.status), slog.Duration("took", x.ended.Sub(x.began)),
		slog.String("operation", x.operation), slog.String("user", x.user), slog.String("world", x.world),
		slog.String("request", x.id),
	)
	if !x.now.IsZero() {
		attributes = append(attributes, slog.Time("now", x.now))
	}
	if x.fault != "" {
		attributes = append(attributes, slog.String("fault", x.fault))
	}
	if x.cause != nil {
		attributes = append(attributes, slog.String("cause", x.cause.Error()))
	}
	line.AddAttrs(attributes...)
	_ = handler.Handle(r.Context(), line) // as slog.Logger does
}

// recorder holds an answer back until it is checked.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *recorder) Write(data []byte) (int, error) { return w.body.Write(data) }
