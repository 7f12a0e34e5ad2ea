package server

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// exchange is what is told of a request and its answer in the log.
type exchange struct {
	id, operation, user, world string
	remote                     string    // address of the caller
	now                        time.Time // by the clock of the caller's world
	cause                      error
	status                     int
	begun                      bool   // the answer has been sent in part at least
	leave                      func() // counts the end of the call
	fault, violation           string // which fault made the answer, and how it breaks the document
}

type exchangeKey struct{}

// exchangeOf gives the exchange that a context belongs to; one that nobody reads when there is none.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// observe gives each request an id and writes one line of log for it. The query is left out: it is the caller's.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, known := r.Context().Value(exchangeKey{}).(*exchange)
		if !known {
			x = &exchange{}
			r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		}
		x.id, x.status = s.ids.New(), http.StatusOK
		x.remote, _, _ = net.SplitHostPort(r.RemoteAddr)
		w.Header().Set("Server", "qcsd/"+s.options.Version)
		w.Header().Set("X-Request-Id", x.id)
		start := s.options.Now()
		next.ServeHTTP(&statusWriter{w, x}, r)
		level := slog.LevelInfo
		attributes := append(make([]slog.Attr, 0, 11),
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", x.status), slog.Duration("took", s.options.Now().Sub(start)),
			slog.String("operation", x.operation), slog.String("user", x.user), slog.String("world", x.world), slog.String("request", x.id),
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
		if x.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.options.Logger.LogAttrs(r.Context(), level, "request", attributes...)
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	exchange *exchange
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.exchange.status, w.exchange.begun = status, true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *statusWriter) Write(data []byte) (int, error) {
	w.exchange.begun = true
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

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
