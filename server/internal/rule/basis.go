package rule

import (
	"fmt"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Basis is what a response depends on.
type Basis struct {
	Choices  []string // our choices, as X-QCS-Detail names them
	Timed    bool     // the response depends on the time, not on the data only: it must not be cached
	Revision int64    // of the world that was read; 0 if that is not known: it must not be cached
}

// BasisOf returns the basis of a response that is read in a transaction and depends on its data
// only.
func BasisOf(tx *store.Tx) Basis { return Basis{Revision: tx.Revision} }

// Chosen adds one of our choices.
func (b *Basis) Chosen(format string, args ...any) {
	b.Choices = append(b.Choices, fmt.Sprintf(format, args...)+" ("+string(openapi.Chosen)+")")
}

// query adds the basis of the filter and the order of a list. A filter that compares with a time
// may match other rows later ("now-7d").
func (b *Basis) query(r store.Resource, l store.List) {
	named := map[string]bool{}
	token := func(f qql.Field) {
		if r.Class(f) == openapi.Chosen && !named[f.Name()] {
			named[f.Name()] = true
			b.Chosen("token %q", f.Name())
		}
	}
	for f := range qql.Fields(l.Filter) {
		token(f)
		if f.Kind == qql.Time {
			b.Timed = true
		}
	}
	if l.Sort != (qql.Sort{}) {
		token(l.Sort.Field)
	}
}
