package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report writes the results in all forms, and prints the table.
func (b *bench) report() error {
	table := b.table()
	fmt.Print(table)
	return firstOf(
		func() error { return b.csv(filepath.Join(b.out, "results.csv")) },
		func() error { return os.WriteFile(filepath.Join(b.out, "results.svg"), []byte(b.plot()), 0o644) },
		func() error { return os.WriteFile(filepath.Join(b.out, "results.md"), []byte(table), 0o644) },
		func() error { return putInto(b.readme, table) },
	)
}

// putInto puts the table into a file, if one is named.
func putInto(path, table string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const begin, end = "<!-- measured: performance -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the table", path)
	}
	return os.WriteFile(path, []byte(before+begin+table+end+after), 0o644)
}

func firstOf(all ...func() error) error {
	for _, do := range all {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) csv(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := csv.NewWriter(file)
	_ = w.Write([]string{"suite", "case", "server", "metric", "value"}) // Flush keeps the error
	for _, r := range b.rows {
		_ = w.Write([]string{r.suite, r.kase, r.server, r.metric, strconv.FormatFloat(r.value, 'g', 6, 64)})
	}
	w.Flush()
	return w.Error()
}

// servers are those that have a figure, in the order in which they were measured.
func (b *bench) servers(suite, metric string) (all []string) {
	for _, name := range []string{
		"hello-world", "net/http", "echo", "generated", "kin-openapi", "bound", "qcsd",
		"prism", "mockoon", "steady", "mockserver", "stripe-mock",
	} {
		if slices.ContainsFunc(
			b.rows, func(r row) bool { return r.suite == suite && r.server == name && r.metric == metric },
		) {
			all = append(all, name)
		}
	}
	return all
}

// table is the results as Markdown.
func (b *bench) table() string {
	var t strings.Builder
	fmt.Fprintf(
		&t,
		"Measured %s on %d cores (%s), %s; %d callers, %d turns of %s each in shuffled order; servers on one "+
			"processor, the callers on the others, the servers up to qcsd with GOMAXPROCS=1.\n\n",
		time.Now().Format("2006-01-02"),
		runtime.NumCPU(),
		machine(),
		runtime.Version(),
		callers,
		b.rounds,
		b.turn,
	)
	names := b.servers("load", "cpu-us")
	fmt.Fprintf(
		&t,
		"Processor time of a request in µs, and as a multiple of what bare Echo took in the same round (the "+
			"median of each):\n\n| case | %s |\n|---|%s\n",
		strings.Join(names, " | "),
		strings.Repeat("---|", len(names)),
	)
	b.lines(&t, names, func(kase, name string) string {
		return fmt.Sprintf("%.1f (%.3f)", b.get("load", kase, name, "cpu-us"), b.get("load", kase, name, "cpu-echo"))
	})
	fmt.Fprintf(
		&t, "\nRequests a second, p50 / p99 in µs:\n\n| case | %s |\n|---|%s\n", strings.Join(names, " | "),
		strings.Repeat("---|", len(names)),
	)
	b.lines(&t, names, func(kase, name string) string {
		return fmt.Sprintf(
			"%.0f, %.0f / %.0f", b.get("load", kase, name, "requests/s"), b.get("load", kase, name, "p50-us"),
			b.get("load", kase, name, "p99-us"),
		)
	})
	t.WriteString(
		"\nFrom the start of the process to the first good answer, the shortest of 11 (of one, where it takes " +
			"seconds), and resident memory then and after the load:\n\n" +
			"| server | ms | as a multiple of hello-world's | MiB | MiB after the load |\n|---|---|---|---|---|\n",
	)
	for _, name := range b.servers("start", "ms") {
		ms, after := b.get("start", "first-answer", name, "ms"), "–"
		if mib := b.get("load", "after", name, "MiB"); mib > 0 {
			after = fmt.Sprintf("%.0f", mib)
		}
		fmt.Fprintf(
			&t, "| %s | %.1f | %.1f | %.0f | %s |\n", name, ms,
			ms/b.get("start", "first-answer", "hello-world", "ms"), b.get("start", "first-answer", name, "MiB"),
			after,
		)
	}
	return t.String()
}

// lines are those of a table with a line for each case; what was not measured stays empty.
func (b *bench) lines(t *strings.Builder, names []string, cell func(kase, name string) string) {
	for _, c := range cases() {
		fmt.Fprintf(t, "| %s |", c.name)
		for _, name := range names {
			text := "–"
			if b.get("load", c.name, name, "cpu-us") > 0 {
				text = cell(c.name, name)
			}
			fmt.Fprintf(t, " %s |", text)
		}
		t.WriteString("\n")
	}
}

// machine names the processor.
func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// plot draws the processor time of each case and server, on a logarithmic scale.
func (b *bench) plot() string {
	const left, height, width, decade = 130, 16, 900, 190
	names := b.servers("load", "cpu-us")
	colours := []string{
		"#9e9e9e",
		"#607d8b",
		"#90caf9",
		"#ef9a9a",
		"#2e7d32",
		"#66bb6a",
		"#8e24aa",
		"#f57c00",
		"#6d4c41",
		"#00838f",
	}
	var t strings.Builder
	y := 30
	for _, c := range cases() {
		fmt.Fprintf(&t, `<text x="4" y="%d" font-weight="bold">%s</text>`+"\n", y+12, c.name)
		for i, name := range names {
			cpu := b.get("load", c.name, name, "cpu-us")
			if cpu <= 0 {
				continue
			}
			long := decade * max(0, math.Log10(cpu))
			fmt.Fprintf(
				&t,
				`<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/><text x="%.0f" y="%d">%s %.1f µs</text>`+"\n",
				left, y, long, height-3, colours[i%len(colours)], left+long+5, y+11, name, cpu,
			)
			y += height
		}
		y += height
	}
	return fmt.Sprintf(
		`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+
			`<rect width="100%%" height="100%%" fill="white"/>`+
			`<text x="4" y="16">Processor time of a request (logarithmic)</text>`+"\n%s</svg>\n",
		width,
		y,
		t.String(),
	)
}
