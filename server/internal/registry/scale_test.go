package registry_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// big is a world with many schedules in one registry, a tenth of them Queued, on a database that can be copied.
type big struct {
	name, database string
	copied         func(b *testing.B) (database, shell string) // returns a copy, which the next copy replaces, and the shell command for it
	rows           int
}

// bigs returns one world for each kind of database.
func bigs(b *testing.B, rows int) []big {
	b.Helper()
	return []big{bigFile(b, rows), bigPostgres(b, rows)}
}

func bigFile(b *testing.B, rows int) big {
	b.Helper()
	file, to := filepath.Join(b.TempDir(), "big.db"), filepath.Join(b.TempDir(), "copy.db")
	return big{"sqlite", file, func(b *testing.B) (string, string) {
		must(b, errors.Join(os.RemoveAll(to), os.RemoveAll(to+"-wal"), os.RemoveAll(to+"-shm")))
		must(b, exec.Command("cp", file, to).Run())
		must(b, exec.Command("sync", to).Run()) // otherwise it would be written during a measurement
		return to, "sqlite3 " + to
	}, rows}
}

func bigPostgres(b *testing.B, rows int) big {
	b.Helper()
	cluster := postgrestest.Durable(b)
	url, last := cluster.New(b, ""), ""
	return big{"postgres", url, func(b *testing.B) (string, string) {
		if _, name, found := strings.Cut(last, "@/"); found {
			name, _, _ = strings.Cut(name, "?")
			sqlOn(b, cluster.URL, `SELECT 1`, `DROP DATABASE IF EXISTS `+name)
		}
		last = cluster.New(b, url)
		return last, "psql -q " + last
	}, rows}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// openStore opens a database with a clock that stands still.
func openStore(b *testing.B, database string) *store.Store {
	b.Helper()
	s, err := store.Open(context.Background(), database, func() time.Time { return time.Unix(1_700_000_000, 0) })
	must(b, err)
	return s
}

// options returns the options of a server.
func options() registry.Options {
	return registry.Options{Adapt: true, NewID: registry.NewIDs(time.Now, rand.Reader).New}
}

// open returns the rules on a database.
func (g big) open(b *testing.B, database string) (*registry.Service, *store.Store, context.Context) {
	b.Helper()
	s := openStore(b, database)
	service, _, _ := services(s, options())
	return service, s, call.WithWorld(context.Background(), worldName)
}

// fill creates the world, and returns how long the import took.
func (g big) fill(b *testing.B) time.Duration {
	s, ctx := openStore(b, g.database), call.WithWorld(context.Background(), worldName)
	defer s.Close()
	_, _, worlds := services(s, options())
	var scenario control.Scenario
	for id, rows := range map[string]int{"r": g.rows, "w1": 10, "w2": 10, "w3": 10, "w4": 10, "w5": 10, "w6": 10} {
		scenario.Registries = append(scenario.Registries, control.ScenarioRegistry{RegistryUUID: id, RegistryURI: "https://" + id + ".example.com", Schedules: []control.ScenarioSchedules{
			{Name: "scan {n}", Repo: "team/app", Count: rows, Statuses: map[string]int{"Error": 8, "Queued": 1, "Finished": 1}},
		}})
	}
	slices.SortFunc(scenario.Registries, func(a, b control.ScenarioRegistry) int { return strings.Compare(a.RegistryUUID, b.RegistryUUID) })
	began := time.Now()
	must(b, s.Write(ctx, worldName, func(tx *store.Tx) error { return tx.PutWorld(ctx, worldName, store.PlanFull, 0) }))
	_, err := worlds.Seed(ctx, worldName, scenario)
	must(b, err)
	took := time.Since(began)
	if strings.HasPrefix(g.database, "postgres") {
		sqlOn(b, g.database, `SELECT 1`, `VACUUM ANALYZE`)
	}
	return took
}

// driverOn opens a database as the store does.
func driverOn(b *testing.B, database string) *sql.DB {
	b.Helper()
	driver, source := "sqlite", "file:"+database+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
	if strings.HasPrefix(database, "postgres") {
		driver, source = "pgx", database
	}
	db, err := sql.Open(driver, source)
	must(b, err)
	return db
}

// sqlOn runs a statement through the driver, after a preparing one, and returns how long it took.
func sqlOn(b *testing.B, database, ready, text string) time.Duration {
	b.Helper()
	db := driverOn(b, database)
	defer db.Close()
	_, err := db.ExecContext(context.Background(), ready)
	must(b, err)
	began := time.Now()
	_, err = db.ExecContext(context.Background(), text)
	must(b, err)
	return time.Since(began)
}

// shellOn runs a statement in the shell of a database, and returns how long it took; 0 if there is no such shell.
func shellOn(b *testing.B, shell, text string) time.Duration {
	b.Helper()
	words := strings.Fields(shell)
	if _, err := exec.LookPath(words[0]); err != nil {
		return 0
	}
	if words[0] == "sqlite3" {
		text = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; " + text
	}
	c := exec.Command(words[0], words[1:]...)
	c.Stdin = strings.NewReader(text)
	began := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", shell, err, out)
	}
	return time.Since(began)
}

// The statements that make the changes of bulk jobs, without counters and rules.
const (
	rawCancel = `UPDATE schedule SET status = 'Canceled', updated = 1700000000000, due_at = 0, phase = '', job_completion = CASE WHEN job_start > 0 THEN 1700000000000 ELSE job_completion END
		WHERE list = (SELECT number FROM schedule_list WHERE world = 'w' AND registry = 'r') AND lower(status) = 'queued'`
	rawDelete = `DELETE FROM schedule WHERE list = (SELECT number FROM schedule_list WHERE world = 'w' AND registry = 'r') AND lower(status) = 'finished'`
)

// size returns the number of rows of the benchmarks: QCS_BENCH_ROWS, or few.
func size() int {
	rows := 20_000
	_, _ = fmt.Sscan(os.Getenv("QCS_BENCH_ROWS"), &rows)
	return rows
}

// BenchmarkScale measures bulk jobs and lists on many schedules of one registry, and the raw statements for the same work.
func BenchmarkScale(b *testing.B) {
	rows := size()
	for _, g := range bigs(b, rows) {
		name := func(what string) string { return fmt.Sprintf("%s/%d/%s", g.name, rows, what) }
		imported := g.fill(b)
		b.Run(name("import"), func(b *testing.B) {
			for b.Loop() {
				continue
			}
			raw := g.copyRaw(b)
			b.ReportMetric(float64(imported.Nanoseconds())/float64(rows), "ns/row")
			b.ReportMetric(float64(raw.Nanoseconds())/float64(rows), "ns/row-shell")
			b.ReportMetric(float64(imported)/float64(max(raw, 1)), "x-shell")
		})
		b.Run(name("cancel-a-tenth"), func(b *testing.B) { g.bulk(b, "Queued") })
		b.Run(name("delete-a-tenth"), func(b *testing.B) { g.bulk(b, "Finished") })
		b.Run(name("accept"), g.accept)
		b.Run(name("readers-meanwhile"), g.meanwhile)
		b.Run(name("lists"), g.lists)
	}
}

// copyRaw makes the shell of the database copy all rows to another world of a copy, and returns how long it took.
func (g big) copyRaw(b *testing.B) time.Duration {
	b.Helper()
	database, shell := g.copied(b)
	var text string
	for _, t := range []string{"schedule", "schedule_target"} {
		columns := strings.Join(columnsOf(b, database, t), ", ")
		copied := strings.Replace(columns, " list,", " -list,", 1) // a number that no list has
		text += fmt.Sprintf("INSERT INTO %[1]s (world, %[2]s) SELECT 'v', %[3]s FROM %[1]s WHERE world = 'w';", t, columns, copied)
	}
	return shellOn(b, shell, text)
}

// columnsOf returns the columns of a table, except for the world.
func columnsOf(b *testing.B, database, table string) []string {
	b.Helper()
	db := driverOn(b, database)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), "SELECT * FROM "+table+" WHERE FALSE")
	must(b, err)
	defer rows.Close()
	all, err := rows.Columns()
	must(b, errors.Join(err, rows.Err()))
	return slices.DeleteFunc(all, func(c string) bool { return c == "world" })
}

// bulk measures a bulk job on a copy, and the raw statement on two others, one through the driver and one in the shell. The driver has run the statement on a small registry before.
func (g big) bulk(b *testing.B, status string) {
	raw := rawCancel
	if status == "Finished" {
		raw = rawDelete
	}
	var job, driver, shell, longest time.Duration
	for b.Loop() {
		took, step := g.job(b, status)
		job, longest = shortest(job, took), max(longest, step)
		database, _ := g.copied(b)
		driver = shortest(driver, sqlOn(b, database, strings.ReplaceAll(raw, "'r'", "'w1'"), raw))
		_, inShell := g.copied(b)
		shell = shortest(shell, shellOn(b, inShell, raw))
	}
	n := float64(g.rows / 10)
	b.ReportMetric(float64(job.Nanoseconds())/n, "ns/row")
	b.ReportMetric(float64(driver.Nanoseconds())/n, "ns/row-raw")
	b.ReportMetric(float64(shell.Nanoseconds())/n, "ns/row-shell")
	b.ReportMetric(float64(job)/float64(max(shell, 1)), "x-shell")
	b.ReportMetric(float64(job)/float64(driver), "x-raw")
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-step")
}

// job cancels the schedules with a status on a copy, or deletes them if the status is Finished, on a server that has done so in some small registries before. It returns the time of call and job, and of
// the longest step.
func (g big) job(b *testing.B, status string) (took, longest time.Duration) {
	b.Helper()
	database, _ := g.copied(b)
	service, s, ctx := g.open(b, database)
	start := service.CancelSchedules
	if status == "Finished" {
		start = service.DeleteSchedules
	}
	filter := "status:" + status
	for before := range 6 {
		first, err := start(ctx, fmt.Sprint("w", before+1), registry.Select(nil, &filter))
		must(b, err)
		_ = work(b, ctx, service, s, first)
	}
	began := time.Now()
	all, err := start(ctx, "r", registry.Select(nil, &filter))
	must(b, err)
	longest = work(b, ctx, service, s, all)
	took = time.Since(began)
	counts := map[string]int{}
	must(b, s.Read(ctx, worldName, func(tx *store.Tx) error { counts, err = tx.ScheduleCounts(ctx, "r"); return err }))
	if counts[status] != 0 {
		b.Fatalf("got %v", counts)
	}
	must(b, s.Close())
	return took, longest
}

// work works on a job as the server does: on PostgreSQL on this job, on SQLite in turn with everything that may be due. It returns the time of the longest step.
func work(b *testing.B, ctx context.Context, service *registry.Service, s *store.Store, job string) (longest time.Duration) {
	b.Helper()
	step := service.Step
	if s.Shared() {
		step = func(ctx context.Context) (bool, error) {
			return service.StepJob(ctx, store.JobKey{World: worldName, ID: job})
		}
	}
	for more := true; more; {
		began := time.Now()
		var err error
		more, err = step(ctx)
		must(b, err)
		longest = max(longest, time.Since(began))
	}
	return longest
}

// shortest returns the shorter of two times, as other processes can slow down one; 0 is no time.
func shortest(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}

// meanwhile measures first pages, without and during a bulk job.
func (g big) meanwhile(b *testing.B) {
	for b.Loop() {
		database, _ := g.copied(b)
		service, s, ctx := g.open(b, database)
		read := func() {
			_, _, err := service.ListSchedules(ctx, "r", rule.List{PageNumber: new(1), PageSize: new(50)})
			must(b, err)
		}
		rest := timed(300, read)
		_, err := service.CancelSchedules(ctx, "r", registry.Select(nil, new("status:Queued")))
		must(b, err)
		working := make(chan error)
		go func() {
			worked, err := true, error(nil)
			for worked && err == nil {
				worked, err = service.Step(ctx)
			}
			working <- err
		}()
		var busy []time.Duration
		for done := false; !done; {
			select {
			case err = <-working:
				done = true
			default:
				busy = append(busy, timed(10, read)...)
			}
		}
		must(b, err)
		must(b, s.Close())
		slices.Sort(busy)
		for name, all := range map[string][]time.Duration{"rest": rest, "busy": busy} {
			b.ReportMetric(float64(all[len(all)/2].Microseconds()), "µs-"+name+"-p50")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "µs-"+name+"-p99")
			b.ReportMetric(float64(all[len(all)-1].Microseconds()), "µs-"+name+"-max")
		}
	}
}
