package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

// server is something that can be started and asked.
type server struct {
	name      string
	command   func(port string) []string
	fresh     func(port string) []string // for the measurement of the start, if that is another
	first     string                     // path of the first request
	env       []string
	headers   map[string]string
	keeps     bool // keeps what it is told: it is asked only what means something to it
	slow      bool // takes seconds to start
	lax       bool // answers what it should refuse
	peer      bool // may answer otherwise than it should, and is not measured then
	startOnly bool
	login     func(base string) (map[string]string, error)
}

const list = "/csapi/v1.3/registry"

// ours are what this project and its libraries make.
func ours(built string) (all []server) {
	for _, kind := range []string{"net/http", "echo", "generated", "kin-openapi", "bound"} {
		line := []string{filepath.Join(built, "constant"), kind}
		switch kind {
		case "bound":
			line = []string{filepath.Join(built, "bound")}
		case "kin-openapi":
			line = []string{filepath.Join(built, "stock")}
		}
		all = append(
			all,
			server{
				name:    kind,
				env:     []string{"GOMAXPROCS=1"},
				command: func(string) []string { return line },
				first:   list,
			},
		)
	}
	runs := 0
	daemon := func(port string, more ...string) []string {
		runs++
		folder := filepath.Join(filepath.Dir(built), "data", fmt.Sprint(os.Getpid(), "-", runs))
		return append(
			[]string{
				filepath.Join(built, "qcsd"),
				"--addr",
				"127.0.0.1:" + port,
				"--data",
				folder,
				"--log-format",
				"json",
			},
			more...)
	}
	return append(all, server{
		// the peers work with one, too, but for what their runtime does besides
		name:  "qcsd",
		first: "/healthz",
		keeps: true,
		env:   []string{"QCSD_USERS=bench:bench", "GOMAXPROCS=1"},
		login: login,
		command: func(port string) []string {
			return daemon(port, "--seed", filepath.Join(filepath.Dir(built), "seed.json"))
		},
		fresh: func(port string) []string { return daemon(port) },
	})
}

// peers are the other mock servers that are installed.
func peers(out string) (all []server) {
	document, token := filepath.Join(out, "peers.json"), map[string]string{"Authorization": "Bearer x"}
	const modules = ".ci/peers/node_modules/"
	const bin = modules + ".bin/"
	for _, s := range []server{
		{name: "prism", command: func(port string) []string {
			return []string{bin + "prism", "mock", "-v", "fatal", "-h", "127.0.0.1", "-p", port, document}
		}},
		{name: "mockoon", lax: true, command: func(port string) []string {
			return []string{
				bin + "mockoon-cli", "start", "--disable-log-to-file", "--disable-admin-api",
				"--hostname", "127.0.0.1", "--data", document, "--port", port,
			}
		}},
		{name: "steady", command: func(port string) []string {
			return []string{bin + "steady", "-q", "--host", "127.0.0.1", "-p", port, document}
		}},
		{name: "mockserver", command: func(port string) []string {
			return []string{
				"java", "-Xmx1g", "-Dmockserver.maxLogEntries=1000", "-Dmockserver.logLevel=ERROR",
				"-Dmockserver.initializationOpenAPIPath=" + document,
				"-Dmockserver.directoryToSaveDynamicSSLCertificate=" + out,
				"-jar", modules + "mockserver-node/mockserver-netty-8.0.0-jar-with-dependencies.jar",
				"-serverPort", port,
			}
		}},
		{name: "stripe-mock", command: func(port string) []string {
			return []string{filepath.Join(out, "bin", "stripe-mock"), "-http-port", port}
		}, first: "/v1/customers", startOnly: true},
	} {
		if !installed(s.command("0")) {
			fmt.Fprintf(os.Stderr, "%s is not installed: \"make bench-peers\" does so\n", s.name)
			continue
		}
		if s.headers, s.slow, s.peer = token, true, true; s.startOnly {
			s.headers = map[string]string{"Authorization": "Bearer sk_test_123"}
		} else {
			s.first = list
		}
		all = append(all, s)
	}
	return all
}

// installed reports whether the program of a command is there, and what it runs.
func installed(line []string) bool {
	_, err := exec.LookPath(line[0])
	for i, word := range line {
		if word == "-jar" {
			_, missing := os.Stat(line[i+1])
			err = errors.Join(err, missing)
		}
	}
	return err == nil
}

// process is a server that runs.
type process struct {
	*exec.Cmd
	server
	address  string
	took     time.Duration   // until the first good answer
	resident float64         // MiB, then
	refused  map[string]bool // cases that it answers otherwise than it should
}

// start runs a server until it has answered once. It starts it on one processor, if there is one
// for it alone.
func (s server) start(apart bool) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	line := s.command(port)
	p := &process{exec.Command(line[0], line[1:]...), s, address, 0, 0, map[string]bool{}}
	p.Env = append(append(os.Environ(), "PORT="+port), s.env...)
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	begin := p.Start
	if apart {
		begin = func() error { return startOn(p.Cmd, 0) }
	}
	if err := begin(); err != nil {
		return nil, err
	}
	for !p.answers() {
		if time.Since(began) > time.Minute {
			p.stop()
			return nil, errors.New("it does not answer")
		}
		time.Sleep(100 * time.Microsecond)
	}
	p.took, p.resident = time.Since(began), p.account().resident
	if s.login != nil {
		if p.headers, err = s.login("http://" + address); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

// answers reports whether the first request is answered.
func (p *process) answers() bool {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	request, err := http.NewRequest(http.MethodGet, "http://"+p.address+p.first, nil)
	if err != nil {
		panic(err)
	}
	for name, value := range p.headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// pause stops a server while others are measured: some have work to do that nobody asked for.
func (p *process) pause() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGSTOP) }

// resume lets it go on.
func (p *process) resume() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGCONT) }

func (p *process) stop() {
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	_ = p.Wait() // killed
}

// takes reports whether a case means something to a server.
func (p *process) takes(c kase) bool {
	return (!p.keeps || c.keeps) && (!p.lax || c.status == http.StatusOK) && !p.refused[c.name]
}

// login gets a token of the emulator.
func login(base string) (map[string]string, error) {
	answer, err := http.PostForm(
		base+"/auth", map[string][]string{"username": {"bench"}, "password": {"bench"}, "token": {"true"}},
	)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var token [4096]byte
	n, _ := answer.Body.Read(token[:])
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("login: %s: %s", answer.Status, token[:n])
	}
	return map[string]string{"Authorization": "Bearer " + string(token[:n])}, nil
}

// writeDocument writes the document for the peers: its list has 50 registries.
func writeDocument(path string) error {
	var document map[string]any
	if err := json.Unmarshal(openapi.JSON, &document); err != nil {
		return err
	}
	at := any(document)
	for _, key := range []string{"paths", list, "get", "responses", "200", "content", "application/json"} {
		object, ok := at.(map[string]any)
		if !ok {
			return errors.New("the document has no list of registries")
		}
		at = object[key]
	}
	media, ok := at.(map[string]any)
	if !ok {
		return errors.New("the document has no list of registries")
	}
	delete(media, "examples")
	media["example"] = json.RawMessage(answers.Page)
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// writeScenario writes what the emulator holds: 1,000 registries and 10,000 schedules.
func writeScenario(path string) error {
	scenario := control.Scenario{}
	for i, r := range answers.Registries(1000) {
		scenario.Registries = append(scenario.Registries, control.ScenarioRegistry{
			RegistryUUID: r.RegistryUUID,
			RegistryName: r.RegistryName,
			RegistryURI:  r.RegistryURI,
			RegistryType: string(r.RegistryType),
			Schedules: []control.ScenarioSchedules{
				{Name: "scan " + strconv.Itoa(i) + " {n}", Count: 10, Status: "Finished"},
			},
		})
	}
	data, err := json.Marshal(scenario)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
