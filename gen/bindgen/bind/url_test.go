package bind_test

import (
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/qcsdev/qcs/gen/bindgen/bind"
)

var parts = []string{
	"http", "https", "s", "://", ":", "/", "a", "B.example", ":5000", "?", "#", "@", "%", " ", "\t", "\n", "\v", "\f",
	"\r", "\u00a0", "é", "\xff", "\x00",
}

// TestMatchesURL compares MatchesURL with the regular expression.
func TestMatchesURL(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(bind.URLPattern)
	random := rand.New(rand.NewPCG(1, 2))
	matches := 0
	for range 200_000 {
		text := []string{"", "http://", "https://", "https://registry.example/"}[random.IntN(4)]
		for range random.IntN(6) {
			text += parts[random.IntN(len(parts))]
		}
		want := pattern.MatchString(text)
		if got := bind.MatchesURL(text); got != want {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
		if want {
			matches++
		}
	}
	if matches < 10_000 {
		t.Errorf("got %d texts that match, want more", matches)
	}
}

// BenchmarkURL compares the two.
func BenchmarkURL(b *testing.B) {
	const text = "https://123456789012.dkr.ecr.us-east-1.amazonaws.com"
	pattern := regexp.MustCompile(bind.URLPattern)
	b.Run("function", func(b *testing.B) {
		for b.Loop() {
			bind.MatchesURL(text)
		}
	})
	b.Run("regexp", func(b *testing.B) {
		for b.Loop() {
			pattern.MatchString(text)
		}
	})
}
