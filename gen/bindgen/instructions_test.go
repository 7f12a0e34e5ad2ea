package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// hotPath names an environment variable: with "NAME TIMES" in it, the test binary only sends that
// request of the workload, that many times.
const hotPath = "QCS_HOT_PATH"

func TestMain(m *testing.M) {
	if what := os.Getenv(hotPath); what != "" {
		name, count, _ := strings.Cut(what, " ")
		times, err := strconv.Atoi(count)
		if err != nil {
			panic(err)
		}
		repeat(name, times)
		return
	}
	os.Exit(m.Run())
}

func repeat(name string, times int) {
	e := boundServer()
	for _, w := range workload {
		if w.name == name {
			request := w.again()
			for range times {
				request.to(e)
			}
		}
	}
}

// instructions are the most instructions per request behind its binder, with the router.
var instructions = map[string]float64{
	"list":             7300,
	"plain-list":       1350,
	"create-420-bytes": 14000,
	"delete-2":         3200,
	"delete-200":       88000,
	"refused-body":     12200,
	"refused-query":    4000,
}

var counted = regexp.MustCompile(`I\s+refs:\s+([0-9,]+)`)

// TestInstructions counts the instructions of requests where valgrind is installed. Other work on
// the machine does not change the count.
func TestInstructions(t *testing.T) {
	t.Parallel()
	valgrind, err := exec.LookPath("valgrind")
	if err != nil || raceDetector || runtime.GOARCH != "amd64" {
		t.Skip("instructions are counted where valgrind is installed, on amd64, without the race detector")
	}
	count := func(name string, times int) float64 {
		c := exec.Command(valgrind, "--tool=cachegrind", "--cache-sim=no",
			"--cachegrind-out-file="+filepath.Join(t.TempDir(), "out"), os.Args[0])
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", hotPath, name, times), "GOMAXPROCS=1", "GOGC=off")
		out, err := c.CombinedOutput()
		found := counted.FindSubmatch(out)
		if err != nil || found == nil {
			t.Fatalf("valgrind: %v\n%s", err, out)
		}
		n, err := strconv.ParseFloat(strings.ReplaceAll(string(found[1]), ",", ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, w := range workload {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			const few, worth = 200, 40_000_000 // requests; instructions that hide the noise of the start
			want := instructions[w.name]
			more := max(1000, int(worth/want))
			got := (count(w.name, few+more) - count(w.name, few)) / float64(more)
			t.Logf("%.0f instructions, want at most %.0f", got, want)
			if got > want {
				t.Errorf("got %.0f instructions, want at most %.0f", got, want)
			}
		})
	}
}
