package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

const listPath = "/csapi/v1.3/registry"

// server is a program to be measured.
type server struct {
	name         string
	command      func(port string) []string
	emptyCommand func(port string) []string // starts the server without data, to measure the start; may be nil
	path         string                     // of the first request
	env          []string
	headers      map[string]string
	login        func(base string) (map[string]string, error) // returns headers; may be nil
	stateful     bool                                         // keeps data: gets no cases that change it
	unchecked    bool                                         // does not validate requests
	slow         bool                                         // takes seconds to start
	peer         bool                                         // a mock server of another project
	startOnly    bool                                         // only its start is measured
}

// ours are the emulator and servers made of its parts.
func ours(folder string) []server {
	oneThread := []string{"GOMAXPROCS=1"}
	constant := func(name string, words ...string) server {
		words[0] = filepath.Join(folder, "bin", words[0])
		return server{name: name, path: listPath, env: oneThread, command: func(string) []string { return words }}
	}
	daemon := func(port string) []string {
		data := filepath.Join(folder, "data", strconv.FormatInt(time.Now().UnixNano(), 36))
		return []string{
			filepath.Join(folder, "bin", "qcsd"), "--addr", "127.0.0.1:" + port, "--data", data, "--log-format", "json",
		}
	}
	seed := filepath.Join(folder, "seed.json")
	return []server{
		{
			name: "hello-world", path: "/", startOnly: true,
			command: func(string) []string { return []string{filepath.Join(folder, "bin", "hello-world")} },
		},
		constant("net/http", "constant", "net/http"),
		constant("echo", "constant", "echo"),
		constant("generated", "constant", "generated"),
		constant("kin-openapi", "kin-openapi"),
		constant("bound", "bound"),
		{
			name: "qcsd", path: "/healthz", stateful: true, login: login,
			env:          append([]string{"QCSD_USERS=bench:bench"}, oneThread...),
			command:      func(port string) []string { return append(daemon(port), "--seed", seed) },
			emptyCommand: daemon,
		},
	}
}

// peers are the mock servers of other projects that are installed.
func peers(folder string) []server {
	document := filepath.Join(folder, "peers.json")
	const modules = ".ci/peers/node_modules/"
	const bin = modules + ".bin/"
	all := []server{
		{name: "prism", command: func(port string) []string {
			return []string{bin + "prism", "mock", "-v", "fatal", "-h", "127.0.0.1", "-p", port, document}
		}},
		{name: "mockoon", unchecked: true, command: func(port string) []string {
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
				"-Dmockserver.directoryToSaveDynamicSSLCertificate=" + folder,
				"-jar", modules + "mockserver-node/mockserver-netty-8.0.0-jar-with-dependencies.jar",
				"-serverPort", port,
			}
		}},
		{name: "stripe-mock", path: "/v1/customers", startOnly: true, command: func(port string) []string {
			return []string{filepath.Join(folder, "bin", "stripe-mock"), "-http-port", port}
		}},
	}
	for i := range all {
		s := &all[i]
		s.slow, s.peer = true, true
		s.headers = map[string]string{"Authorization": "Bearer sk_test_123"} // the form that stripe-mock requires
		if s.path == "" {
			s.path = listPath
		}
	}
	return slices.DeleteFunc(all, func(s server) bool { return !s.installed() })
}

// installed reports whether the program of a server exists, and the Java archive that it runs.
func (s server) installed() bool {
	line := s.command("0")
	_, err := exec.LookPath(line[0])
	if i := slices.Index(line, "-jar"); i >= 0 && err == nil {
		_, err = os.Stat(line[i+1])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s is not installed; \"make bench-peers\" installs it\n", s.name)
	}
	return err == nil
}

// supports reports whether a server can be measured in a case.
func (p *process) supports(c testCase) bool {
	return (!p.stateful || c.stateful) && (!p.unchecked || c.status == http.StatusOK) && !p.failed[c.name]
}

// login gets a token of the emulator.
func login(base string) (map[string]string, error) {
	form := url.Values{"username": {"bench"}, "password": {"bench"}, "token": {"true"}}
	answer, err := http.PostForm(base+"/auth", form)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	token, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("login: %s: %s", answer.Status, token)
	}
	return map[string]string{"Authorization": "Bearer " + string(token)}, err
}

// writeDocument writes the document for the peers, whose example of a list has 50 registries.
func writeDocument(path string) error {
	var document map[string]any
	if err := json.Unmarshal(openapi.JSON, &document); err != nil {
		return err
	}
	media := document
	for _, key := range []string{"paths", listPath, "get", "responses", "200", "content", "application/json"} {
		media, _ = media[key].(map[string]any)
	}
	if media == nil {
		return errors.New("the document has no list of registries")
	}
	delete(media, "examples")
	media["example"] = json.RawMessage(answers.Page.JSON)
	return writeJSON(path, document)
}

// writeScenario writes the data of the emulator: 1,000 registries with 10 schedules each.
func writeScenario(path string) error {
	scenario := control.Scenario{}
	for i, r := range answers.Registries(1000) {
		name := "scan " + strconv.Itoa(i) + " {n}"
		scenario.Registries = append(scenario.Registries, control.ScenarioRegistry{
			RegistryUUID: r.RegistryUUID,
			RegistryName: r.RegistryName,
			RegistryURI:  r.RegistryURI,
			RegistryType: string(r.RegistryType),
			Schedules:    []control.ScenarioSchedules{{Name: name, Count: 10, Status: "Finished"}},
		})
	}
	return writeJSON(path, scenario)
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
