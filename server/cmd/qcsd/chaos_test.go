package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

// asDaemon makes the test binary the daemon.
const asDaemon = "QCS_TEST_AS_DAEMON"

// kills returns how often the daemon is killed: "make chaos" sets it in the environment.
func kills(initial int) int {
	if n, err := strconv.Atoi(os.Getenv("QCS_CHAOS_KILLS")); err == nil {
		return n
	}
	return initial
}

// process is a daemon that can be killed at any time.
type process struct {
	*exec.Cmd
	base, token string
}

// spawn starts a daemon and waits until it has printed its address.
func spawn(t *testing.T, env []string) (*process, error) {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], "--addr", "127.0.0.1:0", "--welcome", "--seed", "chaos.yaml", "--pace-created", "10m")}
	p.Dir = filepath.Dir(scenario(t))
	p.Env = append(append(os.Environ(), asDaemon+"=1", "QCSD_USERS=u:p"), env...)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	p.Stderr = &log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	var text string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text += lines.Text() + "\n"
		if found := announced.FindStringSubmatch(text); found != nil {
			p.base, p.token = found[1], found[2]
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return p, nil
		}
	}
	_ = p.Wait()
	return p, fmt.Errorf("the daemon did not start: %s", log.String())
}

func (p *process) kill() {
	_ = p.Process.Kill()
	_ = p.Wait() // killed
}

const many = 4000 // schedules that bulk calls work on

// scenario writes the scenario that the daemon loads at its first start.
func scenario(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "chaos.yaml")
	text := fmt.Sprintf(`registries:
  - {registryUuid: single, registryUri: "https://single.example.com"}
  - {registryUuid: heap, registryUri: "https://bulk.example.com", schedules: [{name: 'c{n}', count: %d, status: Queued}, {name: 'd{n}', count: %d, status: Finished}]}
`, many, many)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// history has the calls that the daemon has acknowledged.
type history struct {
	mu               sync.Mutex
	created, deleted map[string]bool
	jobs             []string
}

// load calls a daemon until the context ends, and notes what the daemon acknowledges.
func (h *history) load(ctx context.Context, base string, seed uint64) {
	h2 := &http.Client{Transport: &http.Transport{}}
	defer h2.CloseIdleConnections()
	c, err := client.New(client.WithBaseURL(base), client.WithHTTPClient(h2), client.WithCredentials("u", "p"), client.WithRetry(client.RetryPolicy{Attempts: 1}))
	if err != nil {
		return
	}
	random := rand.New(rand.NewPCG(seed, 1))
	var mine []string
	for i := 0; ctx.Err() == nil; i++ {
		switch random.IntN(4) {
		case 0, 1:
			id, err := c.CreateSchedule(ctx, "single", api.ScheduleRequest{Name: fmt.Sprint(seed, "-", i), OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}})
			if err == nil {
				mine = append(mine, id)
				h.note(func() { h.created[id] = true })
			}
		case 2:
			if len(mine) == 0 {
				continue
			}
			id := mine[random.IntN(len(mine))]
			h.note(func() { delete(h.created, id) }) // in doubt from now on
			if err := c.DeleteSchedule(ctx, "single", id); err == nil {
				h.note(func() { h.deleted[id] = true })
			}
		default:
			name := fmt.Sprintf("%c%d*", "cd"[random.IntN(2)], 1+random.IntN(9))
			call := c.CancelSchedules
			if name[0] == 'd' {
				call = c.DeleteSchedules
			}
			if job, err := call(ctx, "heap", client.Filter("name:"+name)); err == nil {
				h.note(func() { h.jobs = append(h.jobs, job.IDs...) })
			}
		}
	}
}

func (h *history) note(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
}

// verify waits until all jobs have ended, and compares the data with the acknowledged calls.
func (h *history) verify(t *testing.T, db *sql.DB) {
	t.Helper()
	number := func(query string, args ...any) (n int) {
		for deadline := time.Now().Add(30 * time.Second); ; { // a writer may lock the database
			err := db.QueryRowContext(t.Context(), query, args...).Scan(&n)
			if err == nil {
				return n
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", query, err)
			}
		}
	}
	for deadline := time.Now().Add(time.Minute); number(`SELECT COUNT(*) FROM job WHERE ended = 0`) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("jobs have not ended after a minute")
		}
		timer := time.NewTimer(20 * time.Millisecond)
		<-timer.C
	}
	for id := range h.created {
		if number(`SELECT COUNT(*) FROM schedule WHERE id = $1`, id) != 1 {
			t.Errorf("the schedule %s was acknowledged and does not exist", id)
		}
	}
	for id := range h.deleted {
		if number(`SELECT COUNT(*) FROM schedule WHERE id = $1`, id) != 0 {
			t.Errorf("the schedule %s was deleted and still exists", id)
		}
	}
	for _, id := range h.jobs {
		if number(`SELECT COUNT(*) FROM job WHERE id = $1 AND state = 'Finished'`, id) != 1 {
			t.Errorf("the job %s was accepted and is not finished", id)
		}
	}
	canceled, deleted := number(`SELECT COUNT(*) FROM schedule WHERE registry = 'heap' AND status = 'Canceled'`), 2*many-number(`SELECT COUNT(*) FROM schedule WHERE registry = 'heap'`)
	if n := number(`SELECT COALESCE(SUM(changed), 0) FROM job WHERE kind = 'CancelSchedules'`); n != canceled {
		t.Errorf("jobs report %d canceled schedules, the table has %d", n, canceled)
	}
	if n := number(`SELECT COALESCE(SUM(changed), 0) FROM job WHERE kind = 'DeleteSchedules'`); n != deleted {
		t.Errorf("jobs report %d deleted schedules, the table lacks %d", n, deleted)
	}
}

// check runs qcsd check.
func check(t *testing.T, env []string) {
	t.Helper()
	c := exec.Command(os.Args[0], "check")
	c.Env = append(append(os.Environ(), asDaemon+"=1", "QCSD_USERS=u:p"), env...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("qcsd check: %v\n%s", err, out)
	}
}

func newHistory() *history { return &history{created: map[string]bool{}, deleted: map[string]bool{}} }

// TestChaosSQLite kills the daemon at random times, from its first start on: in migrations, in requests, in and between batches of jobs.
func TestChaosSQLite(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	env := []string{"QCSD_DATA=" + folder}
	random := rand.New(rand.NewPCG(1, 2))
	h := newHistory()
	for round := range kills(8) {
		p, err := spawn(t, env)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range uint64(3) {
			group.Go(func() { h.load(ctx, p.base, uint64(round)*10+i) })
		}
		pause(random, 250)
		p.kill()
		cancel()
		group.Wait()
		early, err := spawnUnready(t, env) // and once while it starts
		if err != nil {
			t.Fatal(err)
		}
		pause(random, 30)
		early.kill()
	}
	p, err := spawn(t, env)
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "qcs.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h.verify(t, db)
	check(t, env)
	t.Logf("%d schedules created, %d deleted, %d jobs", len(h.created), len(h.deleted), len(h.jobs))
}

// TestKilledInMigrations checks that a daemon that was killed while it migrated a database keeps the data when it starts again.
func TestKilledInMigrations(t *testing.T) {
	t.Parallel()
	first, err := os.ReadFile("../../internal/store/migrations/00001_initial.sql")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range kills(8) {
		folder := t.TempDir()
		db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "qcs.db"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), string(first)+`
			CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
			INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);
			INSERT INTO world (id, plan) VALUES ('kept', 'Free');`)
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		env := []string{"QCSD_DATA=" + folder, "QCSD_USERS=u:p"}
		early, err := spawnUnready(t, env)
		if err != nil {
			t.Fatal(err)
		}
		pause(random, 40)
		early.kill()
		p, err := spawn(t, env)
		if err != nil {
			t.Fatal(err)
		}
		p.kill()
		check(t, env)
		if db, err = sql.Open("sqlite", "file:"+filepath.Join(folder, "qcs.db")); err != nil {
			t.Fatal(err)
		}
		var plan string
		err = db.QueryRowContext(t.Context(), `SELECT plan FROM world WHERE id = 'kept'`).Scan(&plan)
		if err = errors.Join(err, db.Close()); err != nil || plan != "Free" {
			t.Errorf("got %q, %v", plan, err)
		}
	}
}

// spawnUnready starts a daemon and does not wait for it.
func spawnUnready(t *testing.T, env []string) (*process, error) {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], "--addr", "127.0.0.1:0")}
	p.Env = append(append(os.Environ(), asDaemon+"=1", "QCSD_USERS=u:p"), env...)
	return p, p.Start()
}

// pause waits for a random time.
func pause(random *rand.Rand, maxMillis int) {
	timer := time.NewTimer(time.Duration(random.IntN(maxMillis*1000)) * time.Microsecond)
	<-timer.C
}

// TestStartAfterOwnerWasKilled checks that the lock on a data folder is released when its owner is killed.
func TestStartAfterOwnerWasKilled(t *testing.T) {
	t.Parallel()
	env := []string{"QCSD_DATA=" + t.TempDir()}
	for n := range kills(5) {
		p, err := spawn(t, env)
		if err != nil {
			t.Fatalf("start %d: %v", n+1, err)
		}
		if second, err := spawn(t, env); err == nil || !strings.Contains(err.Error(), "another process owns the data folder: the emulator at "+p.base) {
			t.Errorf("a second process: got %v, want an error with the owner %s", err, p.base)
			second.kill()
		}
		p.kill()
	}
}
