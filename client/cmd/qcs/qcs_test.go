package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"qcs": main}) }

// TestScripts runs the scripts of testdata, each against an emulator of its own with the data of the release notes' samples.
func TestScripts(t *testing.T) {
	t.Parallel()
	documents := map[bool]*contract.Document{}
	for control, data := range map[bool][]byte{false: openapi.JSON, true: openapi.ControlJSON} {
		d, err := contract.Load(data, contract.Options{})
		if err != nil {
			t.Fatal(err)
		}
		documents[control] = d
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("QCS_CONFIG", env.WorkDir+"/config/qcs.yaml")
			env.Setenv("QCS_USER", servertest.User)
			env.Setenv("QCS_PASSWORD", servertest.Password)
			env.Setenv("R", "0a1d9b9a-3bab-42ec-a894-4d5969a47616")
			env.Setenv("TZ", "UTC")
			srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithPort())
			env.Values["srv"] = srv
			env.Setenv("QCS_URL", srv.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    code,
			"advance": advance,
			"another": func(ts *testscript.TestScript, _ bool, args []string) { another(t, ts, args) },
			"valid":   func(ts *testscript.TestScript, _ bool, args []string) { valid200(ts, documents, args) },
			"let":     let,
		},
	})
}

// code runs a program and checks its exit code: code 4 qcs registry get nosuch.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var ended *exec.ExitError
	got := 0
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// advance moves the clock of the emulator.
func advance(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Value("srv").(*servertest.Server).Advance(d)
}

// let sets a variable to the last word of the standard output: let ID.
func let(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Fields(ts.ReadFile("stdout"))
	ts.Setenv(args[0], words[len(words)-1])
}

// another replaces the emulator by another kind of service.
func another(t *testing.T, ts *testscript.TestScript, args []string) {
	var handler http.Handler
	var options server.Options
	switch args[0] {
	case "free":
		options.Worlds = []server.World{{Name: "w", Plan: "Free"}}
	case "limited":
		options.RateLimit = server.RateLimit{Calls: 1}
	case "classic":
		options.RateLimit = server.RateLimit{Calls: 1, Classic: true}
	case "reader":
		options.Users = []server.User{{Name: servertest.User, Password: servertest.Password, Role: server.Reader}}
	case "platform": // the emulator without what it says of itself
		handler = http.NotFoundHandler()
	case "html":
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<html>\n<p>No way through\n</html>"))
		})
	default:
		ts.Fatalf("no service is called %q", args[0])
	}
	srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithPort(), servertest.WithOptions(func(o *server.Options) {
		o.Worlds, o.RateLimit = options.Worlds, options.RateLimit
		if options.Users != nil {
			o.Users = options.Users
		}
	}))
	url := srv.URL
	if handler != nil {
		if args[0] == "platform" {
			handler = unnamedHandler{srv}
		}
		service := httptest.NewServer(handler)
		t.Cleanup(service.Close)
		url = service.URL
	}
	ts.Setenv("QCS_URL", url)
}

// unnamedHandler forwards to an emulator and removes the Server header of the responses.
type unnamedHandler struct{ srv *servertest.Server }

func (h unnamedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	again := r.Clone(r.Context())
	again.RequestURI, again.URL.Scheme, again.URL.Host = "", "http", "qcs.test"
	answer, err := h.srv.HTTP().Transport.RoundTrip(again)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		if name != "Server" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// valid200 checks the standard output against the document, as the successful response of an operation.
func valid200(ts *testscript.TestScript, documents map[bool]*contract.Document, args []string) {
	for _, d := range documents {
		for _, o := range d.Operations() {
			if o.ID != args[0] {
				continue
			}
			m := contract.Match{Operation: o}
			err := m.CheckResponse(httptest.NewRequest(o.Method, "/", nil), contract.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(ts.ReadFile("stdout"))})
			ts.Check(err)
			return
		}
	}
	ts.Fatalf("no operation is called %q", args[0])
}

// TestCellsAreNoFormulas checks what a spreadsheet would take for a formula.
func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"": "", "team/app": "team/app", "-5": "-5", "+1.5": "+1.5", "=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "-cmd|' /C calc'!A0": "'-cmd|' /C calc'!A0",
		"+cmd": "'+cmd", "\t=1": "'\t=1", "\r=1": "'\r=1", "a=1": "a=1",
	} {
		if got := noFormula(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}
