package client_test

import (
	"flag"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update makes TestAPI write the file that it compares.
var update = flag.Bool("update", false, "write testdata/api.txt")

// TestAPI compares the public API of the SDK with a file. After a change, update the file:
// go test ./client -run TestAPI -update.
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
