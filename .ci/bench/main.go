// Command bench measures the emulator beside other servers, over loopback, all in one run and in
// turns: "bench [-rounds N] [-turn DURATION] [-out FOLDER]" from the root of the project. It prints
// ratios, and writes results.csv, results.svg and results.md. Peers are measured where "make
// bench-peers" has installed them.
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
	rounds := flag.Int("rounds", 24, "turns that each server gets for each case")
	turn := flag.Duration("turn", 250*time.Millisecond, "length of a turn")
	out := flag.String("out", ".bench", "folder for the results")
	readme := flag.String(
		"readme", "",
		"file whose part between the comments \"measured: performance\" and \"end\" becomes the table",
	)
	only := flag.String(
		"only", "",
		"names of the servers that are measured, beside echo, with commas between them; \"\" for all",
	)
	some := flag.String("cases", "", "names of the cases, with commas between them; \"\" for all")
	flag.Parse()
	b := &bench{only: *only, cases: *some, rounds: *rounds, turn: *turn, out: *out, readme: *readme}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is a run.
type bench struct {
	rounds int
	turn   time.Duration
	out    string
	readme string
	only   string
	cases  string
	rows   []row
}

// row is one figure.
type row struct {
	suite, kase, server, metric string
	value                       float64
}

func (b *bench) note(r row) { b.rows = append(b.rows, r) }

// get finds a figure; 0 when there is none.
func (b *bench) get(suite, kase, server, metric string) float64 {
	for _, r := range b.rows {
		if r.suite == suite && r.kase == kase && r.server == server && r.metric == metric {
			return r.value
		}
	}
	return 0
}

func (b *bench) run() error {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	built, err := b.build()
	if err != nil {
		return err
	}
	all := slices.Concat(ours(built), peers(b.out))
	all = slices.DeleteFunc(all, func(s server) bool { return s.name != "echo" && !among(b.only, s.name) })
	if err := b.starts(all, built); err != nil {
		return err
	}
	if err := b.loads(all); err != nil {
		return err
	}
	return b.report()
}

// among reports whether a name is one of those with commas between them; "" has all.
func among(names, name string) bool {
	return names == "" || slices.Contains(strings.Split(names, ","), name)
}

// build makes the programs that are measured.
func (b *bench) build() (folder string, err error) {
	folder = filepath.Join(b.out, "bin")
	for name, path := range map[string]string{
		"qcsd":     "./server/cmd/qcsd",
		"hello":    "./.ci/bench/hello",
		"constant": "./.ci/bench/constant",
		"bound":    "./.ci/bench/bound",
		"stock":    "./.ci/bench/stock",
	} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(folder, name), path)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	if err := writeDocument(filepath.Join(b.out, "peers.json")); err != nil {
		return "", err
	}
	return folder, writeScenario(filepath.Join(b.out, "seed.json"))
}

// starts measures how long it takes from the start of a process to its first good answer, and what
// is resident then.
func (b *bench) starts(all []server, built string) error {
	all = append(
		[]server{
			{
				name:    "hello-world",
				command: func(string) []string { return []string{filepath.Join(built, "hello")} },
				first:   "/",
			},
		},
		all...)
	turns := 11
	for range turns {
		for _, i := range rand.Perm(len(all)) {
			s := all[i]
			if s.slow && b.get("start", "first-answer", s.name, "ms") > 0 {
				continue // seconds are measured once
			}
			if s.fresh != nil {
				s.command = s.fresh
			}
			p, err := s.start(false)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			b.shortest(row{"start", "first-answer", s.name, "ms", float64(p.took.Microseconds()) / 1000})
			b.shortest(row{"start", "first-answer", s.name, "MiB", p.resident})
			p.stop()
		}
	}
	return nil
}

// shortest notes a figure, or puts a smaller one in its place.
func (b *bench) shortest(r row) {
	for i, known := range b.rows {
		if (row{known.suite, known.kase, known.server, known.metric, r.value}) == r {
			b.rows[i].value = min(known.value, r.value)
			return
		}
	}
	b.note(r)
}

// loads measures all cases on all servers, which run side by side and are asked in turns.
func (b *bench) loads(all []server) error {
	var running []*process
	defer func() {
		for _, p := range running {
			p.stop()
		}
	}()
	apart := split()
	for _, s := range all {
		if s.startOnly {
			continue
		}
		p, err := s.start(apart)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		p.pause()
		running = append(running, p)
	}
	sameToken(running)
	for _, c := range slices.DeleteFunc(cases(), func(c kase) bool { return !among(b.cases, c.name) }) {
		figures := map[string][]figure{}
		for range b.rounds {
			for _, i := range rand.Perm(len(running)) {
				p := running[i]
				if !p.takes(c) {
					continue
				}
				p.resume()
				f, err := p.load(c, b.turn)
				p.pause()
				if err != nil && p.peer {
					fmt.Fprintf(os.Stderr, "%s, %s: %v\n", p.name, c.name, err)
					p.refused[c.name] = true
					continue
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.name, c.name, err)
				}
				figures[p.name] = append(figures[p.name], f)
			}
		}
		for name, all := range figures {
			b.sum(c.name, name, all, figures["echo"])
		}
		fmt.Fprintf(os.Stderr, "%s done\n", c.name)
	}
	for _, p := range running {
		b.note(row{"load", "after", p.name, "MiB", p.account().resident})
	}
	return nil
}

// sameToken has all servers asked with the token of the emulator, whether they look at it or not:
// so that they get the same requests.
func sameToken(all []*process) {
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

// sum takes the turns of a server together: the median of each figure, and of its processor time
// beside that of bare Echo in the same round.
func (b *bench) sum(kase, name string, all, echo []figure) {
	note := func(metric string, of func(i int) float64) {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = of(i)
		}
		slices.Sort(values)
		b.note(row{"load", kase, name, metric, values[len(values)/2]})
	}
	note("requests/s", func(i int) float64 { return all[i].perSecond })
	note("p50-us", func(i int) float64 { return all[i].p50 })
	note("p99-us", func(i int) float64 { return all[i].p99 })
	note("cpu-us", func(i int) float64 { return all[i].processor })
	note("cpu-echo", func(i int) float64 { return all[i].processor / echo[i].processor })
}
