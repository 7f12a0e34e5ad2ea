package store

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Counts are numbers of schedules by status.
type Counts = api.ScheduleStatusCounts

// statusCounts reads the counters of registries. Each id has an entry, which is empty rather than nil.
func (tx *Tx) statusCounts(ctx context.Context, registries []string) (map[string]Counts, error) {
	type row struct {
		registry, status string
		n                int
	}
	list := tx.dialect.in(`registry`, registries, tx.World)
	rows, err := collect(ctx, tx, func(r *row) []any { return []any{&r.registry, &r.status, &r.n} },
		statement{`SELECT registry, status, n FROM schedule_count WHERE world = $1 AND n > 0 AND ` + list.text, list.args})
	counts := map[string]Counts{}
	for _, id := range registries {
		counts[id] = Counts{}
	}
	for _, r := range rows {
		counts[r.registry][r.status] = r.n
	}
	return counts, err
}

// ScheduleCounts reads the number of schedules of a registry in each status that occurs.
func (tx *Tx) ScheduleCounts(ctx context.Context, registry string) (Counts, error) {
	counts, err := tx.statusCounts(ctx, []string{registry})
	return counts[registry], err
}

// addCounts moves the counters of a registry. Every statement that inserts or deletes schedules or changes their status is followed by it in the same transaction.
func (tx *Tx) addCounts(ctx context.Context, registry string, delta map[api.Status]int) error {
	for status, n := range delta {
		if _, err := tx.exec(ctx, `INSERT INTO schedule_count (world, registry, status, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (world, registry, status) DO UPDATE SET n = schedule_count.n + excluded.n`, tx.World, registry, status, n); err != nil {
			return err
		}
	}
	return tx.revise(ctx)
}

// countOf gives the total of a filtered list from the counters, where the filter is none or one whole status.
func countOf(counts Counts, f qql.Filter) (total int, ok bool) {
	match, isMatch := f.(qql.Match)
	if f != nil && (!isMatch || match.Field.Token != "status" || len(match.Parts) != 1) {
		return 0, false
	}
	for status, n := range counts {
		if f == nil || match.Eval(word(status)) {
			total += n
		}
	}
	return total, true
}

// word is a record with one text.
type word string

// Text implements qql.Record.
func (w word) Text(string) string { return string(w) }

// Number implements qql.Record.
func (w word) Number(string) int64 { return 0 }

// Group implements qql.Record.
func (w word) Group(string) []qql.Record { return nil }
