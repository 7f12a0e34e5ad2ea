package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qcsdev/qcs/.ci/bench/answers"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

const listPath = "/csapi/v1.3/registry"

// server is a program to be measured. In its command, {folder} stands for the folder of the
// benchmark, {port} for the port and {now} for the time.
type server struct {
	name      string
	command   string
	seed      string // more words of the command, which load data; the start is measured without them
	path      string // of the first request
	env       []string
	headers   map[string]string
	login     func(base string) (map[string]string, error) // returns headers; may be nil
	stateful  bool                                         // keeps data: gets no cases that change it
	unchecked bool                                         // does not validate requests
	slow      bool                                         // takes seconds to start
	peer      bool                                         // a mock server of another project
	startOnly bool                                         // only its start is measured
}

// words returns the command of a server.
func (s server) words(folder, port string) []string {
	now := strconv.FormatInt(time.Now().UnixNano(), 36)
	values := strings.NewReplacer("{folder}", folder, "{port}", port, "{now}", now)
	words := strings.Fields(s.command + s.seed)
	for i, word := range words {
		words[i] = values.Replace(word)
	}
	return words
}

// ours are the emulator and servers made of its parts.
func ours() []server {
	oneThread := []string{"GOMAXPROCS=1"}
	constant := func(name, command string) server {
		return server{name: name, path: listPath, env: oneThread, command: "{folder}/bin/" + command}
	}
	return []server{
		{name: "hello-world", path: "/", startOnly: true, command: "{folder}/bin/hello-world"},
		constant("net/http", "constant net/http"),
		constant("echo", "constant echo"),
		constant("generated", "constant generated"),
		constant("kin-openapi", "kin-openapi"),
		constant("bound", "bound"),
		{
			name: "qcsd", path: "/healthz", stateful: true, login: login,
			env:     append([]string{"QCSD_USERS=bench:bench"}, oneThread...),
			command: "{folder}/bin/qcsd --addr 127.0.0.1:{port} --data {folder}/data/{now} --log-format json",
			seed:    " --seed {folder}/seed.json",
		},
	}
}

// peers are the mock servers of other projects that are installed.
func peers(folder string) []server {
	const modules = ".ci/peers/node_modules/"
	const bin, document = modules + ".bin/", "{folder}/peers.json"
	all := []server{
		{name: "prism", command: bin + "prism mock -v fatal -h 127.0.0.1 -p {port} " + document},
		{name: "mockoon", unchecked: true, command: bin + "mockoon-cli start --disable-log-to-file " +
			"--disable-admin-api --hostname 127.0.0.1 --port {port} --data " + document},
		{name: "steady", command: bin + "steady -q --host 127.0.0.1 -p {port} " + document},
		{name: "mockserver", command: "java -Xmx1g -Dmockserver.maxLogEntries=1000 -Dmockserver.logLevel=ERROR " +
			"-Dmockserver.directoryToSaveDynamicSSLCertificate={folder} " +
			"-Dmockserver.initializationOpenAPIPath=" + document +
			" -jar " + modules + "mockserver-node/mockserver-netty-8.0.0-jar-with-dependencies.jar -serverPort {port}"},
		{name: "stripe-mock", path: "/v1/customers", startOnly: true,
			command: "{folder}/bin/stripe-mock -http-port {port}"},
	}
	for i := range all {
		s := &all[i]
		s.slow, s.peer, s.path = true, true, cmp.Or(s.path, listPath)
		s.headers = map[string]string{"Authorization": "Bearer sk_test_123"} // the form that stripe-mock requires
	}
	return slices.DeleteFunc(all, func(s server) bool { return !s.installed(folder) })
}

// installed reports whether the program of a server exists, and the Java archive that it runs.
func (s server) installed(folder string) bool {
	line := s.words(folder, "0")
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
