package client_test

import (
	"flag"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update has TestAPI write what it would compare.
var update = flag.Bool("update", false, "write testdata/api.txt")

// TestAPI keeps the public surface of the SDK in a file, so that a change to it is seen: go test ./client -run TestAPI -update.
func TestAPI(t *testing.T) {
	t.Parallel()
	const golden = "testdata/api.txt"
	got, err := exec.CommandContext(t.Context(), "go", "doc", "-all", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the public API has changed; if that is meant, write it down with -update and say in CHANGELOG.md whether it breaks anybody (-golden +now):\n%s", diff)
	}
}
