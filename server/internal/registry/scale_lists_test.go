package registry_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/server/internal/rule"
)

// reading is a list to measure, with the statement that reads the same rows.
type reading struct {
	name, filter, where string
	page                int
	often               int // number of repetitions in one session of the shell
}

func (g big) readings(id string) []reading {
	return []reading{
		{"first", "", "", 1, 100}, {"status", "status:Queued", " AND lower(status) = 'queued'", 1, 100}, {"id", "scheduleUuid:" + id, " AND id = '" + id + "'", 1, 100}, {"deep", "", "", g.rows/50 - 1, 10},
	}
}

// raw returns the statement, without the one for the total of the list.
func (r reading) raw() string {
	return fmt.Sprintf(`SELECT * FROM schedule WHERE list = (SELECT number FROM schedule_list WHERE world = 'w' AND registry = 'r')%s ORDER BY created DESC, id DESC LIMIT 50 OFFSET %d`, r.where, (r.page-1)*50)
}

// lists measures pages, and the statements that read the same rows through the driver and in the shell.
func (g big) lists(b *testing.B) {
	service, s, ctx := g.open(b, g.database)
	defer s.Close()
	some, _, err := service.ListSchedules(ctx, "r", rule.List{PageNumber: new(2)})
	must(b, err)
	page := func(number int, filter string) {
		_, _, err := service.ListSchedules(ctx, "r", rule.List{PageNumber: &number, PageSize: new(50), Filter: &filter})
		must(b, err)
	}
	for b.Loop() {
		continue
	}
	report := func(name string, took time.Duration) { b.ReportMetric(float64(took.Nanoseconds()/1000), "µs-"+name) }
	db := driverOn(b, g.database)
	defer db.Close()
	for _, r := range g.readings(some.Data[0].ScheduleUUID) {
		report(r.name, median(func() { page(r.page, r.filter) }))
		report(r.name+"-raw", median(func() { readAll(b, db, r.raw()) }))
		report(r.name+"-shell", g.inShell(b, r))
	}
}

// readAll reads all rows of a statement.
func readAll(b *testing.B, db *sql.DB, text string) {
	b.Helper()
	rows, err := db.QueryContext(context.Background(), text)
	must(b, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(b, err)
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(any)
	}
	for rows.Next() {
		must(b, rows.Scan(into...))
	}
	must(b, rows.Err())
}

// inShell returns how long a statement takes in a session of the shell that repeats it; 0 if there is no shell.
func (g big) inShell(b *testing.B, r reading) time.Duration {
	b.Helper()
	shell := "sqlite3 " + g.database
	if strings.HasPrefix(g.database, "postgres") {
		shell = "psql -q " + g.database
	}
	once := shellOn(b, shell, r.raw()+";")
	return max(shellOn(b, shell, strings.Repeat(r.raw()+";\n", r.often+1))-once, 0) / time.Duration(r.often)
}

// median returns the median duration of thirty calls.
func median(call func()) time.Duration { return timed(30, call)[15] }

// timed returns the durations of n calls, the shortest first.
func timed(n int, call func()) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		began := time.Now()
		call()
		all[i] = time.Since(began)
	}
	slices.Sort(all)
	return all
}
