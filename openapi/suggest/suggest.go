// Package suggest finds what a misspelt name was probably meant to be. It imports the standard
// library only.
package suggest

import (
	"fmt"
	"strings"
)

// DidYouMean returns "; did you mean …?" with the known name that is most similar to a misspelt
// one, or "" if none is similar. Of equally similar names, it takes the first in the alphabet.
func DidYouMean(name string, known ...string) string {
	if nearest := Nearest(name, known...); nearest != "" {
		return fmt.Sprintf("; did you mean %q?", nearest)
	}
	return ""
}

// Nearest returns the known name that is most similar to a misspelt one, or "" if none is similar.
// It ignores case.
func Nearest(name string, known ...string) (nearest string) {
	const longest = 128 // bytes of a name, to bound the work
	if len(name) > longest {
		return ""
	}
	least := len(name)/2 + 1
	for _, candidate := range known {
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d < least || d == least && nearest != "" && candidate < nearest {
			nearest, least = candidate, d
		}
	}
	return nearest
}

// distance is the Levenshtein distance of two texts, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
