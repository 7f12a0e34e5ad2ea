package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

func TestClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := openapi.MillisOf(w.now)
	const hour = 3_600_000
	for _, tt := range []struct {
		name string
		set  control.ClockSetting
		want control.Clock // an hour later by the machine
	}{
		{"real", control.ClockSetting{Mode: control.ClockModeReal}, control.Clock{Mode: control.ClockModeReal, Rate: 1, Now: start + hour}},
		{"frozen", control.ClockSetting{Mode: control.ClockModeFrozen}, control.Clock{Mode: control.ClockModeFrozen, Now: start}},
		{"frozen at a time", control.ClockSetting{Mode: control.ClockModeFrozen, Now: 5}, control.Clock{Mode: control.ClockModeFrozen, Now: 5}},
		{"offset", control.ClockSetting{Mode: control.ClockModeOffset, Now: 5}, control.Clock{Mode: control.ClockModeOffset, Rate: 1, Now: 5 + hour}},
		{"scaled", control.ClockSetting{Mode: control.ClockModeScaled, Now: 5, Rate: 2.5}, control.Clock{Mode: control.ClockModeScaled, Rate: 2.5, Now: 5 + 2.5*hour}},
	} {
		w.now = start.Time()
		if _, err := w.SetClock(w.ctx(t), control.ClockSetting{Mode: control.ClockModeReal}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.SetClock(w.ctx(t), tt.set); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
		got, err := w.DescribeClock(w.ctx(t))
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	for name, set := range map[string]control.ClockSetting{
		"real with a time":    {Mode: control.ClockModeReal, Now: 5},
		"scaled without rate": {Mode: control.ClockModeScaled},
		"frozen with rate":    {Mode: control.ClockModeFrozen, Rate: 2},
	} {
		if _, err := w.SetClock(w.ctx(t), set); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
