package server_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/testdb"
	"github.com/qcsdev/qcs/server/postgres"
	"github.com/qcsdev/qcs/server/servertest"
)

// reportRequest is a request for a report, which the Free plan lacks.
var reportRequest = api.ReportRequest{Name: "n", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY}

// replica is one of several emulators on one database.
type replica struct {
	*server.Server
	admin *emulator.Client
	stop  func()
}

// replicas starts n emulators on one database; the first working ones also do background work.
func replicas(t *testing.T, n, working int) []replica {
	t.Helper()
	if !testdb.Postgres(t) {
		t.Skip("replicas share a PostgreSQL database: set " + testdb.Variable + "=postgres")
	}
	url := postgrestest.New(t, "")
	all := make([]replica, n)
	var starting sync.WaitGroup
	for i := range all {
		starting.Go(func() { // all at the same time: one migrates, one creates the user and loads the seed
			s, err := server.New(server.Options{Database: postgres.Database(url), SigningKey: bytes.Repeat([]byte{7}, 64), Seed: "release-notes", Users: []server.User{{Name: "u", Password: "p"}}})
			if err != nil {
				t.Errorf("replica %d: %v", i, err)
				return
			}
			all[i] = replica{Server: s, admin: emulator.New("http://qcs.test", "", servertest.Over(s))}
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i := range all {
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		if i < working {
			group.Go(func() { all[i].Run(ctx) })
		}
		all[i].stop = sync.OnceFunc(func() {
			cancel()
			group.Wait()
			if err := all[i].Close(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(all[i].stop)
	}
	return all
}

func (r replica) client(t *testing.T, options ...client.Option) *client.Client {
	t.Helper()
	return must(client.New(append([]client.Option{
		client.WithBaseURL("http://qcs.test"), client.WithHTTPClient(servertest.Over(r)), client.WithCredentials("u", "p"), client.WithPollInterval(20 * time.Millisecond),
	}, options...)...))(t)
}

// TestReplicas checks that a change on one replica is visible on another: data, tokens, worlds, their
// users, plans and expired tokens.
func TestReplicas(t *testing.T) {
	t.Parallel()
	all2 := replicas(t, 2, 0)
	a, b := all2[0], all2[1]
	token := must(a.Token("u"))(t)
	there := must(client.New(client.WithBaseURL("http://qcs.test"), client.WithHTTPClient(servertest.Over(b)), client.WithToken(token)))(t)
	newRegistry(t, a.client(t), "https://r.example.com")
	if n := len(all(t, there.ListRegistries(t.Context(), client.List{}))); n != 7 {
		t.Errorf("got %d registries, want the six of the seed, once, and one more", n)
	}
	w := must(a.admin.CreateWorld(t.Context(), control.WorldRequest{Name: "shared"}))(t)
	if worlds := must(b.admin.ListWorlds(t.Context()))(t); len(worlds) != 2 || len(worlds[1].Users) != 1 {
		t.Errorf("got %+v, want the new world with its user", worlds)
	}
	in := must(b.admin.SDK(w))(t)
	reports := func() error { return second(in.CreateReport(t.Context(), reportRequest)) }
	if err := reports(); err != nil {
		t.Errorf("a user of a world that another replica has created: %v", err)
	}
	must(a.admin.UpdateWorld(t.Context(), "shared", control.WorldUpdate{Plan: control.PlanFree}))(t)
	if err := reports(); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("the plan that another replica has set: got %v, want 409", err)
	}
	must[any](nil, a.admin.ExpireTokens(t.Context(), "shared"))(t)
	old := emulator.New("http://qcs.test", w.Users[0].Token, servertest.Over(b))
	if _, err := old.Clock(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a token that expired on another replica: got %v, want 401", err)
	}
	must[any](nil, a.admin.DropWorld(t.Context(), "shared"))(t)
	if _, err := in.CreateReport(t.Context(), reportRequest); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a user of a dropped world: got %v, want 401", err)
	}
}

// TestAdvanceWithReplicas checks that the response to an advance on one replica has all moves, although
// the runner of another replica could make them.
func TestAdvanceWithReplicas(t *testing.T) {
	t.Parallel()
	two := replicas(t, 2, 2)
	c := two[0].client(t)
	in := emulator.New("http://qcs.test", must(two[0].Token("u"))(t), servertest.Over(two[0]))
	must(in.SetClock(t.Context(), control.ClockSetting{Mode: control.ClockModeFrozen}))(t)
	registry := newRegistry(t, c, "https://r.example.com")
	for i := range 10 {
		newSchedule(t, c, registry, fmt.Sprint(i))
		got := must(in.Advance(t.Context(), time.Minute))(t)
		if len(got.Events) != 4 || got.Events[3].To != "Finished" {
			t.Fatalf("%d: got %+v, want all four moves up to Finished", i, got.Events)
		}
	}
}

// TestReplicasShareTheWork checks that each row is changed exactly once if one replica accepts jobs and
// two others work on them, one of which is stopped.
func TestReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	const jobs, each = 12, 400
	all3 := replicas(t, 3, 2)
	w := must(all3[2].admin.CreateWorld(t.Context(), control.WorldRequest{Scenario: control.Scenario{Registries: []control.ScenarioRegistry{{
		RegistryUUID: "r", RegistryURI: "https://r.example.com", Schedules: []control.ScenarioSchedules{{Name: "scan {n}", Count: jobs * each, Status: "Queued"}},
	}}}}))(t)
	c := must(all3[2].admin.SDK(w, client.WithPollInterval(20*time.Millisecond)))(t)
	accepted := make([]*client.Job, jobs)
	for i := range accepted {
		accepted[i] = must(c.CancelSchedules(t.Context(), "r", client.Filter("status:Queued")))(t)
		if i == jobs/2 {
			all3[0].stop()
		}
	}
	changed := 0
	for _, j := range accepted {
		r := must(j.Wait(t.Context(), nil))(t)
		changed += r.Changed
	}
	if got := statuses(t, c, "r"); changed != jobs*each || got["Canceled"] != jobs*each || len(got) != 1 {
		t.Errorf("jobs report %d changes, the statuses are %v; want %d, each once", changed, fmt.Sprint(got), jobs*each)
	}
}
