package server_test

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/qcsdev/qcs/"

// golist runs go list at the root of the module and gives its lines.
func golist(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// layers says which packages of the project a package may import; a package that is not here fails the test until somebody decides.
var layers = map[string]string{
	"openapi":                      "",
	"openapi/qql":                  "",
	"openapi/contract":             "openapi",
	"gen/api":                      "openapi",
	"gen/apiclient":                "gen/api",
	"gen/apiserver":                "gen/api gen/bindgen/bind openapi",
	"gen/bindgen":                  "gen/bindgen/bind",
	"gen/bindgen/bind":             "openapi",
	"gen/control":                  "openapi",
	"gen/controlclient":            "gen/control",
	"gen/controlserver":            "gen/control",
	"gen/jsondoc":                  "",
	"client":                       "openapi/qql gen/api gen/apiclient gen/control gen/controlclient",
	"client/cmd/qcs":               "client client/emulator gen/api gen/control openapi openapi/qql",
	"client/emulator":              "client gen/control gen/controlclient",
	"client/otelclient":            "client",
	"server/internal/store":        "openapi openapi/qql gen/api gen/control",
	"server/internal/postgrestest": "server/internal/testwith",
	"server/internal/fault":        "openapi openapi/qql gen/control",
	"server/internal/journal":      "openapi/qql gen/control",
	"server/internal/registry":     "openapi openapi/qql gen/api gen/control server/internal/fault server/internal/store",
	"server/internal/oci":          "server/internal/registry",
	"server/internal/carrier":      "server/internal/store",
	"server":                       "openapi openapi/qql openapi/contract gen/api gen/apiserver gen/control gen/controlserver server/internal/carrier server/internal/fault server/internal/journal server/internal/oci server/internal/registry server/internal/store",
	"server/servertest":            "client client/emulator gen/api gen/control server server/internal/testwith",
	"server/internal/testwith":     "",
	"server/cmd/qcsd":              "server openapi/contract",
}

// foreign says where the heavy libraries may be imported, and net/http among the rules and the store not at all.
var foreign = map[string]string{
	"github.com/labstack/echo/v4":             "server gen/apiserver gen/controlserver",
	"github.com/getkin/kin-openapi/":          "openapi/contract gen/bindgen",
	"modernc.org/sqlite":                      "server/internal/store",
	"github.com/pressly/goose/v3":             "server/internal/store",
	"go.opentelemetry.io/otel":                "client/otelclient",
	"github.com/riverqueue/river":             "server/internal/carrier",
	"database/sql":                            "server/internal/store server/internal/postgrestest",
	"github.com/jackc/pgx/v5":                 "server/internal/store server/internal/postgrestest server/internal/carrier",
	"github.com/google/go-containerregistry/": "server/internal/oci",
	"net/http": "client client/cmd/qcs client/emulator client/otelclient server server/internal/oci server/servertest server/cmd/qcsd openapi/contract gen/apiclient gen/apiserver gen/bindgen/bind gen/controlclient gen/controlserver",
}

func TestImportsGoOnlyDownwards(t *testing.T) {
	t.Parallel()
	for _, line := range golist(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		path, imports, _ := strings.Cut(line, " ")
		name := strings.TrimPrefix(path, module)
		allowed, known := layers[name]
		if !known {
			t.Errorf("%s has no layer", name)
		}
		for _, imported := range strings.Fields(imports) {
			if own, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(strings.Fields(allowed), own) {
				t.Errorf("%s imports %s", name, own)
			}
			for library, where := range foreign {
				if matches := imported == library || strings.HasSuffix(library, "/") && strings.HasPrefix(imported, library); matches && !slices.Contains(strings.Fields(where), name) {
					t.Errorf("%s imports %s", name, imported)
				}
			}
		}
	}
}

func TestImportingTheClientIsCheap(t *testing.T) {
	t.Parallel()
	for path, most := range map[string]int{"./client": 6, "./client/cmd/qcs": 100} { // modules of others
		modules := map[string]bool{}
		for _, line := range golist(t, "-deps", "-f", `{{with .Module}}{{.Path}}{{end}}`, path) {
			if line != "" && line != strings.TrimSuffix(module, "/") {
				modules[line] = true
			}
		}
		for _, heavy := range []string{"github.com/labstack/echo/v4", "github.com/getkin/kin-openapi", "modernc.org/sqlite", "github.com/pressly/goose/v3", "go.opentelemetry.io/otel"} {
			if modules[heavy] {
				t.Errorf("%s compiles %s", path, heavy)
			}
		}
		t.Logf("%s compiles %d modules of others: %v", path, len(modules), modules)
		if len(modules) > most {
			t.Errorf("%s compiles %d modules of others, want at most %d", path, len(modules), most)
		}
	}
}

// TestHouseRules keeps files within 400 lines and functions within 60.
func TestHouseRules(t *testing.T) {
	t.Parallel()
	longestFile, longestFunc := 0, 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".qcs"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".gen.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := 0
		for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
			lines++
		}
		if lines > 400 {
			t.Errorf("%s has %d lines", path, lines)
		}
		longestFile = max(longestFile, lines)
		if !strings.HasSuffix(path, "_test.go") {
			longestFunc = max(longestFunc, functions(t, path, text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("longest file %d lines, longest function outside tests %d lines", longestFile, longestFunc)
}

// functions gives the length of the longest function of a file.
func functions(t *testing.T, path string, text []byte) int {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
		if lines > 60 {
			t.Errorf("%s: %s has %d lines", path, f.Name.Name, lines)
		}
		longest = max(longest, lines)
	}
	return longest
}
