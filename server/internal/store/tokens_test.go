package store_test

import (
	"os"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/server/internal/store"
)

// TestTokensAreDocumented checks that openapi/README.md lists every token of each list.
func TestTokensAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../openapi/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]store.Resource{"registries": store.Registries, "repositories": store.Repositories, "schedules": store.Schedules, "images": store.Images, "reports": store.Reports} {
		_, row, _ := strings.Cut(string(text), "\n| "+name+" |")
		row, _, _ = strings.Cut(row, "\n")
		for _, f := range r.Schema {
			if !strings.Contains(row, "`"+f.Token+"`") && !strings.Contains(row, "`"+f.Group+"."+f.Token+"`") {
				t.Errorf("the row of %s lacks %s", name, f.Token)
			}
		}
	}
}
