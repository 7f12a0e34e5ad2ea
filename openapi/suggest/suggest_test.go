package suggest_test

import (
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi/suggest"
)

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	known := []string{"ListSchedules", "ListRegistries", "pageSize", "pageNumber"}
	for _, tt := range []struct{ name, want string }{
		{"ListRegistry", `; did you mean "ListRegistries"?`},
		{"pagesize", `; did you mean "pageSize"?`},
		{"pageSzie", `; did you mean "pageSize"?`},
		{"quite another", ""},
		{"", ""},
		{strings.Repeat("pageSize", 1000), ""},
	} {
		if got := suggest.DidYouMean(tt.name, known...); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := suggest.Nearest("abc", "abe", "abd"); got != "abd" {
		t.Errorf("equally similar names: got %q, want the first in the alphabet", got)
	}
}
