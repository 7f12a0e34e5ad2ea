package server_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeListsEveryOperation(t *testing.T) {
	t.Parallel()
	text := read(t, "../README.md")
	if n := strings.Count(text, "\n"); n < 110 || n > 210 {
		t.Errorf("README has %d lines, want 110 to 210", n)
	}
	for _, document := range [][]byte{openapi.JSON, openapi.ControlJSON} {
		d, err := contract.Load(document, contract.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.Operations() {
			if row := fmt.Sprintf("`%s %s`", o.Method, o.Path); !strings.Contains(text, row) {
				t.Errorf("README has no row %s", row)
			}
		}
	}
}

func TestReadmeListsEveryRefusal(t *testing.T) {
	t.Parallel()
	text := read(t, "README.md")
	for _, r := range openapi.Refusals {
		lenient := r.Lenient
		if lenient == "" {
			lenient = "–"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", r.Name, r.Class, r.Text, lenient); !strings.Contains(text, row) {
			t.Errorf("server/README.md has no row %s", row)
		}
	}
}
