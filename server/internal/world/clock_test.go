package world_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
	"github.com/qcsdev/qcs/server/internal/world"
)

// databases are copies of an empty database.
var databases = testdb.New(func(url string) error {
	s, err := store.Open(context.Background(), testdb.Database(url), time.Now)
	if err != nil {
		return err
	}
	return s.Close()
})

func TestClocks(t *testing.T) {
	t.Parallel()
	start := openapi.MillisOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	machine := start.Time()
	s, err := store.Open(t.Context(), testdb.Database(databases.Name(t)), func() time.Time { return machine })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w, ctx := world.New(world.Options{Store: s, Wake: func() {}}), call.WithWorld(t.Context(), "w")
	if _, err := w.CreateWorld(ctx, world.NewWorld{World: store.World{Name: "w"}}); err != nil {
		t.Fatal(err)
	}
	const hour = 3_600_000
	for _, tt := range []struct {
		name string
		set  control.ClockSetting
		want control.Clock // after an hour on the machine's clock
	}{
		{"real", control.ClockSetting{Mode: control.ClockModeReal}, control.Clock{Mode: control.ClockModeReal, Rate: 1, Now: start + hour}},
		{"frozen", control.ClockSetting{Mode: control.ClockModeFrozen}, control.Clock{Mode: control.ClockModeFrozen, Now: start}},
		{"frozen at a time", control.ClockSetting{Mode: control.ClockModeFrozen, Now: new(openapi.Millis(5))}, control.Clock{Mode: control.ClockModeFrozen, Now: 5}},
		{"offset", control.ClockSetting{Mode: control.ClockModeOffset, Now: new(openapi.Millis(5))}, control.Clock{Mode: control.ClockModeOffset, Rate: 1, Now: 5 + hour}},
		{"frozen at the beginning of time", control.ClockSetting{Mode: control.ClockModeFrozen, Now: new(openapi.Millis(0))}, control.Clock{Mode: control.ClockModeFrozen}},
		{"scaled", control.ClockSetting{Mode: control.ClockModeScaled, Now: new(openapi.Millis(5)), Rate: 2.5}, control.Clock{Mode: control.ClockModeScaled, Rate: 2.5, Now: 5 + 2.5*hour}},
	} {
		machine = start.Time()
		if _, err := w.SetClock(ctx, control.ClockSetting{Mode: control.ClockModeReal}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.SetClock(ctx, tt.set); err != nil {
			t.Fatal(err)
		}
		machine = machine.Add(time.Hour)
		got, err := w.DescribeClock(ctx)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	for name, set := range map[string]control.ClockSetting{
		"real with a time":    {Mode: control.ClockModeReal, Now: new(openapi.Millis(5))},
		"scaled without rate": {Mode: control.ClockModeScaled},
		"frozen with rate":    {Mode: control.ClockModeFrozen, Rate: 2},
	} {
		if _, err := w.SetClock(ctx, set); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
