// Package call has what the rules and the store know about the current call: one plain value in a
// context, without HTTP. The package imports openapi only.
package call

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/qcsdev/qcs/openapi"
)

// Call is what the rules know about a call. The zero value is work of the server itself.
type Call struct {
	World    string         // name of the world that the call belongs to; "" for none
	At       openapi.Millis // the machine's time of a recorded or replayed call; 0 for the time now
	NewID    func() string  // returns the ids of a recorded or replayed call; nil for the server's ids
	Failures Failures       // makes the bulk jobs of the call fail on some schedules
}

// Failures are the schedules on which a bulk job fails on purpose: a share of them, selected by a
// seed.
type Failures struct {
	Share float64 `json:"share"`
	Seed  int64   `json:"seed"`
}

// Hits reports whether the job fails on a schedule: the same for the same seed and id.
func (f Failures) Hits(id string) bool { return f.Share > 0 && Draw(f.Seed, id) < f.Share }

// Draw returns a number from 0 to 1, the same for the same seed and value.
func Draw(seed int64, value any) float64 {
	sum := sha256.Sum256(fmt.Append(nil, seed, "/", value))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

type key struct{}

// With returns a context that carries a call.
func With(ctx context.Context, c Call) context.Context { return context.WithValue(ctx, key{}, c) }

// From returns the call that a context carries, or the zero value.
func From(ctx context.Context) Call {
	c, _ := ctx.Value(key{}).(Call)
	return c
}

// WithWorld returns a context whose call belongs to a world.
func WithWorld(ctx context.Context, name string) context.Context {
	c := From(ctx)
	c.World = name
	return With(ctx, c)
}

// WithTime returns a context whose call is made at a time of the machine.
func WithTime(ctx context.Context, at openapi.Millis) context.Context {
	c := From(ctx)
	c.At = at
	return With(ctx, c)
}

// World is the name of the world that the call of a context belongs to.
func World(ctx context.Context) string { return From(ctx).World }

// ID returns an id for something that the call of a context creates.
func ID(ctx context.Context, server func() string) string {
	if c := From(ctx); c.NewID != nil {
		return c.NewID()
	}
	return server()
}
