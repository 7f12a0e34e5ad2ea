package traffic

import (
	"cmp"
	"slices"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
	wire "github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/match"
)

// Expected are the calls that a test expects, and their number.
type Expected struct {
	Pattern  match.Pattern
	Filter   qql.Filter // nil for any
	Min, Max int        // Max is -1 for no bound
}

// maxNearest is how many calls a result lists.
const maxNearest = 5

// Verify compares the journal of a world with expected calls. The dropped calls count where they
// could have matched: with them, the number could be up to matched + dropped.
func (j *Journal) Verify(world string, x Expected) control.Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.of(world)
	var matching, others []control.NearestCall
	for _, e := range slices.Backward(l.entries) {
		if c := x.compare(e); len(c.Differs) == 0 {
			matching = append(matching, c)
		} else {
			others = append(others, c)
		}
	}
	v := control.Verdict{Matched: len(matching), Complete: true}
	for operation, n := range l.dropped {
		if x.Pattern.Operation == "" || qql.Glob(x.Pattern.Operation, operation) {
			v.Dropped += n
		}
	}
	tooMany := x.Max >= 0 && v.Matched > x.Max
	switch {
	case tooMany, v.Matched+v.Dropped < x.Min: // the dropped calls cannot change it
	case v.Matched >= x.Min && (x.Max < 0 || v.Matched+v.Dropped <= x.Max):
		v.Met = true
	default:
		v.Complete = false
	}
	switch {
	case tooMany:
		v.Nearest = matching[:min(len(matching), maxNearest)]
	case !v.Met:
		slices.SortStableFunc(others, func(a, b control.NearestCall) int {
			return cmp.Compare(len(a.Differs), len(b.Differs))
		})
		v.Nearest = others[:min(len(others), maxNearest)]
	}
	return v
}

// compare lists the conditions that a call does not meet.
func (x Expected) compare(e entry) control.NearestCall {
	c := match.Call{
		Operation: e.Operation, User: e.User, Method: e.Method, Path: e.Path, Query: e.Query, Body: e.RequestBody,
		Header: func(name string) string { return e.RequestHeaders[name] },
	}
	differs := x.Pattern.Differs(&c)
	if x.Filter != nil && !x.Filter.Eval(record(e.Exchange)) {
		differs = append(differs, "filter")
	}
	return control.NearestCall{
		Seq: e.Seq, Method: e.Method, Path: wire.Visible(e.Path), Query: e.Query, Operation: e.Operation, User: e.User,
		Status: e.Status, Differs: append([]string{}, differs...), // never null
	}
}
