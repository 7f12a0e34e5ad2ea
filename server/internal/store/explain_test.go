package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// TestListsUseIndexes checks that each query of a list, with the filters and orders of the samples, the CLI and bulk jobs, uses an index, on both databases.
func TestListsUseIndexes(t *testing.T) {
	t.Parallel()
	lists := map[string]struct {
		resource Resource
		filters  []string
		read     func(ctx context.Context, tx *Tx, l List) error
	}{
		"schedules": {Schedules, []string{
			"", "status:Running", "status:Finished AND name:scan*", "scheduleUuid:s1", "scheduleUuid:[s1, s2]", "scheduleUuid:*", "(scheduleUuid:*) AND status:[Canceled, Finished]", "name:nightly", "repo:team/app", "repo:team*", "created>now-7d", "updated>now-7d", "updated:[now-7d ... now]",
		}, func(ctx context.Context, tx *Tx, l List) error { _, _, err := tx.Schedules(ctx, "r", l); return err }},
		"registries": {Registries, []string{"", "registryUri:`https://r`", "registryUuid:r", "registryName:r", "registryType:V2"}, func(ctx context.Context, tx *Tx, l List) error {
			_, _, err := tx.Registries(ctx, l)
			return err
		}},
		"images": {Images, []string{"", "sha:abc", "repo.repository:team/app", "lastScanned>now-1d"}, func(ctx context.Context, tx *Tx, l List) error { _, _, err := tx.Images(ctx, l); return err }},
		"repositories": {Repositories, []string{"", "repoName:team/app"}, func(ctx context.Context, tx *Tx, l List) error {
			_, _, err := tx.Repositories(ctx, "r", l)
			return err
		}},
		"batches of bulk jobs": {Schedules, []string{"", "status:Running", "status:Queued", "scheduleUuid:*", "name:scan*"}, func(ctx context.Context, tx *Tx, l List) error {
			p, err := tx.NextBatch(ctx, Counts{"Queued": 2000}, l.Filter, Batch{Registry: "r", UpTo: 1 << 40, Rows: 100})
			if err == nil {
				_, err = tx.CountByStatus(ctx, p)
			}
			return err
		}},
	}
	for name, database := range databases(t) {
		s := opened(t, database)
		if err := s.Write(t.Context(), "w", func(tx *Tx) error {
			var all []Schedule
			for i := range 2000 {
				all = append(all, Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprint("s", i), Status: api.StatusQueued, Created: tx.Now, Updated: tx.Now}, RegistryID: "r"})
			}
			if err := tx.PutWorld(t.Context(), "w", PlanFull, 0); err != nil {
				return err
			}
			return tx.InsertSchedules(t.Context(), all)
		}); err != nil {
			t.Fatal(err)
		}
		for list, l := range lists {
			for _, text := range l.filters {
				t.Run(name+"/"+list+"/"+text, func(t *testing.T) {
					var f qql.Filter
					if text != "" {
						e, err := qql.Parse(text)
						if err != nil {
							t.Fatal(err)
						}
						if f, err = qql.Bind(e, l.resource.Schema, qql.Options{Now: 1_700_000_000_000}); err != nil {
							t.Fatal(err)
						}
					}
					var queries []statement
					ctx := sqldb.WithTrace(t.Context(), func(text string, args []any) { queries = append(queries, query(text, args...)) })
					if err := s.Read(ctx, "w", func(tx *Tx) error {
						if err := l.read(ctx, tx, List{Filter: f, Page: 12, Size: 50}); err != nil {
							return err
						}
						for _, q := range queries {
							if strings.Contains(q.text, " FROM world") {
								continue // a handful of rows
							}
							if plan := explain(t, tx, q); strings.Contains(plan, "SCAN "+table(q.text)) || strings.Contains(plan, "Seq Scan") {
								t.Errorf("%s\n%v\n%s", q.text, q.args, plan)
							}
						}
						return nil
					}); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

// table returns the first table of a query.
func table(query string) string {
	_, rest, _ := strings.Cut(query, " FROM ")
	return strings.Fields(rest)[0]
}

// explain returns the plan of a query. PostgreSQL is set to scan a table only if it has no other plan.
func explain(t *testing.T, tx *Tx, q statement) (plan string) {
	t.Helper()
	text := `EXPLAIN QUERY PLAN `
	if tx.store.Shared() {
		text = `EXPLAIN `
		if _, err := tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off`); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := tx.Query(t.Context(), text+q.text, q.args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		plan += fmt.Sprintln(*values[len(values)-1].(*any))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
