// Command bench compares the emulator with other servers on this machine and prints tables in
// Markdown. It runs on Linux, from the root of the project: go run ./.ci/bench [flags]. Other mock
// servers take part where "make bench-peers" has installed them.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	var b bench
	flag.IntVar(&b.rounds, "rounds", 24, "turns of each server in each case")
	flag.DurationVar(&b.turn, "turn", 250*time.Millisecond, "length of a turn")
	flag.StringVar(&b.folder, "out", ".bench", "`folder` for the measured programs and their data")
	flag.StringVar(&b.readme, "readme", "",
		"`file` that gets the tables, between the comments \"measured: performance\" and \"end\"")
	flag.StringVar(&b.only, "only", "", "`names` of the servers besides echo, separated by commas (default all)")
	flag.StringVar(&b.cases, "cases", "", "`names` of the cases, separated by commas (default all)")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmark.
type bench struct {
	rounds         int
	turn           time.Duration
	folder, readme string
	only, cases    string // names separated by commas; "" means all
	servers        []server
	starts         map[string]start             // by server
	loads          map[string]map[string]median // by case and server
	memoryAfter    map[string]float64           // MiB after the load, by server
}

func (b *bench) run() error {
	if err := b.build(); err != nil {
		return err
	}
	b.servers = slices.DeleteFunc(slices.Concat(ours(), peers(b.folder)), func(s server) bool {
		return s.name != "echo" && s.name != "hello-world" && !contains(b.only, s.name)
	})
	if err := b.measureStarts(); err != nil {
		return err
	}
	if err := b.measureLoads(); err != nil {
		return err
	}
	text := b.tables()
	fmt.Print(text)
	if b.readme == "" {
		return nil
	}
	return replaceTables(b.readme, text)
}

// contains reports whether name is in a list of names separated by commas; "" contains all.
func contains(names, name string) bool {
	return names == "" || slices.Contains(strings.Split(names, ","), name)
}

// build compiles the measured programs and writes their data.
func (b *bench) build() error {
	bin := filepath.Join(b.folder, "bin") + "/" // with the slash, go build makes the folder
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./server/cmd/qcsd",
		"./.ci/bench/hello-world", "./.ci/bench/constant", "./.ci/bench/bound", "./.ci/bench/kin-openapi")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := writeDocument(filepath.Join(b.folder, "peers.json")); err != nil {
		return err
	}
	return writeScenario(filepath.Join(b.folder, "seed.json"))
}

// start is the best of several starts of a server.
type start struct {
	millis float64 // from the start of the process to the first successful answer
	memory float64 // resident MiB after that answer
}

// attempts is the number of starts of each server.
const attempts = 11

func (b *bench) measureStarts() error {
	b.starts = map[string]start{}
	for range attempts {
		for _, i := range rand.Perm(len(b.servers)) {
			s := b.servers[i]
			best, measured := b.starts[s.name]
			if measured && s.slow {
				continue
			}
			s.seed = ""
			p, err := s.start(b.folder, false)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			p.stop()
			if measured {
				p.started = start{min(best.millis, p.started.millis), min(best.memory, p.started.memory)}
			}
			b.starts[s.name] = p.started
		}
	}
	return nil
}

// measureLoads starts all servers and measures each case on them in turns, one server at a time.
func (b *bench) measureLoads() error {
	var running []*process
	defer func() {
		for _, p := range running {
			p.stop()
		}
	}()
	pinned := pinCallers()
	for _, s := range b.servers {
		if s.startOnly {
			continue
		}
		p, err := s.start(b.folder, pinned)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		p.pause()
		running = append(running, p)
	}
	shareToken(running)
	b.loads = map[string]map[string]median{}
	for _, c := range cases() {
		if !contains(b.cases, c.name) {
			continue
		}
		turns := map[string][]turn{}
		for range b.rounds {
			if err := b.round(c, running, turns); err != nil {
				return err
			}
		}
		b.loads[c.name] = map[string]median{}
		for name, all := range turns {
			b.loads[c.name][name] = medianOf(all, turns["echo"])
		}
		fmt.Fprintf(os.Stderr, "%s done\n", c.name)
	}
	b.memoryAfter = map[string]float64{}
	for _, p := range running {
		b.memoryAfter[p.name] = p.usage().memory
	}
	return nil
}

// round gives each server one turn and adds what was measured to turns. A peer that gives another
// answer than expected is left out of the case.
func (b *bench) round(c testCase, running []*process, turns map[string][]turn) error {
	for _, i := range rand.Perm(len(running)) {
		p := running[i]
		if !p.supports(c) {
			continue
		}
		p.resume()
		t, err := p.load(c, b.turn)
		p.pause()
		switch {
		case err == nil:
			turns[p.name] = append(turns[p.name], t)
		case p.peer:
			fmt.Fprintf(os.Stderr, "%s, %s: %v\n", p.name, c.name, err)
			p.failed[c.name] = true
		default:
			return fmt.Errorf("%s, %s: %w", p.name, c.name, err)
		}
	}
	return nil
}

// shareToken gives the token of the emulator to all servers, so that they get the same requests.
func shareToken(all []*process) {
	token := map[string]string{"Authorization": "Bearer " + strings.Repeat("x", 600)}
	for _, p := range all {
		if p.login != nil {
			token = p.headers
		}
	}
	for _, p := range all {
		p.headers = token
	}
}
