package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func put(t *testing.T, srv *servertest.Server, target, body string) response {
	t.Helper()
	return send(t, srv, request{method: http.MethodPut, target: target, contentType: "application/json", body: body})
}

func TestClock(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	r := newRegistry(t, c, "https://r.example.com")
	newSchedule(t, c, r, "scan")
	if got := put(t, srv, "/_qcs/clock", `{"mode":"frozen","now":"1767323045000"}`).want(t, http.StatusOK); got != `{"mode":"frozen","now":"1767323045000","rate":0}` {
		t.Errorf("got %s", got)
	}
	advanced := must(srv.Control().Advance(t.Context(), time.Hour))(t)
	var events []string
	for _, e := range advanced.Events {
		events = append(events, fmt.Sprintf("%d %s-%s", (e.At-1767323045000)/1000, e.From, e.To))
	}
	if diff := cmp.Diff([]string{"1 Created-Queued", "3 Queued-Running", "5 Running-Running", "13 Running-Finished"}, events); diff != "" || advanced.Now != 1767326645000 || advanced.Mode != control.ClockModeFrozen {
		t.Errorf("got %+v (-want +got):\n%s", advanced, diff)
	}
	if n := statuses(t, c, r)["Finished"]; n != 1 {
		t.Errorf("the response was sent before the end of the scan: %v", statuses(t, c, r))
	}
	id := newSchedule(t, c, r, "another")
	target := "/_qcs/registry/" + r + "/schedule/" + id + "/status"
	if got := put(t, srv, target, `{"status":"Paused"}`).want(t, http.StatusOK); got != `{"status":"Paused"}` {
		t.Errorf("got %s", got)
	}
	put(t, srv, target, `{"status":"Sleeping"}`).refused(t, http.StatusBadRequest, "allowed values")
	put(t, srv, target, `{"status":"BaselineQueued"}`).refused(t, http.StatusBadRequest, "rule not-automatic")
	put(t, srv, "/_qcs/registry/x/schedule/y/status", `{"status":"Paused"}`).refused(t, http.StatusNotFound, "registry: not found")
	put(t, srv, "/_qcs/clock", `{"mode":"scaled"}`).refused(t, http.StatusBadRequest, "needs a rate")
	put(t, srv, "/_qcs/clock", `{"mode":"frozen","now":"yesterday"}`).refused(t, http.StatusBadRequest, "body at /now: not a valid epoch-millis")
	put(t, srv, "/_qcs/clock", `{"mode":"sideways"}`).refused(t, http.StatusBadRequest, "allowed values")
	post(t, srv, "/_qcs/clock/advance", `{"by":-1}`).refused(t, http.StatusBadRequest, "at least 0")
	get(t, srv, "/_qcs/clock").want(t, http.StatusOK)
	before := get(t, srv, "/_qcs/scan-profile").want(t, http.StatusOK)
	after := put(t, srv, "/_qcs/scan-profile", strings.Replace(before, `"seed":0`, `"seed":7`, 1)).want(t, http.StatusOK)
	if got := get(t, srv, "/_qcs/scan-profile").want(t, http.StatusOK); got != after || !strings.Contains(got, `"seed":7`) {
		t.Errorf("got %s, want %s", got, after)
	}
}

// TestClocksOfWorlds checks that dates, and the expiry of tokens in a world with its own token clock,
// follow the clock of the world, and that the clocks of worlds are independent.
func TestClocksOfWorlds(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Worlds = []server.World{{Name: "one", Plan: "Full"}, {Name: "two", Plan: "Full", Tokens: server.TokensWorld}}
		o.Users = append(o.Users, server.User{Name: "other", Password: "p", World: "two"}, server.User{Name: "reader", Password: "p", Role: server.Reader})
	}))
	one, two := "Bearer "+srv.Token(), "Bearer "+login(t, srv, "other", "p").want(t, http.StatusCreated)
	advance := request{method: http.MethodPost, target: "/_qcs/clock/advance", contentType: "application/json", body: `{"by":14400000}`, token: two}
	send(t, srv, advance).want(t, http.StatusOK)
	got := send(t, srv, request{method: http.MethodGet, target: base, token: two})
	got.refused(t, http.StatusUnauthorized, "expired")
	if !strings.Contains(got.body, "1767337445000") {
		t.Errorf("got %s, want the time of the world in it", got.body)
	}
	send(t, srv, request{method: http.MethodGet, target: base, token: one}).want(t, http.StatusOK)
	fresh := "Bearer " + login(t, srv, "other", "p").want(t, http.StatusCreated)
	send(t, srv, request{method: http.MethodGet, target: base, token: fresh}).want(t, http.StatusOK)
	advance.token = "Bearer " + login(t, srv, "reader", "p").want(t, http.StatusCreated)
	send(t, srv, advance).refused(t, http.StatusForbidden, "QCS.CONTROL")
}

// TestAddRepository checks that added repositories and images are in the lists at once, and that
// later scans add to them.
func TestAddRepository(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	c, in := srv.Client(), srv.Control()
	registry := newRegistry(t, c, "https://r.example.com")
	for _, tt := range []struct {
		add, want control.ScenarioRepository
	}{
		{control.ScenarioRepository{RepoName: "team/none"}, control.ScenarioRepository{RepoName: "team/none"}},
		{control.ScenarioRepository{RepoName: "team/app", Images: []control.ScenarioImages{{Tag: "v{n}", Count: 4}}}, control.ScenarioRepository{RepoName: "team/app", TotalImages: 4, TotalScannedImages: 4}},
		{control.ScenarioRepository{RepoName: "team/app", Images: []control.ScenarioImages{{Tag: "v4"}, {Tag: "w"}}}, control.ScenarioRepository{RepoName: "team/app", TotalImages: 5, TotalScannedImages: 5}},
		{control.ScenarioRepository{RepoName: "team/app", TotalImages: 90}, control.ScenarioRepository{RepoName: "team/app", TotalImages: 90}},
	} {
		got := must(in.AddRepository(t.Context(), registry, tt.add))(t)
		if tt.want.TotalVulnerableImages = got.TotalVulnerableImages; !cmp.Equal(got, tt.want) {
			t.Errorf("%+v: got %+v", tt.add, got)
		}
	}
	newSchedule(t, c, registry, "scan") // of team/app
	srv.Advance(time.Hour)
	r := must(c.DescribeRegistry(t.Context(), registry))(t)
	images := len(all(t, c.ListImages(t.Context(), client.List{})))
	if r.RepoCount != 2 || images != r.TotalImages || images <= 5 {
		t.Errorf("got %+v and %d images, want two repositories and all images counted", r, images)
	}
	if _, err := in.AddRepository(t.Context(), "nosuch", control.ScenarioRepository{RepoName: "x"}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// TestAdvanceListsAllEvents checks that the response has all moves, even while the background work
// runs.
func TestAdvanceListsAllEvents(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	registry := newRegistry(t, srv.Client(), "https://r.example.com")
	for i := range 30 {
		newSchedule(t, srv.Client(), registry, fmt.Sprint(i)) // does not wake the runner, but the advance does
		got := must(srv.Control().Advance(t.Context(), time.Hour))(t)
		if len(got.Events) != 4 || got.Events[3].To != "Finished" {
			t.Fatalf("%d: got %+v, want all four moves up to Finished", i, got.Events)
		}
		must(srv.Client().CancelSchedules(t.Context(), registry, client.All()))(t) // wakes the runner
	}
}
