package server_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/server/servertest"
)

// TestSnippets runs the snippets of the README for other languages, each with a new emulator on a port.
func TestSnippets(t *testing.T) {
	t.Parallel()
	programs := map[string][]string{"python": {"python3", "snippet.py"}, "js": {"node", "snippet.mjs"}, "sh": {"bash", "snippet.sh"}}
	found := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```(python|js|sh)\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1) {
		language, text := block[1], block[2]
		found[language] = true
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithPort())
			program := programs[language]
			path := filepath.Join(t.TempDir(), program[1])
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := exec.LookPath(program[0]); err != nil {
				t.Fatalf("this test needs %s: install it", program[0])
			}
			command := exec.CommandContext(t.Context(), program[0], path)
			command.Env = append(os.Environ(), "QCS_URL="+srv.URL)
			out, err := command.CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != "ok" {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	if len(found) != len(programs) {
		t.Errorf("got snippets of %v, want one of each of %v", found, programs)
	}
}
