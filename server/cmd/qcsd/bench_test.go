package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hello is a minimal web server.
const hello = `package main

import (
	"fmt"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }))
}
`

// BenchmarkStart measures the time from the start of the process to the first successful response, and the resident memory after it, each time with an empty SQLite file. For comparison it measures a minimal web server.
func BenchmarkStart(b *testing.B) {
	folder := b.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(hello), 0o600); err != nil {
		b.Fatal(err)
	}
	build := func(out string, args ...string) string {
		path := filepath.Join(folder, out)
		if text, err := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, text)
		}
		return path
	}
	daemon, plain := build("qcsd", "."), build("hello", filepath.Join(folder, "main.go"))
	n := 0
	b.Run("hello-world", func(b *testing.B) {
		for b.Loop() {
			launch(b, exec.Command(plain), "/")
		}
	})
	for name, path := range map[string]string{"health": "/healthz", "list": "/csapi/v1.3/registry"} {
		b.Run("qcsd-fresh-file-"+name, func(b *testing.B) {
			for b.Loop() {
				n++
				command := exec.Command(daemon, "--addr", "127.0.0.1:0", "--data", filepath.Join(folder, fmt.Sprint(n)), "--welcome")
				command.Env = append(os.Environ(), "QCSD_USERS=u:p")
				launch(b, command, path)
			}
		})
	}
}

// launch runs a program, which prints its URL alone in a line, until it has responded to a GET of a path.
func launch(b *testing.B, command *exec.Cmd, path string) {
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	base, token, wantToken := "", "", path != "/" // the daemon prints a token, too
	for lines := bufio.NewScanner(out); (base == "" || wantToken && token == "") && lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "http://") {
			base = line
		}
		if given, ok := strings.CutPrefix(line, "export TOKEN="); ok {
			token = given
		}
	}
	request, err := http.NewRequest(http.MethodGet, base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s: %v", base, err)
	}
	response.Body.Close()
	b.StopTimer()
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			var kilobytes float64
			if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kilobytes); err == nil {
				b.ReportMetric(kilobytes/1024, "MiB-resident")
			}
		}
	}
	_ = command.Process.Kill()
	_ = command.Wait() // killed
	b.StartTimer()
}
