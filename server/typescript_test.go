package server_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// TestTypeScriptClient checks that a strict TypeScript program, with types that a public generator makes
// from the document, can log in, list and cancel.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	const user, password = "type script", "100%25+1 & =é" // both change if a form is not encoded
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithPort(), servertest.WithOptions(func(o *server.Options) {
		o.Users = append(o.Users, server.User{Name: user, Password: password})
	}))
	npm, folder := typescript(t)
	bin := filepath.Join(npm, "node_modules", ".bin")
	output(t, exec.CommandContext(t.Context(), filepath.Join(bin, "openapi-typescript"), "../openapi/openapi.yaml", "--output", filepath.Join(folder, "openapi.ts")))
	output(t, exec.CommandContext(t.Context(), filepath.Join(bin, "tsc"), "--project", folder))
	program := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "schedules.js"), sampleRegistry)
	program.Env = append(os.Environ(), "QCS_URL="+srv.URL, "QCS_USER="+user, "QCS_PASSWORD="+password)
	line := output(t, program)

	var got struct {
		Listed, Running int
		Job             string
	}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("got %s: %v", line, err)
	}
	if got.Listed != 8 || got.Running != 2 {
		t.Errorf("got %s, want 8 listed and 2 of them running", line)
	}
	if job := jobState(t, srv, got.Job); job.Changed != 2 {
		t.Errorf("got %+v, want 2 canceled", job)
	}
	if diff := cmp.Diff(map[string]int{"Canceled": 3, "Finished": 2, "Queued": 1, "Error": 1, "Unknown": 1}, statuses(t, srv.Client(), sampleRegistry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// typescript returns the folder of the packages and a new folder with the program in the layout of a
// user: sources beside package.json and node_modules.
func typescript(t *testing.T) (npm, folder string) {
	t.Helper()
	npm, err := filepath.Abs("../.ci/npm")
	if err != nil {
		t.Fatal(err)
	}
	_, noNode := exec.LookPath("node")
	if _, noPackages := os.Stat(filepath.Join(npm, "node_modules", ".package-lock.json")); noNode != nil || noPackages != nil {
		t.Fatal(`this test needs node and the packages of .ci/npm: run "make npm" at the root of the repository`)
	}
	folder = t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata/typescript")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "node_modules"} {
		if err := os.Symlink(filepath.Join(npm, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return npm, folder
}

// output runs a command, which must succeed, and returns its output.
func output(t *testing.T, c *exec.Cmd) []byte {
	t.Helper()
	var refused bytes.Buffer
	c.Stderr = &refused
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", c.Args, err, out, &refused)
	}
	return out
}
