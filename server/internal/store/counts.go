package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Counts are numbers of schedules by status.
type Counts = api.ScheduleStatusCounts

// Columns with the counters of a registry, for queries of registries and jobs; see countsText.
const (
	countsColumn    = countsOf + `registry.world AND c.registry = registry.id AND c.n > 0)`
	jobCountsColumn = countsOf + `job.world AND c.registry = job.registry AND c.n > 0)`
	countsOf        = `(SELECT string_agg(c.status || ':' || c.n, ',') FROM schedule_count AS c WHERE c.world = `
)

// countsText reads a column of counters: never nil, and empty when there are none.
type countsText Counts

// Scan implements sql.Scanner.
func (c *countsText) Scan(column any) error {
	*c = countsText{}
	text, ok := column.(string)
	if !ok && column != nil {
		return fmt.Errorf("column has %T, want counters", column)
	}
	for text != "" {
		var one string
		one, text, _ = strings.Cut(text, ",")
		status, count, _ := strings.Cut(one, ":")
		n, err := strconv.Atoi(count)
		if err != nil {
			return fmt.Errorf("counter %q: %w", one, err)
		}
		(*c)[status] = n
	}
	return nil
}

// ScheduleCounts is CountsOf for a registry that need not exist.
func (tx *Tx) ScheduleCounts(ctx context.Context, registry string) (counts Counts, err error) {
	err = tx.Scan(ctx, []any{(*countsText)(&counts)},
		`SELECT string_agg(status || ':' || n, ',') FROM schedule_count
		WHERE world = $1 AND registry = $2 AND n > 0`, tx.World, registry)
	return counts, err
}

// addCounts changes the counters of a registry. Every statement that inserts or deletes schedules
// or changes their status is followed by it in the same transaction.
func (tx *Tx) addCounts(ctx context.Context, registry string, delta map[api.Status]int) error {
	var rows [][]any
	for status, n := range delta {
		rows = append(rows, []any{tx.World, registry, status, n})
	}
	_, err := tx.Insert(ctx, `INSERT INTO schedule_count (world, registry, status, n)`,
		` ON CONFLICT (world, registry, status) DO UPDATE SET n = schedule_count.n + excluded.n`, rows)
	return err
}

// countOf returns the total of a list of schedules from the counters; false unless the list has no
// filter or its filter is a single status.
func countOf(counts Counts, f qql.Filter) (total int, ok bool) {
	if _, single := f.(qql.Match); f != nil && (!single || oneStatus(f) == "") {
		return 0, false
	}
	_, total = Estimate(counts, f)
	return total, true
}
