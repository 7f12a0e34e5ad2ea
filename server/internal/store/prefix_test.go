package store

import "testing"

// TestSuccessor checks the first text after all texts with a prefix.
func TestSuccessor(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"": "", "a": "b", "team": "tean", "ÿ": "Ā", "a\x7f": "a\u0080", "a\uD7FF": "", "a\U0010FFFF": "", "a\xff": ""} {
		if got := successor(prefix); got != want {
			t.Errorf("%q: got %q, want %q", prefix, got, want)
		}
	}
}
