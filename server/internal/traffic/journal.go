// Package traffic has the journal of the last calls of each world, and recordings, which can be
// replayed. Neither contains secrets.
package traffic

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
	wire "github.com/qcsdev/qcs/openapi/traffic"
)

// Bounds of the journal of a world.
const (
	DefaultCalls = 1000
	maxBytes     = 4 << 20  // of all calls
	maxBody      = 16 << 10 // bytes of one body; the rest is cut

	maxUnmatched     = 1000    // calls that match no operation or no user, of all worlds
	maxUnmatchedBody = 4 << 10 // bytes of one body of these
)

// Journal is the last calls of all worlds. It is safe for concurrent use.
type Journal struct {
	mu        sync.Mutex
	calls     int // of a world, at most
	worlds    map[string]*list
	unmatched list // calls that match no operation or no user
}

// entry is a call in the journal. It does not change.
type entry struct {
	control.Exchange
	escapedPath string // where the escapes of the path are not the usual ones
	cut         bool   // the body of the answer was cut
	bytes       int
}

// list has the last calls of one world, or those that match nothing; the oldest first.
type list struct {
	entries []entry
	seq     int64
	bytes   int
	dropped map[string]int // by operation, since the list was cleared
}

// add adds a call and gives it its number. The oldest calls are dropped.
func (l *list) add(e entry, calls int) {
	e.bytes = size(e)
	l.seq++
	e.Seq = l.seq
	l.entries = append(l.entries, e)
	drop := 0
	for l.bytes += e.bytes; len(l.entries)-drop > calls || l.bytes > maxBytes; drop++ {
		if l.dropped == nil {
			l.dropped = map[string]int{}
		}
		l.dropped[l.entries[drop].Operation]++
		l.bytes -= l.entries[drop].bytes
		l.entries[drop] = entry{} // its memory is free, also while the slice is in use
	}
	l.entries = l.entries[drop:] // append moves what is left when the memory behind is used up
}

// NewJournal returns a journal of so many calls a world; 0 is the default, negative means none.
func NewJournal(calls int) *Journal {
	if calls == 0 {
		calls = DefaultCalls
	}
	return &Journal{calls: max(calls, 0), worlds: map[string]*list{}}
}

// Keeps reports whether the journal keeps any calls.
func (j *Journal) Keeps() bool { return j.calls > 0 }

// add adds a call of a world.
func (j *Journal) add(world string, e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.of(world).add(e, j.calls)
}

// of returns the calls of a world. The journal is locked.
func (j *Journal) of(world string) *list {
	l := j.worlds[world]
	if l == nil {
		l = &list{}
		j.worlds[world] = l
	}
	return l
}

// addUnmatched adds a call that matches no operation or no user. Its bodies are cut.
func (j *Journal) addUnmatched(world string, e entry) {
	e.World = world
	if len(e.RequestBody) > maxUnmatchedBody {
		e.RequestBody = e.RequestBody[:maxUnmatchedBody] + truncated
	}
	if len(e.ResponseBody) > maxUnmatchedBody {
		e.ResponseBody, e.cut = e.ResponseBody[:maxUnmatchedBody], true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unmatched.add(e, maxUnmatched)
}

// Unmatched lists the last calls that match no operation or no user, the oldest first.
func (j *Journal) Unmatched() []control.Exchange {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]control.Exchange, len(j.unmatched.entries))
	for i, e := range j.unmatched.entries {
		all[i] = e.shown()
	}
	return all
}

func size(e entry) int {
	n := len(e.RequestBody) + len(e.ResponseBody) + len(e.Path) + len(e.Query) + len(e.Detail) + 512
	for _, headers := range []map[string]string{e.RequestHeaders, e.ResponseHeaders} {
		for name, value := range headers {
			n += len(name) + len(value)
		}
	}
	return n
}

// Clear removes the calls of a world. Their numbers go on.
func (j *Journal) Clear(world string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.worlds[world] = &list{seq: j.of(world).seq}
}

// Drop removes a world.
func (j *Journal) Drop(world string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.worlds, world)
}

// List returns the calls of a world that match a filter, the oldest first; nil matches all.
func (j *Journal) List(world string, f qql.Filter) []control.Exchange {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := []control.Exchange{}
	for _, e := range j.of(world).entries {
		if f == nil || f.Eval(record(e.Exchange)) {
			all = append(all, e.shown())
		}
	}
	return all
}

// shown is a call with what is made only when a caller reads it.
func (e entry) shown() control.Exchange {
	if e.cut {
		e.ResponseBody += truncated
	}
	r := wire.Request{
		Options: "-sS", Method: e.Method, ContentType: e.RequestHeaders["Content-Type"], Body: e.RequestBody,
		URL: "http://" + e.RequestHeaders["Host"] + cmp.Or(e.escapedPath, (&url.URL{Path: e.Path}).EscapedPath()),
	}
	if e.RequestHeaders["Authorization"] != "" {
		r.Auth = `-H "Authorization: Bearer $TOKEN"`
	}
	if e.Query != "" {
		r.URL += "?" + e.Query
	}
	e.Curl = wire.Visible(wire.Curl(r))
	e.Path, e.RequestBody = wire.Visible(e.Path), wire.Visible(e.RequestBody)
	e.RequestHeaders, e.ResponseHeaders = maps.Clone(e.RequestHeaders), maps.Clone(e.ResponseHeaders)
	return e.Exchange
}

// Before returns the last good answer to the same GET of the same user, if it was not cut.
func (j *Journal) Before(world string, e control.Exchange) (answer control.Exchange, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, known := range slices.Backward(j.of(world).entries) {
		same := known.Path == e.Path && known.Query == e.Query && known.Method == e.Method && known.User == e.User
		if same && known.Status == http.StatusOK && known.Fault == "" && !known.cut {
			return known.Exchange, true
		}
	}
	return control.Exchange{}, false
}

// JournalTokens is the table of tokens of the journal.
var JournalTokens = qql.Schema{
	{Token: "seq", Kind: qql.Number},
	{Token: "at", Kind: qql.Time},
	{Token: "operation", Kind: qql.Word},
	{Token: "method", Kind: qql.Word},
	{Token: "path", Kind: qql.Text},
	{Token: "query", Kind: qql.Text},
	{Token: "status", Kind: qql.Number},
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
