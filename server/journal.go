package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/journal"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// ListJournal answers the last calls of the world, the newest first.
func (c *controls) ListJournal(
	ctx context.Context, r controlserver.ListJournalRequestObject,
) (controlserver.ListJournalResponseObject, error) {
	filter, limit := "", journal.DefaultCalls
	if r.Params.Filter != nil {
		filter = *r.Params.Filter
	}
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	calls, err := c.server.calls(ctx, filter)
	slices.Reverse(calls)
	return controlserver.ListJournal200JSONResponse(calls[:min(limit, len(calls))]), err
}

// ClearJournal forgets the calls of the world.
func (c *controls) ClearJournal(
	ctx context.Context, _ controlserver.ClearJournalRequestObject,
) (controlserver.ClearJournalResponseObject, error) {
	c.server.journal.Clear(registry.WorldOf(ctx))
	return controlserver.ClearJournal204Response{}, nil
}

// VerifyJournal answers whether calls were made as expected.
func (c *controls) VerifyJournal(
	ctx context.Context, r controlserver.VerifyJournalRequestObject,
) (controlserver.VerifyJournalResponseObject, error) {
	calls, err := c.server.calls(ctx, r.Body.Filter)
	if err != nil {
		return nil, err
	}
	matched := 0
	for _, e := range calls {
		if r.Body.Operation == "" || r.Body.Operation == e.Operation {
			matched++
		}
	}
	low, high, words := bounds(*r.Body)
	return controlserver.VerifyJournal200JSONResponse{
		Met:      matched >= low && (high < 0 || matched <= high),
		Matched:  matched,
		Expected: words,
	}, nil
}

// bounds says how many calls are expected; -1 for no upper bound.
func bounds(e control.Expectation) (low, high int, words string) {
	switch {
	case e.Times != nil:
		return *e.Times, *e.Times, fmt.Sprintf("exactly %d", *e.Times)
	case e.AtMost != nil:
		return e.AtLeast, *e.AtMost, fmt.Sprintf("%d to %d", e.AtLeast, *e.AtMost)
	}
	low = max(e.AtLeast, 1)
	return low, -1, fmt.Sprintf("at least %d", low)
}

// calls lists the calls of the world that match a filter, the oldest first.
func (s *Server) calls(ctx context.Context, text string) ([]control.Exchange, error) {
	var f qql.Filter
	if text != "" {
		now, err := s.registry.Now(ctx)
		if err != nil {
			return nil, err
		}
		e, err := qql.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
		if f, err = qql.Bind(e, journal.Schema, qql.Options{Now: int64(now)}); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	return withCurl(s.journal.List(registry.WorldOf(ctx), f)), nil
}

// ExportJournal answers the calls of the world as an HTTP archive (HAR 1.2).
func (c *controls) ExportJournal(
	ctx context.Context, _ controlserver.ExportJournalRequestObject,
) (controlserver.ExportJournalResponseObject, error) {
	calls, err := c.server.calls(ctx, "")
	entries := make([]traffic.Entry, len(calls))
	for i, e := range calls {
		entries[i] = traffic.Entry{
			Start:           e.At.Time(),
			Took:            time.Duration(e.TookMicros) * time.Microsecond,
			Method:          e.Method,
			URL:             "http://" + e.RequestHeaders["Host"] + e.Path,
			Query:           e.Query,
			Status:          e.Status,
			RequestHeaders:  e.RequestHeaders,
			ResponseHeaders: e.ResponseHeaders,
			RequestBody:     e.RequestBody,
			ResponseBody:    e.ResponseBody,
		}
	}
	return controlserver.ExportJournal200JSONResponse(traffic.HAR("qcsd", c.server.options.Version, entries)), err
}

// record notes each call of the vendor's paths in the journal of its world, with the answer that
// the caller saw. Calls whose world is not known are in none.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.journal.Keeps() {
			next.ServeHTTP(w, r)
			return
		}
		n := &noting{
			server:  s,
			of:      exchangeOf(r.Context()),
			call:    &control.Exchange{},
			copying: copying{ResponseWriter: w, body: tail{max: journal.MaxBody}},
			request: tail{max: journal.MaxBody},
		}
		n.asked(r)
		r.Body = teed(r.Body, &n.request)
		defer n.done()
		next.ServeHTTP(n, r)
	})
}

// teed is a body that is copied while it is read; none stays none.
func teed(body io.ReadCloser, to io.Writer) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(body, to), body}
}

// noting notes a call while it is answered.
type noting struct {
	copying
	server  *Server
	of      *exchange
	call    *control.Exchange
	kind    string // of the request's body
	request tail
	looked  bool
	found   journal.Answer
}

// asked notes a request as it came: further in it is rewritten.
func (n *noting) asked(r *http.Request) {
	n.call.Method, n.call.Path, n.call.Query, n.call.Curl = r.Method, r.URL.Path, r.URL.RawQuery, r.URL.RawPath
	n.call.RequestHeaders, n.kind = flat(r.Header, r.Host, n.server.journal.Headers()), r.Header.Get("Content-Type")
}

// like is an answer before that may be like this one, which need not be kept twice.
func (n *noting) like() journal.Answer {
	if !n.looked {
		n.looked, n.found = true, n.server.journal.Like(n.of.world, n.call)
	}
	return n.found
}

// Write implements http.ResponseWriter.
func (n *noting) Write(data []byte) (int, error) {
	if first := !n.looked; first && n.body.is(n.like().Body, data) {
		n.body.again = n.found.Body
		return n.ResponseWriter.Write(data)
	}
	return n.copying.Write(data)
}

// done puts the call into the journal.
func (n *noting) done() {
	cause := recover()
	n.end(cause)
	e, x := n.call, n.of
	if x.ended = n.server.options.Now(); x.world != "" {
		at := x.now
		if at.IsZero() {
			at = x.ended
		}
		e.At = openapi.MillisOf(at)
		e.Operation = x.operation
		e.User = x.user
		e.Status = n.status
		e.TookMicros = x.ended.Sub(x.began).Microseconds()
		e.RequestBody = traffic.Redact(n.kind, n.request.String())
		e.ResponseHeaders = flat(n.Header(), "", n.like().Headers)
		e.ResponseBody = n.body.String()
		e.Detail, e.Fault, e.Violation = n.Header().Get(detailHeader), x.fault, x.violation
		if x.operation == "CreateToken" && n.status < http.StatusBadRequest {
			e.ResponseBody = traffic.Hidden
		}
		n.server.journal.Add(x.world, e)
	}
	if cause != nil {
		panic(cause)
	}
}

// withCurl completes calls that are told. Most calls never are: till then they hold of it only a
// path whose escapes are not the usual ones, and share their headers.
func withCurl(calls []control.Exchange) []control.Exchange {
	for i := range calls {
		c := &calls[i]
		c.Curl = curl(*c)
		c.RequestHeaders = maps.Clone(c.RequestHeaders)
		c.ResponseHeaders = maps.Clone(c.ResponseHeaders)
	}
	return calls
}

// flat writes headers as texts, without credentials, and with the host where there is one. Where
// that is what is known of a call before, it is that: nobody changes it.
func flat(h http.Header, host string, known map[string]string) map[string]string {
	same, shown := true, 0
	each := func(do func(name, value string)) {
		for name, values := range h {
			if name != "X-Request-Id" { // random: the same story is told twice in the same words
				do(name, traffic.RedactHeader(name, strings.Join(values, ", ")))
			}
		}
		if host != "" {
			do("Host", host)
		}
	}
	each(func(name, value string) {
		before, is := known[name]
		same, shown = same && is && before == value, shown+1
	})
	if same && shown == len(known) && shown > 0 {
		return known
	}
	all := make(map[string]string, shown)
	each(func(name, value string) { all[name] = value })
	return all
}

// curl writes a call as a curl command, with $TOKEN for the token.
func curl(e control.Exchange) string {
	line := traffic.Request{
		Options:     "-sS",
		Method:      e.Method,
		ContentType: e.RequestHeaders["Content-Type"],
		Body:        e.RequestBody,
		URL:         "http://" + e.RequestHeaders["Host"] + cmp.Or(e.Curl, (&url.URL{Path: e.Path}).EscapedPath()),
	}
	if e.RequestHeaders["Authorization"] != "" {
		line.Auth = `-H "Authorization: Bearer $TOKEN"`
	}
	if e.Query != "" {
		line.URL += "?" + e.Query
	}
	return traffic.Curl(line)
}

// tail keeps the beginning of what is written to it.
type tail struct {
	strings.Builder
	max   int    // bytes
	again string // what was written, where it is a text that is known already
}

// is reports whether what is written first, and keeps, is a text that is known: then it is not
// copied.
func (t *tail) is(known string, data []byte) bool {
	kept := data[:min(len(data), t.max)]
	if len(known) < len(kept) || len(kept) == 0 || known[:len(kept)] != string(kept) {
		return false
	}
	rest := known[len(kept):]
	return len(data) > t.max && rest == journal.Cut || len(data) <= t.max && rest == ""
}

// String gives what is kept.
func (t *tail) String() string {
	if t.again != "" {
		return t.again
	}
	return t.Builder.String()
}

// Write implements io.Writer.
func (t *tail) Write(data []byte) (int, error) {
	if t.again != "" { // there is more
		t.WriteString(t.again)
		t.again = ""
	}
	if left := t.max - t.Len(); left >= 0 { // less than 0 after the cut
		kept := data[:min(left, len(data))]
		t.Grow(len(kept) + len(journal.Cut)) // most answers come in one piece
		if t.Builder.Write(kept); len(data) > left {
			t.WriteString(journal.Cut)
		}
	}
	return len(data), nil
}

// copying keeps the beginning of an answer while it is sent.
type copying struct {
	http.ResponseWriter
	status int // 0 until it is known
	body   tail
}

// WriteHeader implements http.ResponseWriter.
func (w *copying) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// end completes the status: 0 when the connection was cut.
func (w *copying) end(cause any) {
	if cause != nil {
		w.status = 0
	} else if w.status == 0 {
		w.status = http.StatusOK
	}
}

// Write implements http.ResponseWriter.
func (w *copying) Write(data []byte) (int, error) {
	_, _ = w.body.Write(data)
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *copying) Unwrap() http.ResponseWriter { return w.ResponseWriter }
