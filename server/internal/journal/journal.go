// Package journal keeps the last calls of each world: what was asked and answered, without secrets,
// in bounded memory. It imports neither net/http nor the store.
package journal

import (
	"slices"
	"strings"
	"sync"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Bounds of the journal of a world: calls, and bytes of bodies.
const (
	DefaultCalls = 1000
	maxBytes     = 4 << 20
	MaxBody      = 16 << 10 // of one body; the rest is cut
)

// Journal holds the calls of all worlds. It is safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	calls   int // of a world, at most
	worlds  map[string]*log
	headers map[string]string // of the call that was noted last
}

// call is one that is kept; nobody changes it.
type call struct {
	*control.Exchange
	bytes int
}

// repeats reports whether the same was asked.
func (c call) repeats(e *control.Exchange) bool {
	return c.Path == e.Path && c.Query == e.Query && c.Method == e.Method
}

func (c call) answer() Answer { return Answer{c.ResponseHeaders, c.ResponseBody} }

// log is the calls of one world, the oldest first; those before the first are forgotten.
type log struct {
	calls []call
	first int
	seq   int64
	bytes int
}

func (l *log) kept() []call { return l.calls[l.first:] }

// forget forgets the oldest call. What it leaves behind is used again now and then.
func (l *log) forget() {
	const gap = 256
	l.bytes -= l.calls[l.first].bytes
	l.calls[l.first] = call{}
	if l.first++; l.first == gap {
		n := copy(l.calls, l.kept())
		clear(l.calls[n:])
		l.calls, l.first = l.calls[:n], 0
	}
}

// New gives a journal that keeps so many calls of each world; none when calls is negative, the
// default when it is 0.
func New(calls int) *Journal {
	if calls == 0 {
		calls = DefaultCalls
	}
	return &Journal{calls: max(calls, 0), worlds: map[string]*log{}}
}

// Keeps reports whether the journal keeps anything.
func (j *Journal) Keeps() bool { return j.calls > 0 }

// Add keeps a call of a world, and gives it its number; the oldest are forgotten.
func (j *Journal) Add(world string, e *control.Exchange) {
	bytes := size(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.worlds[world]
	if l == nil {
		l = &log{}
		j.worlds[world] = l
	}
	l.seq++
	e.Seq = l.seq
	j.headers = e.RequestHeaders
	l.calls = append(l.calls, call{e, bytes})
	for l.bytes += bytes; len(l.kept()) > j.calls || l.bytes > maxBytes; {
		l.forget()
	}
}

func size(e *control.Exchange) int {
	n := len(e.RequestBody) + len(e.ResponseBody) + len(e.Path) + len(e.Query) + len(e.Detail) + len(e.Curl) + 512
	for _, headers := range []map[string]string{e.RequestHeaders, e.ResponseHeaders} {
		for name, value := range headers {
			n += len(name) + len(value)
		}
	}
	return n
}

// Clear forgets the calls of a world. Their numbers go on.
func (j *Journal) Clear(world string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l := j.worlds[world]; l != nil {
		l.calls, l.first, l.bytes = nil, 0, 0
	}
}

// Drop forgets a world.
func (j *Journal) Drop(world string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.worlds, world)
}

// List gives the calls of a world that match a filter, the oldest first; nil matches all.
func (j *Journal) List(world string, f qql.Filter) []control.Exchange {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := []control.Exchange{}
	if l := j.worlds[world]; l != nil {
		for _, c := range l.kept() {
			if f == nil || f.Eval(record(*c.Exchange)) {
				all = append(all, *c.Exchange)
			}
		}
	}
	return all
}

// Schema is the table of tokens of the journal.
var Schema = qql.Schema{
	{
		Token: "seq",
		Kind:  qql.Number,
	},
	{Token: "at", Kind: qql.Time},
	{Token: "operation", Kind: qql.Word},
	{Token: "method", Kind: qql.Word},
	{Token: "path", Kind: qql.Text},
	{Token: "query", Kind: qql.Text},
	{
		Token: "status",
		Kind:  qql.Number,
	},
	{Token: "user", Kind: qql.Text},
	{Token: "fault", Kind: qql.Text},
	{Token: "detail", Kind: qql.Text},
}

// record is a call as the filter language sees it.
type record control.Exchange

// Text implements qql.Record.
func (r record) Text(token string) string {
	return map[string]string{
		"operation": r.Operation, "method": r.Method, "path": r.Path, "query": r.Query,
		"user": r.User, "fault": r.Fault, "detail": r.Detail,
	}[token]
}

// Number implements qql.Record.
func (r record) Number(token string) int64 {
	return map[string]int64{"seq": r.Seq, "at": int64(r.At), "status": int64(r.Status)}[token]
}

// Group implements qql.Record.
func (r record) Group(string) []qql.Record { return nil }

// Headers are those of the call that was noted last, in whichever world: often the next one has the
// same.
func (j *Journal) Headers() map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.headers
}

// Answer is what a call was answered.
type Answer struct {
	Headers map[string]string
	Body    string
}

// Like gives the answer of the same call, if it is one of the last ones, or that of the last one,
// whose headers may be the same.
func (j *Journal) Like(world string, e *control.Exchange) (like Answer) {
	const few = 8
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.worlds[world]
	if l == nil || len(l.kept()) == 0 {
		return like
	}
	last := l.kept()
	last = last[max(0, len(last)-few):]
	for _, c := range slices.Backward(last) {
		if c.repeats(e) {
			return c.answer()
		}
	}
	return last[len(last)-1].answer()
}

// Before gives the last good answer to the same GET of the same user, if it is still known.
func (j *Journal) Before(world string, e control.Exchange) (answer control.Exchange, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l := j.worlds[world]; l != nil {
		for _, c := range slices.Backward(l.kept()) {
			if c.repeats(&e) && c.User == e.User && c.Status == 200 && c.Fault == "" &&
				!strings.HasSuffix(c.ResponseBody, Cut) {
				return *c.Exchange, true
			}
		}
	}
	return control.Exchange{}, false
}

// Cut is what a body that was cut ends with.
const Cut = "…"
