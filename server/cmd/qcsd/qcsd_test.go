package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"qcsd": main, "call": call})
}

// TestScripts runs testdata/*.txtar, which double as documentation. Besides the usual commands they have:
//
//	start [flag…]   starts qcsd on a free port and sets BASE and TOKEN
//	replace FILE OLD NEW   changes a file
//	damage FILE SQL   changes a database without the daemon
//	quit            stops qcsd with SIGTERM and writes its log to qcsd.log
//	exec call METHOD PATH [CONTENT-TYPE BODY]   makes a call, to the host $NAME if it is set, and prints status and body
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("QCSD_ADDR", "127.0.0.1:0") // scripts run side by side
			e.Setenv("POSTGRES", postgrestest.New(t, ""))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"start": start, "quit": quit, "replace": replace, "damage": damage},
	})
}

// replace replaces a text that the file must have.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	text, old := ts.ReadFile(args[0]), args[1]
	if !strings.Contains(text, old) {
		ts.Fatalf("%s does not have %q", args[0], old)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, old, args[2], 1)), 0o600))
}

// damage runs SQL on a database, which the daemon does not know.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// daemon is the qcsd of a script.
type daemon struct {
	process *exec.Cmd
	output  io.ReadCloser
	log     strings.Builder
}

// running has the daemon of each script by its folder.
var running sync.Map

// announced matches the welcome with base URL and token.
var announced = regexp.MustCompile(`(?s)(https?://\S+)\n.*export TOKEN=(\S+)\n.*curl [^\n]*\n`)

func start(ts *testscript.TestScript, _ bool, args []string) {
	d := &daemon{process: exec.Command(find(ts, "qcsd"), append([]string{"--addr", "127.0.0.1:0", "--welcome"}, args...)...)}
	d.process.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "QCSD_USERS", "QCSD_WORLDS", "QCSD_DATA", "QCSD_DATABASE", "QCSD_SIGNING_KEY"} {
		d.process.Env = append(d.process.Env, name+"="+ts.Getenv(name))
	}
	d.process.Stderr = &d.log
	var err error
	if d.output, err = d.process.StdoutPipe(); err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Check(d.process.Start())
	ts.Defer(func() { _ = d.process.Process.Kill() })
	var text string
	for lines := bufio.NewScanner(d.output); lines.Scan(); {
		text += lines.Text() + "\n"
		if found := announced.FindStringSubmatch(text); found != nil {
			ts.Setenv("BASE", found[1])
			ts.Setenv("TOKEN", found[2])
			running.Store(ts.Getenv("WORK"), d)
			return
		}
	}
	_ = d.process.Wait()
	ts.Fatalf("qcsd did not start: %s%s", text, d.log.String())
}

func quit(ts *testscript.TestScript, _ bool, _ []string) {
	found, ok := running.LoadAndDelete(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("qcsd is not running")
	}
	d := found.(*daemon)
	ts.Check(d.process.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, d.output)
	err := d.process.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("qcsd.log"), []byte(d.log.String()), 0o600))
	ts.Check(err)
}

// find returns the path of a command of the scripts.
func find(ts *testscript.TestScript, name string) string {
	for _, folder := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	ts.Fatalf("no %s on the PATH", name)
	return ""
}

// call makes a call and prints status and body.
func call() {
	body := ""
	if len(os.Args) > 4 {
		body = os.Args[4]
	}
	r, err := http.NewRequest(os.Args[1], os.Getenv("BASE")+os.Args[2], strings.NewReader(body))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 3 {
		r.Header.Set("Content-Type", os.Args[3])
	}
	r.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	r.Host = os.Getenv("NAME") // "": that of BASE
	h := http.DefaultClient
	if path := os.Getenv("CACERT"); path != "" {
		text, err := os.ReadFile(path)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(text) {
			fmt.Fprintln(os.Stderr, "no certificate in", path, err)
			os.Exit(1)
		}
		h = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: os.Getenv("NAME")}}}
	}
	response, err := h.Do(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(response.StatusCode)
	_, _ = io.Copy(os.Stdout, response.Body)
	response.Body.Close()
}

// setting is a configuration with one setting.
func setting(key string, value any) *koanf.Koanf {
	k := koanf.New(".")
	_ = k.Load(confmap.Provider(map[string]any{key: value}, "."), nil) // never fails
	return k
}

func TestUserErrorsOmitPasswords(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"a:secret:x:y:z", "a:sec%ret"} {
		if _, err := users(setting(keyUsers, item)); err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: got %v", item, err)
		}
	}
	if _, err := users(setting(keyUsers, []any{map[string]any{"name": "a", "password": "secret"}})); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a map: got %v", err)
	}
	got, err := users(setting(keyUsers, "joe%3Auser:p%2C%25+x:Reader:two"))
	if err != nil || got[0].Name != "joe:user" || got[0].Password != "p,%+x" || got[0].Role != "reader" || got[0].World != "two" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWorlds(t *testing.T) {
	t.Parallel()
	got, err := worlds(setting(keyWorlds, "a, b:free,c:Trial:World"))
	if err != nil || got[0].Plan != "Full" || got[1].Plan != "Free" || got[2].Plan != "Trial" || got[2].Tokens != server.TokensWorld {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, item := range []string{":free", "a:gold", "a:free:real:x"} {
		if _, err := worlds(setting(keyWorlds, item)); err == nil {
			t.Errorf("%s: got no error", item)
		}
	}
}

// TestVariablesOfAService checks that only the variables that Kubernetes sets for a Service with the name
// qcsd may be unknown.
func TestVariablesOfAService(t *testing.T) {
	t.Parallel()
	known := []string{keyJournal, keyPortFile}
	service := []string{
		"PATH=/bin", "QCSD_SERVICE_HOST=10.0.0.1", "QCSD_SERVICE_PORT=8080", "QCSD_SERVICE_PORT_HTTP=8080", "QCSD_PORT=tcp://10.0.0.1:8080",
		"QCSD_PORT_8080_TCP=tcp://10.0.0.1:8080", "QCSD_PORT_8080_TCP_ADDR=10.0.0.1", "QCSD_JOURNAL=5", "QCSD_PORT_FILE=port",
	}
	if err := (&program{environ: service}).checkEnvironment(known); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"QCSD_PORTS=1", "QCSD_SERVICES=1", "QCSD_JORNAL=", "QCSD_=1"} {
		if err := (&program{environ: append(service, name)}).checkEnvironment(known); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
