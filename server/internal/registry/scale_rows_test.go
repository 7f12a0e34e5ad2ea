package registry_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/server/internal/registry"
)

// accept measures bulk calls, each of which inserts a job, and the statement that inserts such a row.
func (g big) accept(b *testing.B) {
	database, shell := g.copied(b)
	service, s, ctx := g.open(b, database)
	defer s.Close()
	db := driverOn(b, database)
	defer db.Close()
	jobs := 0
	raw := func() string {
		jobs++
		return fmt.Sprintf(`INSERT INTO job VALUES ('w', 'raw-%[1]d', 'CancelSchedules', 'r', '{}', 'Finished', 0, 0, 0, 0, '{}', '[]', '', 1, 1, 1, 0, 1, 0, %[2]d, 0, '');`, jobs, 1_000_000+jobs)
	}
	for b.Loop() {
		continue
	}
	accepted := timed(300, func() {
		_, err := service.CancelSchedules(ctx, "r", registry.Select(nil, new("status:Queued")))
		must(b, err)
	})
	inserted := timed(300, func() {
		_, err := db.ExecContext(context.Background(), raw())
		must(b, err)
	})
	const often = 200
	var many strings.Builder
	for range often {
		many.WriteString(raw() + "\n")
	}
	once := shellOn(b, shell, raw())
	report := func(name string, took time.Duration) { b.ReportMetric(float64(took.Nanoseconds())/1000, "µs-"+name) }
	report("p50", accepted[150])
	report("p99", accepted[297])
	report("p50-raw", inserted[150])
	report("p99-raw", inserted[297])
	report("mean-shell", max(shellOn(b, shell, many.String())-once, 0)/often)
}

// sizes returns the numbers of rows of BenchmarkCostPerRow: the comma-separated QCS_BENCH_SIZES, or small ones.
func sizes(b *testing.B) []int {
	b.Helper()
	text := os.Getenv("QCS_BENCH_SIZES")
	if text == "" {
		text = "10000,20000"
	}
	var all []int
	for _, word := range strings.Split(text, ",") {
		rows := 0
		_, err := fmt.Sscan(word, &rows)
		must(b, err)
		all = append(all, rows)
	}
	return all
}

// BenchmarkCostPerRow measures the time per row of a bulk job on a tenth of the schedules, and of an import, for several numbers of schedules. The sizes take turns, the small ones several times, as the
// speed of the machine varies; the median counts.
func BenchmarkCostPerRow(b *testing.B) {
	for name, made := range map[string]func(*testing.B, int) big{"sqlite": bigFile, "postgres": bigPostgres} {
		b.Run(name, func(b *testing.B) {
			var sized []big
			costs := map[string]map[int][]float64{"import": {}, "cancel": {}, "delete": {}}
			note := func(what string, g big, took time.Duration, changed int) {
				costs[what][g.rows] = append(costs[what][g.rows], float64(took.Nanoseconds())/float64(changed))
			}
			all := sizes(b)
			for _, rows := range all {
				var g big
				for range turns(all[len(all)-1], rows) {
					g = made(b, rows)
					note("import", g, g.fill(b), rows)
				}
				sized = append(sized, g)
			}
			for b.Loop() {
				for _, g := range sized {
					for range turns(all[len(all)-1], g.rows) {
						for what, status := range map[string]string{"cancel": "Queued", "delete": "Finished"} {
							took, _ := g.job(b, status)
							note(what, g, took, g.rows/10)
						}
					}
				}
			}
			for what, bySize := range costs {
				var middles []float64
				for rows, all := range bySize {
					slices.Sort(all)
					middle := all[len(all)/2]
					b.ReportMetric(middle, fmt.Sprintf("ns/row-%s-%d", what, rows))
					middles = append(middles, middle)
				}
				b.ReportMetric(slices.Max(middles)/slices.Min(middles), "x-"+what)
			}
		})
	}
}

// turns returns how often a size is measured for each measurement of the largest.
func turns(largest, rows int) int {
	switch ratio := largest / rows; {
	case ratio >= 100:
		return 10
	case ratio >= 10:
		return 3
	}
	return 1
}
