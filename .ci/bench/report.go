package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// replaceTables replaces the tables in a Markdown file.
func replaceTables(path, tables string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const begin, end = "<!-- measured: performance -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the tables", path)
	}
	return os.WriteFile(path, []byte(before+begin+tables+end+after), 0o644)
}

// tables prints the results as Markdown.
func (b *bench) tables() string {
	var t strings.Builder
	fmt.Fprintf(&t, "Measured %s on %d cores (%s), %s; ",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), processorName(), runtime.Version())
	fmt.Fprintf(&t, "%d callers, %d turns of %s each in shuffled order; ", callers, b.rounds, b.turn)
	t.WriteString("servers on one processor, the callers on the others, the servers up to qcsd with GOMAXPROCS=1.\n\n")
	t.WriteString("Processor time of a request in µs, and as a multiple of what bare Echo took in the same round " +
		"(the median of each):\n\n")
	b.caseTable(&t, func(m median) string { return fmt.Sprintf("%.1f (%.3f)", m.processor, m.timesEcho) })
	t.WriteString("\nRequests a second, p50 / p99 in µs:\n\n")
	b.caseTable(&t, func(m median) string { return fmt.Sprintf("%.0f, %.0f / %.0f", m.perSecond, m.p50, m.p99) })
	fmt.Fprintf(&t, "\nFrom the start of the process to the first good answer, the shortest of %d (of one, where it "+
		"takes seconds), and resident memory then and after the load:\n\n", attempts)
	t.WriteString("| server | ms | as a multiple of hello-world's | MiB | MiB after the load |\n")
	t.WriteString("|---|---|---|---|---|\n")
	for _, server := range b.servers {
		s, after := b.starts[server.name], "–"
		if memory := b.memoryAfter[server.name]; memory > 0 {
			after = fmt.Sprintf("%.0f", memory)
		}
		times := s.millis / b.starts["hello-world"].millis
		fmt.Fprintf(&t, "| %s | %.1f | %.1f | %.0f | %s |\n", server.name, s.millis, times, s.memory, after)
	}
	return t.String()
}

// caseTable prints a row for each case and a column for each server with results.
func (b *bench) caseTable(t *strings.Builder, cell func(median) string) {
	columns := slices.DeleteFunc(slices.Clone(b.servers), func(s server) bool {
		return !slices.ContainsFunc(cases(), func(c testCase) bool { return b.loads[c.name][s.name] != median{} })
	})
	t.WriteString("| case |")
	for _, s := range columns {
		fmt.Fprintf(t, " %s |", s.name)
	}
	fmt.Fprintf(t, "\n|---|%s\n", strings.Repeat("---|", len(columns)))
	for _, c := range cases() {
		fmt.Fprintf(t, "| %s |", c.name)
		for _, s := range columns {
			text := "–"
			if m, measured := b.loads[c.name][s.name]; measured {
				text = cell(m)
			}
			fmt.Fprintf(t, " %s |", text)
		}
		t.WriteString("\n")
	}
}

func processorName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
