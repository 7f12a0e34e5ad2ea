package server_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// admin returns the client of the operator of an emulator.
func admin(srv *servertest.Server) *emulator.Client { return emulator.New(srv.URL, "", srv.HTTP()) }

func TestWorlds(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	ctx, a := t.Context(), admin(srv)
	w := must(a.CreateWorld(ctx, control.WorldRequest{Name: "nightly", Plan: control.PlanTrial, Seed: "release-notes", Users: []control.UserRequest{{Name: "boss"}, {Name: "guest", Role: control.RoleReader, Password: "given"}}}))(t)
	if len(w.Users) != 2 || len(w.Users[0].Password) != 32 || w.Users[1].Password != "given" || w.Users[0].Token == "" || w.Plan != control.PlanTrial {
		t.Errorf("got %+v", w)
	}
	sdk := must(a.SDK(w))(t)
	if n := len(all(t, sdk.ListRegistries(ctx, client.List{}))); n != 6 {
		t.Errorf("got %d registries of the seed, want 6", n)
	}
	login(t, srv, "guest", "given").want(t, http.StatusCreated)
	must(sdk.DeleteRegistries(ctx, "95b715e0-0fc7-4dac-b4de-2e1b92fc527d"))(t)
	srv.Settle()
	if first, second := len(all(t, srv.Client().ListRegistries(ctx, client.List{}))), len(all(t, sdk.ListRegistries(ctx, client.List{}))); first != 6 || second != 5 {
		t.Errorf("got %d and %d registries, want 6 in the first world and 5 in the second", first, second)
	}

	copied := must(a.CloneWorld(ctx, "nightly", control.WorldRequest{}))(t)
	if copied.Plan != control.PlanTrial || len(copied.Users) != 1 || copied.Name == "" {
		t.Errorf("got %+v", copied)
	}
	other := must(a.SDK(copied))(t)
	must(other.DeleteRegistries(ctx, "8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb"))(t)
	srv.Settle()
	if here, there := len(all(t, sdk.ListRegistries(ctx, client.List{}))), len(all(t, other.ListRegistries(ctx, client.List{}))); here != 5 || there != 4 {
		t.Errorf("got %d and %d registries, want 5 in the original and 4 in the copy", here, there)
	}

	if _, err := a.UpdateWorld(ctx, "nightly", control.WorldUpdate{Plan: control.PlanFree, Users: []control.UserRole{{Name: "boss", Role: control.RoleReader}}}); err != nil {
		t.Fatal(err)
	}
	for _, err := range sdk.ListReports(ctx, client.List{}) {
		if !errors.Is(err, client.ErrConflict) {
			t.Errorf("reports on the Free plan: got %v", err)
		}
	}
	if _, err := sdk.DeleteRegistry(ctx, "x"); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("a reader deletes: got %v", err)
	}
	if err := a.ResetWorld(ctx, "nightly", control.WorldReset{}); err != nil {
		t.Fatal(err)
	}
	if n := len(all(t, sdk.ListRegistries(ctx, client.List{}))); n != 0 {
		t.Errorf("after a reset: got %d registries", n)
	}
	var names []string
	for _, w := range must(a.ListWorlds(ctx))(t) {
		names = append(names, fmt.Sprintf("%v %s %d", w.Name == copied.Name, w.Plan, len(w.Users)))
		if w.Users[0].Password != "" || w.Users[0].Token != "" {
			t.Error("a list shows secrets")
		}
	}
	if diff := cmp.Diff([]string{"false Full 1", "false Free 2", "true Trial 1"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := a.DropWorld(ctx, "nightly"); err != nil {
		t.Fatal(err)
	}
	login(t, srv, "guest", "given").want(t, http.StatusUnauthorized)
	for _, err := range sdk.ListRegistries(ctx, client.List{}) {
		if !errors.Is(err, client.ErrUnauthorized) {
			t.Errorf("after the world was dropped: got %v", err)
		}
	}
	for name, err := range map[string]error{
		"drop again":             a.DropWorld(ctx, "nightly"),
		"reset a dropped world":  a.ResetWorld(ctx, "nightly", control.WorldReset{}),
		"expire a dropped world": a.ExpireTokens(ctx, "nightly"),
		"clone a dropped world":  second(a.CloneWorld(ctx, "nightly", control.WorldRequest{})),
		"update a dropped world": second(a.UpdateWorld(ctx, "nightly", control.WorldUpdate{})),
		"an unknown user":        second(a.UpdateWorld(ctx, "default", control.WorldUpdate{Users: []control.UserRole{{Name: "nobody", Role: control.RoleReader}}})),
	} {
		if !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
	for name, err := range map[string]error{
		"the name of a world is taken":  second(a.CreateWorld(ctx, control.WorldRequest{Name: "default"})),
		"the name of a user is taken":   second(a.CreateWorld(ctx, control.WorldRequest{Users: []control.UserRequest{{Name: servertest.User}}})),
		"an unknown seed":               second(a.CreateWorld(ctx, control.WorldRequest{Name: "x", Seed: "nosuch"})),
		"the world of the start":        a.DropWorld(ctx, "default"),
		"a name that could be a path":   second(a.CreateWorld(ctx, control.WorldRequest{Name: "a/b"})),
		"the folder itself":             second(a.CreateWorld(ctx, control.WorldRequest{Name: "."})),
		"the folder above":              second(a.CreateWorld(ctx, control.WorldRequest{Name: ".."})),
		"a reset with an unknown seed":  a.ResetWorld(ctx, "default", control.WorldReset{Seed: "nosuch"}),
		"a user twice in the same call": second(a.CreateWorld(ctx, control.WorldRequest{Users: []control.UserRequest{{Name: "u"}, {Name: "u"}}})),
	} {
		if !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if n := len(must(a.ListWorlds(ctx))(t)); n != 2 {
		t.Errorf("got %d worlds, want 2: a refused call must not create one", n)
	}
}

func second[T any](_ T, err error) error { return err }

// TestPagesOfWorlds checks that the pages together are the whole list, with the same users, and that a
// page beyond the last one is empty.
func TestPagesOfWorlds(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	ctx, a := t.Context(), admin(srv)
	for i := range 6 {
		must(a.CreateWorld(ctx, control.WorldRequest{Name: fmt.Sprint("w", 9-i), Users: []control.UserRequest{{Name: fmt.Sprint("b", i)}, {Name: fmt.Sprint("a", i), Role: control.RoleReader}}}))(t)
	}
	whole := must(a.ListWorlds(ctx))(t)
	if len(whole) != 7 || len(whole[0].Users) != 1 || len(whole[6].Users) != 2 {
		t.Fatalf("got %+v", whole)
	}
	var paged []control.World
	for number := 1; number <= 3; number++ {
		page := must(a.ListWorldsPage(ctx, control.ListWorldsParams{PageNumber: &number, PageSize: new(3)}))(t)
		paged = append(paged, page...)
	}
	if diff := cmp.Diff(whole, paged); diff != "" {
		t.Errorf("(-whole +pages):\n%s", diff)
	}
	for name, tt := range map[string]struct {
		page control.ListWorldsParams
		want []control.World
	}{
		"size only":           {control.ListWorldsParams{PageSize: new(2)}, whole[:2]},
		"number only":         {control.ListWorldsParams{PageNumber: new(1)}, whole},
		"after the last page": {control.ListWorldsParams{PageNumber: new(9), PageSize: new(3)}, []control.World{}},
	} {
		if diff := cmp.Diff(tt.want, must(a.ListWorldsPage(ctx, tt.page))(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, query := range []string{"?pageSize=0", "?pageSize=1001", "?pageNumber=0", "?pageNumber=x"} {
		get(t, srv, "/_qcs/worlds"+query).want(t, http.StatusBadRequest)
	}
}

// BenchmarkWorldsPage lists 50 of 3,000 worlds, and all of them.
func BenchmarkWorldsPage(b *testing.B) {
	srv := newServer(b, servertest.WithoutRunner(), servertest.WithPort())
	a := admin(srv)
	for range 3000 {
		if _, err := a.CreateWorld(b.Context(), control.WorldRequest{}); err != nil {
			b.Fatal(err)
		}
	}
	for name, page := range map[string]control.ListWorldsParams{"3000-worlds/page-of-50": {PageNumber: new(30), PageSize: new(50)}, "3000-worlds/all": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := a.ListWorldsPage(b.Context(), page); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestWorldsSurviveARestart checks that worlds from calls exist after a restart, with users and data.
func TestWorldsSurviveARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	options := server.Options{Data: folder, Users: []server.User{{Name: "u", Password: "p"}}}
	start := func() (*server.Server, *emulator.Client) {
		s, err := server.New(options)
		if err != nil {
			t.Fatal(err)
		}
		return s, emulator.New("http://qcs.test", "", servertest.Over(s))
	}
	s, a := start()
	w := must(a.CreateWorld(t.Context(), control.WorldRequest{Name: "kept", Seed: "release-notes"}))(t)
	s.Close()
	s, a = start()
	defer s.Close()
	if n := len(all(t, must(a.SDK(w))(t).ListRegistries(t.Context(), client.List{}))); n != 6 {
		t.Errorf("got %d registries, want 6", n)
	}
}

// TestAccessToWorlds checks who may call operations on worlds: on loopback any process of the machine,
// otherwise callers with the control token, and no page of another site.
func TestAccessToWorlds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*server.Options)
		header map[string]string
		host   string
		status int
	}{
		{"on loopback, without a token", func(o *server.Options) { o.ControlHosts = []string{"qcs.test"} }, nil, "", http.StatusOK},
		{"with a port in the host", func(o *server.Options) { o.ControlHosts = []string{"127.0.0.1"} }, nil, "127.0.0.1:8080", http.StatusOK},
		{"in capitals and with a dot", func(o *server.Options) { o.ControlHosts = []string{"localhost"} }, nil, "LOCALHOST.:8080", http.StatusOK},
		{"an IPv6 address", func(o *server.Options) { o.ControlHosts = []string{"::1"} }, nil, "[::1]:8080", http.StatusOK},
		{"a page of its own, in capitals", func(o *server.Options) { o.ControlHosts = []string{"localhost"} }, map[string]string{"Origin": "http://localhost:8080"}, "LOCALHOST:8080", http.StatusOK},
		{"another host", func(o *server.Options) { o.ControlHosts = []string{"127.0.0.1"} }, nil, "evil.example.com", http.StatusForbidden},
		{"a page of another site", func(*server.Options) {}, map[string]string{"Origin": "https://evil.example.com"}, "", http.StatusForbidden},
		{"a page of another site, in another way", func(*server.Options) {}, map[string]string{"Sec-Fetch-Site": "cross-site"}, "", http.StatusForbidden},
		{"a page without an origin", func(*server.Options) {}, map[string]string{"Origin": "null"}, "", http.StatusForbidden},
		{"a page of a file", func(*server.Options) {}, map[string]string{"Origin": "file://"}, "", http.StatusForbidden},
		{"an origin that is no URL", func(*server.Options) {}, map[string]string{"Origin": "nonsense"}, "", http.StatusForbidden},
		{"an empty origin", func(*server.Options) {}, map[string]string{"Origin": ""}, "", http.StatusForbidden},
		{"a page of the same site", func(*server.Options) {}, map[string]string{"Sec-Fetch-Site": "same-site"}, "", http.StatusForbidden},
		{"typed by a user", func(*server.Options) {}, map[string]string{"Sec-Fetch-Site": "none"}, "", http.StatusOK},
		{"forwarded by a proxy", func(*server.Options) {}, map[string]string{"X-Forwarded-For": "192.0.2.7"}, "", http.StatusForbidden},
		{"forwarded by a proxy, by the standard", func(*server.Options) {}, map[string]string{"Forwarded": "for=192.0.2.7"}, "", http.StatusForbidden},
		{"forwarded by a proxy, with the token", func(o *server.Options) { o.ControlToken = "secret" }, map[string]string{"X-Real-IP": "192.0.2.7", "Authorization": "Bearer secret"}, "", http.StatusOK},
		{"a page of its own", func(*server.Options) {}, map[string]string{"Origin": "http://qcs.test"}, "", http.StatusOK},
		{"reachable for other machines, without a token", func(o *server.Options) { o.ControlClosed = true }, nil, "", http.StatusForbidden},
		{"a token is needed", func(o *server.Options) { o.ControlToken = "secret" }, nil, "", http.StatusUnauthorized},
		{"a wrong token", func(o *server.Options) { o.ControlToken = "secret" }, map[string]string{"Authorization": "Bearer wrong"}, "", http.StatusUnauthorized},
		{"the right token", func(o *server.Options) { o.ControlToken, o.ControlClosed = "secret", true }, map[string]string{"Authorization": "Bearer secret"}, "", http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(tt.change))
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/_qcs/worlds", nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.URL.Host = "qcs.test"; tt.host != "" {
				r.URL.Host = tt.host
			}
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			response, err := srv.HTTP().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != tt.status {
				t.Errorf("got %d %s, want %d", response.StatusCode, response.Header.Get("X-QCS-Detail"), tt.status)
			}
		})
	}
}

// TestTokensExpireOnDemand checks that old tokens are refused as expired, and that new tokens and those
// of other worlds are valid.
func TestTokensExpireOnDemand(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	a := admin(srv)
	w := must(a.CreateWorld(t.Context(), control.WorldRequest{}))(t)
	old, own := "Bearer "+w.Users[0].Token, "Bearer "+srv.Token()
	if err := a.ExpireTokens(t.Context(), w.Name); err != nil {
		t.Fatal(err)
	}
	send(t, srv, request{method: http.MethodGet, target: base, token: old}).refused(t, http.StatusUnauthorized, "expired")
	send(t, srv, request{method: http.MethodGet, target: base, token: own}).want(t, http.StatusOK)
	fresh := "Bearer " + login(t, srv, w.Users[0].Name, w.Users[0].Password).want(t, http.StatusCreated)
	send(t, srv, request{method: http.MethodGet, target: base, token: fresh}).want(t, http.StatusOK)
}

// TestParallelWorlds runs 500 tests on one server, each in its own world, and checks that they do not
// affect each other.
// TestNamesOfWorlds checks that the configuration and the control API accept the same names.
func TestNamesOfWorlds(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for name, valid := range map[string]bool{
		"a": true, "a.b-c_D9": true, "_": true, "-": true, "..a": true, ".": false, "..": false, "a/b": false, "a b": false, "é": false,
		strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
	} {
		_, err := admin(srv).CreateWorld(t.Context(), control.WorldRequest{Name: name})
		if (err == nil) != valid {
			t.Errorf("%q in the control API: got %v", name, err)
		}
		s, err := server.New(server.Options{Worlds: []server.World{{Name: name, Plan: "Full"}}})
		if (err == nil) != valid {
			t.Errorf("%q in the configuration: got %v", name, err)
		}
		if err == nil {
			_ = s.Close()
		}
	}
}

// TestTokensOfDeletedWorlds checks that a token of a deleted world opens neither a later world of the same
// name nor another world with a user of the same name.
func TestTokensOfDeletedWorlds(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	ctx, a := t.Context(), admin(srv)
	user := []control.UserRequest{{Name: "joe"}}
	old := must(a.CreateWorld(ctx, control.WorldRequest{Name: "nightly", Users: user}))(t)
	token := "Bearer " + old.Users[0].Token
	send(t, srv, request{method: http.MethodGet, target: base, token: token}).want(t, http.StatusOK)
	for _, name := range []string{"nightly", "other"} {
		must[any](nil, a.DropWorld(ctx, old.Name))(t)
		old = must(a.CreateWorld(ctx, control.WorldRequest{Name: name, Users: user}))(t)
		for _, target := range []string{base, "/_qcs/clock"} {
			send(t, srv, request{method: http.MethodGet, target: target, token: token}).refused(t, http.StatusUnauthorized, "another world")
		}
	}
}

func TestParallelWorlds(t *testing.T) {
	t.Parallel()
	const worlds = 500
	srv := newServer(t)
	var group sync.WaitGroup
	places := make(chan struct{}, 16)
	for i := range worlds {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if err := useWorld(t, srv, i); err != nil {
				t.Errorf("world %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if n := len(must(admin(srv).ListWorlds(t.Context()))(t)); n != 1 {
		t.Errorf("got %d worlds in the end, want the initial one", n)
	}
}

// useWorld creates a world, makes calls that depend on its number, checks the results and drops the
// world.
func useWorld(t *testing.T, srv *servertest.Server, number int) error {
	ctx, a := t.Context(), admin(srv)
	random := rand.New(rand.NewPCG(uint64(number), 1))
	w, err := a.CreateWorld(ctx, control.WorldRequest{})
	if err != nil {
		return err
	}
	in := a.In(w)
	sdk, err := a.SDK(w, client.WithRetry(client.RetryPolicy{Attempts: 1}), client.WithClock(srv.Now))
	if err != nil {
		return err
	}
	registry, err := sdk.CreateRegistry(ctx, registryRequest(fmt.Sprintf("https://r%d.example.com", number)))
	if err != nil {
		return err
	}
	schedules := 1 + random.IntN(5)
	for i := range schedules {
		if _, err := sdk.CreateSchedule(ctx, registry, scan(fmt.Sprintf("%d-%d", number, i), "team/app")); err != nil {
			return err
		}
	}
	if _, err := in.SetClock(ctx, control.ClockSetting{Mode: control.ClockModeFrozen}); err != nil {
		return err
	}
	by := time.Duration(1+random.IntN(3)) * time.Hour
	before, err := in.Clock(ctx)
	if err != nil {
		return err
	}
	after, err := in.Advance(ctx, by)
	if err != nil {
		return err
	}
	if got := after.Now.Time().Sub(before.Now.Time()); got != by {
		return fmt.Errorf("the clock advanced by %v, want %v", got, by)
	}
	status := 500 + random.IntN(5)
	if _, err := in.AddFault(ctx, control.FaultRequest{Operation: "DescribeRegistry", When: control.FaultTiming{Nth: 1}, Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: status}}); err != nil {
		return err
	}
	var refused *client.Error
	if _, err := sdk.DescribeRegistry(ctx, registry); !errors.As(err, &refused) || refused.Status != status {
		return fmt.Errorf("got %w, want %d", err, status)
	}
	r, err := sdk.DescribeRegistry(ctx, registry)
	if err != nil || r.ScheduleStatusList["Finished"] != schedules || len(r.ScheduleStatusList) != 1 {
		return fmt.Errorf("got %v, %w, want %d finished", r.ScheduleStatusList, err, schedules)
	}
	calls, err := in.Journal(ctx, "")
	if err != nil || len(calls) != 1+1+schedules+2 { // login, registry, schedules, two reads
		return fmt.Errorf("got %d calls in the journal, %w", len(calls), err)
	}
	return a.DropWorld(ctx, w.Name)
}

// TestOwnerSecretAllowsOnlyReset checks that the secret of the owner allows other processes of the same user to reset the data, and nothing else.
func TestOwnerSecretAllowsOnlyReset(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	srv := newServer(t, servertest.WithSeed("small"), servertest.WithOptions(func(o *server.Options) { o.Data, o.ControlToken = data, "control" }))
	text, err := os.ReadFile(filepath.Join(data, "owner.json"))
	if err != nil {
		t.Fatal(err)
	}
	secret := "Bearer " + field(t, string(text), "secret")
	for target, statuses := range map[string]map[string]int{
		"/_qcs/reset":                {secret: 204, "Bearer control": 204, "Bearer ": 401, "Bearer wrong": 401},
		"/_qcs/worlds/default/reset": {secret: 401, "Bearer control": 204},
		"/_qcs/clock/advance":        {secret: 401},
	} {
		for token, status := range statuses {
			send(t, srv, request{method: http.MethodPost, target: target, token: token}).want(t, status)
		}
	}
}
