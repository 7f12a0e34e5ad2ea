package traffic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/gen/control"
)

// TestJournalHasTheLastCalls checks that the journal has the last calls in their order, after any number of calls.
func TestJournalHasTheLastCalls(t *testing.T) {
	t.Parallel()
	const keeps = 10
	j := NewJournal(keeps)
	for i := 1; i <= 2000; i++ {
		j.add("w", entry{Exchange: control.Exchange{Method: "GET", Path: fmt.Sprint("/", i), ResponseBody: fmt.Sprint(i)}})
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
}

// TestJournalSizeIsBounded checks that the journal has fewer calls if their bodies are long.
func TestJournalSizeIsBounded(t *testing.T) {
	t.Parallel()
	j := NewJournal(0)
	for range 1000 {
		j.add("w", entry{Exchange: control.Exchange{ResponseBody: strings.Repeat("x", maxBody)}})
	}
	if got, limit := len(j.List("w", nil)), maxBytes/maxBody; got == 0 || got > limit {
		t.Errorf("got %d calls, want some, at most %d", got, limit)
	}
}

// TestCapture checks that the beginning of a text is captured, whatever the number of parts in which it is written.
func TestCapture(t *testing.T) {
	t.Parallel()
	for _, parts := range [][]string{{"abcdef"}, {"ab", "cdef"}, {"abc", "def"}, {"abcd", "e", "f"}, {"", "abcdef"}} {
		c := capture{max: 4}
		for i, part := range parts {
			if i%2 == 0 {
				_, _ = c.Write([]byte(part))
			} else {
				c.add(part)
			}
		}
		if got := c.String(); got != "abcd"+truncated {
			t.Errorf("%q: got %q", parts, got)
		}
	}
	c := capture{max: 4}
	if c.add("abcd"); c.String() != "abcd" || c.cut {
		t.Errorf("got %q", c.String())
	}
}
