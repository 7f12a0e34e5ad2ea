package traffic

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	wire "github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/request"
)

// truncated is the end of a body that was cut.
const truncated = "…"

// Middleware adds each call of a known world to the journal, with the answer after all faults.
// Calls that match no operation or no user are kept apart, too. The clock gives the times of calls,
// and the Authority the users of calls without an operation.
func (j *Journal) Middleware(now func() time.Time, authority *auth.Authority) request.Middleware {
	return func(next http.Handler) http.Handler {
		if j.calls == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := request.Of(r.Context())
			e := entry{escapedPath: r.URL.RawPath}
			e.Method, e.Path, e.Query = r.Method, r.URL.Path, wire.RedactQuery(r.URL.RawQuery)
			e.RequestHeaders = flat(r.Header)
			if r.Host != "" {
				e.RequestHeaders["Host"] = r.Host
			}
			contentType := r.Header.Get("Content-Type")
			body := &capture{max: maxBody}
			r.Body = tee(r.Body, body)
			answer := &captureWriter{ResponseWriter: w, body: capture{max: maxBody}}
			defer func() {
				cause := recover()
				s.Ended = now()
				if s.Operation == "" {
					identify(r, s, authority)
				}
				unmatched := s.Operation == "" || answer.status == http.StatusUnauthorized && s.Fault == ""
				if unmatched || s.World.Name != "" {
					e.RequestBody = wire.Redact(contentType, body.String())
					e.answer(answer, s, cause)
				}
				if s.Operation == "" {
					e.Nearest = nearest(r)
				}
				if s.World.Name != "" {
					j.add(s.World.Name, e)
				}
				if unmatched {
					j.addUnmatched(s.World.Name, e)
				}
				if cause != nil {
					panic(cause)
				}
			}()
			next.ServeHTTP(answer, r)
		})
	}
}

// identify finds the user of a call that matches no operation: it was refused before.
func identify(r *http.Request, s *request.State, authority *auth.Authority) {
	if c, err := authority.Authenticate(r, auth.VendorAPI); err == nil {
		s.User, s.Role, s.World = c.User, string(c.Role), c.World
	}
}

// nearest describes the operation that is most similar to a call that matches none.
func nearest(r *http.Request) string {
	document, err := contract.VendorDocument()
	if err != nil {
		return "" // the call was refused, and the cause is in the log
	}
	return document.Nearest(r.Method, r.URL)
}

// answer adds the answer, and what is known about the call at its end.
func (e *entry) answer(w *captureWriter, s *request.State, cause any) {
	w.end(cause)
	e.At = openapi.MillisOf(cmp.Or(s.Now(), s.Ended))
	e.Operation, e.User, e.Status = s.Operation, s.User, w.status
	e.TookMicros = s.Ended.Sub(s.Began).Microseconds()
	e.ResponseHeaders, e.ResponseBody, e.cut = flat(w.Header()), w.body.text, w.body.cut
	e.Detail, e.Fault, e.Violation = w.Header().Get("X-QCS-Detail"), s.Fault, s.Violation
	switch {
	case e.Method == http.MethodHead: // the body was not sent
		e.ResponseBody, e.cut = "", false
	case s.Operation == "CreateToken" && w.status < http.StatusBadRequest:
		e.ResponseBody, e.cut = wire.Hidden, false
	}
}

// flat leaves out secrets and the id of the request: a replay must give the same journal.
func flat(h http.Header) map[string]string {
	all := make(map[string]string, len(h)+1)
	for name, values := range h {
		if name != "X-Request-Id" {
			all[name] = wire.RedactHeader(name, strings.Join(values, ", "))
		}
	}
	return all
}

// tee returns a body that is copied while it is read; no body stays no body.
func tee(body io.ReadCloser, to io.Writer) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	return request.Body{Reader: io.TeeReader(body, to), Closer: body}
}

// capture keeps the beginning of what is written to it.
type capture struct {
	max  int // bytes
	text string
	cut  bool
	more strings.Builder // while several parts are written
}

// Write implements io.Writer.
func (c *capture) Write(data []byte) (int, error) {
	c.add(string(data[:min(len(data), c.max+1)]))
	return len(data), nil
}

// add adds a part of the text. The first part is not copied: mostly there is no other.
func (c *capture) add(part string) {
	if left := c.max - len(c.text); len(part) > left {
		part, c.cut = part[:left], true
	}
	switch {
	case part == "":
	case c.text == "":
		c.text = part
	default:
		if c.more.Len() == 0 {
			c.more.WriteString(c.text)
		}
		c.more.WriteString(part)
		c.text = c.more.String()
	}
}

// String returns the text, with a mark where it was cut.
func (c *capture) String() string {
	if c.cut {
		return c.text + truncated
	}
	return c.text
}

// captureWriter keeps the beginning of an answer while it is sent.
type captureWriter struct {
	http.ResponseWriter
	status int // 0 until it is known
	body   capture
}

// WriteHeader implements http.ResponseWriter.
func (w *captureWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *captureWriter) Write(data []byte) (int, error) {
	_, _ = w.body.Write(data)
	return w.ResponseWriter.Write(data)
}

// WriteString implements io.StringWriter. The text of a cached answer is kept without a copy.
func (w *captureWriter) WriteString(text string) (int, error) {
	w.body.add(text)
	return io.WriteString(w.ResponseWriter, text)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *captureWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// end completes the status: 0 when the connection was cut.
func (w *captureWriter) end(cause any) {
	if cause != nil {
		w.status = 0
	} else if w.status == 0 {
		w.status = http.StatusOK
	}
}

// answer is what was answered, as a recording keeps it.
func (w *captureWriter) answer(call *control.RecordedCall, cause any) {
	if call.Cut = cause != nil; !call.Cut {
		w.end(nil)
	}
	call.Status, call.Answer, call.AnswerHeaders = w.status, w.body.String(), w.Header().Clone()
	if call.Method == http.MethodHead { // the body was not sent
		call.Answer = ""
	}
	for _, name := range []string{"Content-Length", "Date", "Server", "X-Request-Id"} {
		delete(call.AnswerHeaders, name)
	}
}
