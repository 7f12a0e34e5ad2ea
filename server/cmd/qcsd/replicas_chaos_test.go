package main

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/qcsdev/qcs/server/internal/postgrestest"
)

// TestChaosPostgres runs three replicas on one database. In each round, one is killed at a random time, one is interrupted, and either the connections of all are cut or the database server crashes and
// starts again.
func TestChaosPostgres(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Durable(t)
	database := cluster.New(t, "")
	cut := newCutter(t, database)
	env := []string{"QCSD_DATABASE=" + cut.url, "QCSD_SIGNING_KEY=" + strings.Repeat("A", 86) + "=="}
	random := rand.New(rand.NewPCG(3, 4))
	h := newHistory()
	steady, err := spawn(t, env)
	if err != nil {
		t.Fatal(err)
	}
	for round := range kills(4) {
		killed, err := spawn(t, env)
		if err != nil {
			t.Fatal(err)
		}
		stopped, err := spawn(t, env)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i, p := range []*process{steady, killed, stopped} {
			group.Go(func() { h.load(ctx, p.base, uint64(round*10+i)) })
		}
		pause(random, 200)
		if round%2 == 0 {
			cut.all()
		} else if err := cluster.Crash(); err != nil {
			t.Fatal(err)
		}
		pause(random, 200)
		_ = stopped.Process.Signal(os.Interrupt)
		killed.kill()
		if err := stopped.Wait(); err != nil {
			t.Errorf("an interrupted replica: %v", err)
		}
		cancel()
		group.Wait()
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h.verify(t, db)
	check(t, env)
	steady.kill()
	t.Logf("%d schedules created, %d deleted, %d jobs", len(h.created), len(h.deleted), len(h.jobs))
}
