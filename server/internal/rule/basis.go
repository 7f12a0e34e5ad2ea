package rule

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Basis is what a response depends on.
type Basis struct {
	Choices  []string // our choices, as X-QCS-Detail names them
	Timed    bool     // the response depends on the time, not on the data only: it must not be cached
	Revision int64    // of the world that was read; 0 if that is not known: it must not be cached
}

// Read runs f in a transaction that reads the world of a call. It returns what f returns, and its
// basis: the data of the world, and what f adds.
func Read[T any](
	ctx context.Context, s *store.Store, f func(*store.Tx, *Basis) (T, error),
) (v T, b Basis, err error) {
	err = s.Read(ctx, call.World(ctx), func(tx *store.Tx) error {
		b = Basis{Revision: tx.Revision}
		v, err = f(tx, &b)
		return err
	})
	return v, b, err
}

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
