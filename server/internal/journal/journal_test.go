package journal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/journal"
)

// TestTheLastCallsAreKept: however many there were, the last ones are there, in their order, and those alike are found among the last few.
func TestTheLastCallsAreKept(t *testing.T) {
	t.Parallel()
	const keeps = 10
	j := journal.New(keeps)
	for i := 1; i <= 2000; i++ {
		j.Add("w", &control.Exchange{Method: "GET", Path: fmt.Sprint("/", i), ResponseBody: fmt.Sprint(i)})
		all := j.List("w", nil)
		if len(all) != min(i, keeps) {
			t.Fatalf("after %d calls: got %d", i, len(all))
		}
		for n, e := range all {
			if want := int64(i - len(all) + 1 + n); e.Seq != want || e.ResponseBody != fmt.Sprint(want) {
				t.Fatalf("after %d calls: got %+v at %d", i, e, n)
			}
		}
	}
	for path, want := range map[string]string{"/1995": "1995", "/1993": "1993", "/1992": "2000", "/none": "2000"} {
		if got := j.Like("w", &control.Exchange{Method: "GET", Path: path}); got.Body != want {
			t.Errorf("like %s: got %s, want %s", path, got.Body, want)
		}
	}
	if got := j.Like("other", &control.Exchange{}); got.Body != "" {
		t.Errorf("another world: got %+v", got)
	}
	j.Clear("w")
	if got := j.Like("w", &control.Exchange{}); len(j.List("w", nil)) != 0 || got.Body != "" {
		t.Errorf("after it was cleared: got %+v", got)
	}
	for range 600 {
		j.Add("w", &control.Exchange{ResponseBody: strings.Repeat("x", 1<<20)})
	}
	if all := j.List("w", nil); len(all) != 3 || all[2].Seq != 2600 {
		t.Errorf("of large ones: got %d", len(all))
	}
}
