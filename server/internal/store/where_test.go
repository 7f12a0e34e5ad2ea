package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oapi-codegen/nullable"
	"pgregory.net/rapid"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
)

const now = openapi.Millis(1_700_000_000_000)

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), testdb.Database(path), now.Time)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func write(t testing.TB, s *store.Store, world string, f func(context.Context, *store.Tx) error) {
	t.Helper()
	ctx := context.Background()
	if err := s.Write(ctx, world, func(tx *store.Tx) error { return f(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

// scheduleRecord makes a schedule a record of the filter language.
type scheduleRecord struct{ api.Schedule }

func (r scheduleRecord) Text(token string) string {
	return map[string]string{
		"scheduleUuid": r.ScheduleUUID, "name": r.Name, "status": string(r.Status), "schedule": r.Schedule.Schedule,
		"weekDay": string(r.WeekDay), "registryType": string(r.RegistryType),
	}[token]
}

func (r scheduleRecord) Number(token string) int64 {
	number := map[bool]int64{true: 1}
	return map[string]int64{
		"onDemand": number[r.OnDemand], "forceScan": number[r.ForceScan], "scheduleScanIntervalInDays": int64(r.ScheduleScanIntervalInDays),
		"created": int64(r.Created), "updated": int64(r.Updated), "jobStartDate": int64(r.JobStartDate), "jobCompletionDate": int64(r.JobCompletionDate),
	}[token]
}

func (r scheduleRecord) Group(string) []qql.Record {
	var all []qql.Record
	for _, f := range r.Filters {
		for _, t := range f.RepoTags {
			all = append(all, repoTag{t})
		}
	}
	return all
}

type repoTag struct{ api.RepoTag }

func (r repoTag) Text(token string) string {
	if token == "repo" {
		return r.Repo
	}
	tag, _ := r.Tag.Get()
	return tag
}

func (r repoTag) Number(string) int64       { return 0 }
func (r repoTag) Group(string) []qql.Record { return nil }

// texts are similar values, and values with characters that are special in patterns of a database.
var texts = []string{"", "a", "A", "ab", "Ab", "abc", "b*b", "a?c", "[a]", "a%b", "a_b", `a\b`, "a'b", `a"b`, "a`b", "é", "É", "x y", "]", "ba"}

func drawSchedule(t *rapid.T, i int) store.Schedule {
	text := rapid.SampledFrom(texts)
	at := rapid.SampledFrom([]openapi.Millis{0, 1, now - 86_400_000, now - 1, now, now + 1})
	s := api.Schedule{
		ScheduleUUID: fmt.Sprintf("%s%d", text.Draw(t, "id"), i), Name: text.Draw(t, "name"), OnDemand: rapid.Bool().Draw(t, "onDemand"), ForceScan: rapid.Bool().Draw(t, "force"),
		Status:                     rapid.SampledFrom([]api.Status{api.StatusRunning, api.StatusBaselineRunning, api.StatusFinished}).Draw(t, "status"),
		Schedule:                   rapid.SampledFrom([]string{"", "07:00"}).Draw(t, "schedule"),
		ScheduleScanIntervalInDays: rapid.SampledFrom([]int{0, 1, 7}).Draw(t, "interval"),
		Created:                    at.Draw(t, "created"), Updated: at.Draw(t, "updated"), JobStartDate: at.Draw(t, "start"), JobCompletionDate: at.Draw(t, "completion"),
	}
	for range rapid.IntRange(1, 3).Draw(t, "targets") {
		r := api.RepoTag{Repo: text.Draw(t, "repo")}
		if tag := text.Draw(t, "tag"); tag != "" {
			r.Tag = nullable.NewNullableWithValue(tag)
		}
		s.Filters = append(s.Filters, api.ScheduleFilter{RepoTags: []api.RepoTag{r}})
	}
	return store.Schedule{Schedule: s, RegistryID: "r"}
}

func quote(t *rapid.T, text string) string {
	switch q := rapid.SampledFrom([]string{"", `"`, "'", "`"}).Draw(t, "quote"); q {
	case "":
		if bare := strings.NewReplacer(" ", "", "(", "", ")", "", "[", "", "]", "", `"`, "", "`", "", ",", "", "'", "").Replace(text); bare != "" {
			return bare
		}
		return "*"
	default:
		return q + strings.NewReplacer(`\`, `\\`, q, `\`+q).Replace(text) + q
	}
}

func drawTerm(t *rapid.T) string {
	text := func() string {
		pattern := rapid.SampledFrom([]string{"%s", "%s*", "*%s", "*%s*", "%s*%s"}).Draw(t, "pattern")
		value := rapid.SampledFrom(texts).Draw(t, "value")
		return quote(t, strings.ReplaceAll(pattern, "%s", value))
	}
	token := rapid.SampledFrom([]string{"scheduleUuid", "name", "status", "schedule", "repo", "tag", "filters.repoTags", "onDemand", "forceScan", "scheduleScanIntervalInDays", "created", "updated", "jobStartDate"}).Draw(t, "token")
	op := rapid.SampledFrom([]string{":", "<", "<=", ">", ">="}).Draw(t, "op")
	switch token {
	case "filters.repoTags":
		return fmt.Sprintf("filters.repoTags:(repo:%s %s NOT tag:%s)", text(), rapid.SampledFrom([]string{"AND", "OR"}).Draw(t, "inner"), text())
	case "onDemand", "forceScan":
		return token + ":" + rapid.SampledFrom([]string{"true", "false", "*"}).Draw(t, "bool")
	case "scheduleScanIntervalInDays":
		return token + rapid.SampledFrom([]string{":1", ":*", "<7", ">=1", ":[0 .. 1]", ":(1 .. 8)", ":[1, 7]"}).Draw(t, "number")
	case "created", "updated", "jobStartDate":
		at := rapid.SampledFrom([]string{"now", "now-1d", "2023-11-14", "0", "1", "1699999999999"}).Draw(t, "time")
		return token + rapid.SampledFrom([]string{op + at, ":*", ":[now-1d ... " + at + "]", ":(" + at + " .. now)"}).Draw(t, "form")
	case "status":
		return "status:" + rapid.SampledFrom([]string{"running", "Running", `"Running"`, "`running`", "*Running", "[Finished, running]"}).Draw(t, "statuses")
	}
	return token + ":" + text()
}

func drawQuery(t *rapid.T, depth int) string {
	kind := "term"
	if depth > 0 {
		kind = rapid.SampledFrom([]string{"term", "and", "or", "not"}).Draw(t, "kind")
	}
	switch kind {
	case "and", "or":
		return "(" + drawQuery(t, depth-1) + " " + kind + " " + drawQuery(t, depth-1) + ")"
	case "not":
		return "NOT " + drawQuery(t, depth-1)
	}
	return drawTerm(t)
}

// TestWhereEqualsEval checks for random rows and queries that SQL finds the rows that Eval accepts.
func TestWhereEqualsEval(t *testing.T) {
	t.Parallel()
	s := open(t, ":memory:")
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		world := fmt.Sprint("w", run)
		rows := make([]store.Schedule, rapid.IntRange(1, 8).Draw(t, "rows"))
		ctx := context.Background()
		err := s.Write(ctx, world, func(tx *store.Tx) error {
			if err := tx.PutWorld(ctx, store.World{Name: world, Plan: store.PlanFull}, 0); err != nil {
				return err
			}
			for i := range rows {
				rows[i] = drawSchedule(t, i)
				if err := tx.InsertSchedule(ctx, rows[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			query := drawQuery(t, 3)
			e, err := qql.Parse(query)
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			exact := rapid.Bool().Draw(t, "exact")
			f, err := qql.Bind(e, store.Schedules.Schema, qql.Options{Now: int64(now), Exact: exact})
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			want := map[string]bool{}
			for _, row := range rows {
				if f.Eval(scheduleRecord{row.Schedule}) {
					want[row.ScheduleUUID] = true
				}
			}
			got := map[string]bool{}
			err = s.Read(ctx, world, func(tx *store.Tx) error {
				found, total, err := tx.Schedules(ctx, "r", store.List{Filter: f, Page: 1, Size: 100})
				if total != len(found) {
					t.Errorf("%s: total %d, rows %d", query, total, len(found))
				}
				for _, row := range found {
					got[row.ScheduleUUID] = true
				}
				return err
			})
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (exact %v): (-Eval +SQL):\n%s", query, exact, diff)
			}
		}
	})
}

// TestFilterTextIsNeverSQL checks that texts of callers become arguments of a query.
func TestFilterTextIsNeverSQL(t *testing.T) {
	t.Parallel()
	s := open(t, ":memory:")
	write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
		if err := tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFull}, 0); err != nil {
			return err
		}
		return tx.InsertSchedule(ctx, store.Schedule{Schedule: api.Schedule{ScheduleUUID: "a", Name: `'; DROP TABLE schedule; --`, Status: api.StatusQueued}, RegistryID: "r"})
	})
	for query, want := range map[string]int{
		`name:"'; DROP TABLE schedule; --"`: 1,
		`name:"' OR '1'='1"`:                0,
		"name:`$1`":                         0,
		`name:*`:                            1,
	} {
		e, err := qql.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		f, err := qql.Bind(e, store.Schedules.Schema, qql.Options{})
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			_, total, err := tx.Schedules(ctx, "r", store.List{Filter: f, Page: 1, Size: 10})
			if total != want {
				t.Errorf("%s: got %d, want %d", query, total, want)
			}
			return err
		})
	}
}

// TestLongestQueries checks that the longest filters are within the limits of the databases, which limit the depth of an expression.
func TestLongestQueries(t *testing.T) {
	t.Parallel()
	s := open(t, ":memory:")
	chain := func(word string) string { return strings.Repeat("name:x "+word+" ", 700) + "name:x" }
	for name, query := range map[string]string{
		"or": chain("OR"), "and": chain("AND"), "list": "name:[x" + strings.Repeat(",x", qql.MaxTerms-1) + "]", "not": strings.Repeat("NOT ", 60) + "name:x",
		"nested": strings.Repeat("(name:x AND (name:x OR ", 20) + "name:x" + strings.Repeat("))", 20), "groups": strings.Repeat("repo:x OR ", 500) + "repo:x",
	} {
		e, err := qql.Parse(query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := qql.Bind(e, store.Schedules.Schema, qql.Options{})
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			if _, _, err := tx.Schedules(ctx, "r", store.List{Filter: f, Page: 1, Size: 10}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
	}
}

// BenchmarkList lists a page of 50 of a registry with 10,000 schedules.
func BenchmarkList(b *testing.B) {
	s := open(b, b.TempDir()+"/qcs.db")
	write(b, s, "w", func(ctx context.Context, tx *store.Tx) error {
		if err := tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFull}, 0); err != nil {
			return err
		}
		for i := range 10_000 {
			status := []api.Status{api.StatusFinished, api.StatusRunning}[i%2]
			row := api.Schedule{ScheduleUUID: fmt.Sprint(i), Name: "scan", Status: status, Created: now.Add(time.Duration(i) * time.Second), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}}
			if err := tx.InsertSchedule(ctx, store.Schedule{Schedule: row, RegistryID: "r"}); err != nil {
				return err
			}
		}
		return nil
	})
	for name, query := range map[string]string{"10k-all": "", "10k-status": "status:Running", "10k-id": "scheduleUuid:77"} {
		b.Run(name, func(b *testing.B) {
			var f qql.Filter
			if query != "" {
				e, err := qql.Parse(query)
				if err != nil {
					b.Fatal(err)
				}
				if f, err = qql.Bind(e, store.Schedules.Schema, qql.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			ctx := context.Background()
			for b.Loop() {
				if err := s.Read(ctx, "w", func(tx *store.Tx) error {
					_, _, err := tx.Schedules(ctx, "r", store.List{Filter: f, Page: 1, Size: 50})
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
