package server_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// golist runs a command in the root of the module and returns the lines of its output.
func golist(t *testing.T, name string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestDependencies checks that a program that imports the client, or a test that imports servertest,
// compiles few modules, and no large ones that it does not need.
func TestDependencies(t *testing.T) {
	t.Parallel()
	server := []string{"github.com/labstack/echo/v4", "github.com/getkin/kin-openapi", "modernc.org/sqlite", "github.com/pressly/goose/v3", "go.opentelemetry.io/otel"}
	daemon := []string{
		"github.com/jackc/pgx/v5", "github.com/riverqueue/river", "github.com/google/go-containerregistry", "github.com/docker/cli",
		"github.com/spf13/cobra", "github.com/knadh/koanf/v2", "go.opentelemetry.io/otel",
	}
	for path, tt := range map[string]struct {
		limit int // of third-party modules
		never []string
	}{
		"./client":            {6, server},
		"./client/cmd/qcs":    {100, server},
		"./server/servertest": {40, daemon},
	} {
		modules := map[string]bool{}
		for _, line := range golist(t, "go", "list", "-deps", "-f", `{{with .Module}}{{.Path}}{{end}}`, path) {
			if line != "" && line != "github.com/qcsdev/qcs" {
				modules[line] = true
			}
		}
		for _, heavy := range tt.never {
			if modules[heavy] {
				t.Errorf("%s compiles %s", path, heavy)
			}
		}
		t.Logf("%s compiles %d third-party modules: %v", path, len(modules), modules)
		if len(modules) > tt.limit {
			t.Errorf("%s compiles %d third-party modules, want at most %d", path, len(modules), tt.limit)
		}
	}
}

// TestSizeOfTests checks that the binary of a test with servertest is small. It is a quarter larger if any function that it links calls reflect.Type.Method or executes a text/template: then the linker keeps all exported methods.
func TestSizeOfTests(t *testing.T) {
	t.Parallel()
	const limit = 30 << 20
	path := filepath.Join(t.TempDir(), "servertest.test")
	golist(t, "go", "test", "-c", "-o", path, "./server/servertest")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MiB", float64(info.Size())/(1<<20))
	if info.Size() > limit {
		t.Errorf("the binary has %d bytes, want at most %d", info.Size(), limit)
	}
}

// TestCommentsWrap checks that comments have at most 100 columns; the linter checks the columns of
// code.
func TestCommentsWrap(t *testing.T) {
	t.Parallel()
	const columns = 100
	for _, path := range golist(t, "git", "ls-files", "*.go") {
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".gen.go") {
			continue
		}
		file, err := os.Open("../" + path)
		if os.IsNotExist(err) { // deleted, but not yet from the index
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		for n := 1; lines.Scan(); n++ {
			text := strings.ReplaceAll(lines.Text(), "\t", "    ")
			isComment := strings.HasPrefix(strings.TrimSpace(text), "//") && !strings.Contains(text, "//go:")
			if width := len([]rune(text)); isComment && width > columns {
				t.Errorf("%s:%d: a comment of %d columns, want at most %d", path, n, width, columns)
			}
		}
		file.Close()
	}
}
