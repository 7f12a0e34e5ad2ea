package server_test

import (
	"errors"
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

// TestBuiltInSeeds checks the contents of the built-in seeds.
func TestBuiltInSeeds(t *testing.T) {
	t.Parallel()
	want := map[string]struct{ registries, schedules, statuses, images int }{
		"empty": {0, 0, 0, 0}, "small": {1, 9, 4, 16}, "messy": {3, 315, 14, 3}, "release-notes": {6, 16, 7, 18}, "large": {1, 100_000, 6, 100},
	}
	const big = "large" // too slow for each run of the tests: BenchmarkSeed loads it
	if diff := cmp.Diff(len(want), len(server.Seeds())); diff != "" {
		t.Errorf("got seeds %v", server.Seeds())
	}
	for _, name := range server.Seeds() {
		if name == big {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithSeed(name), servertest.WithoutRunner())
			statuses, schedules, registries := map[string]bool{}, 0, 0
			for _, r := range all(t, srv.Client().ListRegistries(t.Context(), client.List{})) {
				registries++
				for status, n := range r.ScheduleStatusList {
					statuses[status] = true
					schedules += n
				}
				get(t, srv, base+"/"+r.RegistryUUID+"/schedule?pageSize=100").want(t, http.StatusOK)
			}
			images := len(all(t, srv.Client().ListImages(t.Context(), client.List{})))
			if got := struct{ registries, schedules, statuses, images int }{registries, schedules, len(statuses), images}; got != want[name] {
				t.Errorf("got %+v, want %+v", got, want[name])
			}
		})
	}
}

// TestScenario checks that the numbers of schedules follow the shares, that {n} is replaced in texts, and
// that live schedules begin their life cycle.
func TestScenario(t *testing.T) {
	t.Parallel()
	scenario, err := server.ReadScenario([]byte(`
registries:
  - registryUri: https://a.example.com
    registryUuid: a
    repositories:
      - {repoName: team/app, images: [{tag: '1.{n}.0', count: 10}, {version: 1.10.0}, {tag: pinned, digest: 73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac, size: 7, created: '1628504894719'}]}
      - {repoName: team/known, totalImages: 5, totalVulnerableImages: 2, images: [{tag: latest}]}
    schedules:
      - {name: 'scan {n}', repo: 'r{n}', count: 10, statuses: {Finished: 2, Error: 1}}
      - {name: now, live: true}
      - {name: later, live: true, onDemand: false, schedule: "12:00"}
connectors:
  aws: [{arn: 'arn:aws:iam::123456789012:role/r', name: r}]
`))
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Scenario = scenario }))
	c := srv.Client()
	if diff := cmp.Diff(map[string]int{"Finished": 7, "Error": 3, "Created": 1, "BaselineCreated": 1}, statuses(t, c, "a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := get(t, srv, base+"/a/schedule?filter=repo:r7").want(t, http.StatusOK); !strings.Contains(got, `"name":"scan 7"`) {
		t.Errorf("got %s", got)
	}
	got := get(t, srv, base+"/a/repository").want(t, http.StatusOK)
	for _, want := range []string{`{"repoName":"team/app","totalImages":11,"totalScannedImages":11,`, `{"repoName":"team/known","totalImages":5,"totalScannedImages":0,"totalVulnerableImages":2}`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	if got := get(t, srv, "/csapi/v1.3/images/73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac").want(t, http.StatusOK); !strings.Contains(got, `"size":7`) || !strings.Contains(got, `"created":"1628504894719"`) {
		t.Errorf("got %s", got)
	}
	srv.Advance(time.Hour)
	if diff := cmp.Diff(map[string]int{"Finished": 8, "Error": 3, "BaselineCompleted": 1}, statuses(t, c, "a")); diff != "" {
		t.Errorf("an hour later (-want +got):\n%s", diff)
	}
	get(t, srv, base+"/aws/connectors/123456789012").want(t, http.StatusOK)
	w := must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{Scenario: scenario}))(t)
	if got := send(t, srv, request{method: http.MethodGet, target: base + "/a", token: "Bearer " + w.Users[0].Token}).want(t, http.StatusOK); !strings.Contains(got, "https://a.example.com") {
		t.Errorf("got %s", got)
	}
	twice := control.Scenario{Registries: []control.ScenarioRegistry{{RegistryURI: "https://b.example.com", Schedules: []control.ScenarioSchedules{{ScheduleUUID: "s"}, {ScheduleUUID: "s"}}}}}
	if _, err := admin(srv).CreateWorld(t.Context(), control.WorldRequest{Scenario: twice}); !errors.Is(err, client.ErrInvalid) || !strings.Contains(err.Error(), "an id is listed twice") {
		t.Errorf("one id twice: got %v", err)
	}
	if _, err := admin(srv).CreateWorld(t.Context(), control.WorldRequest{Scenario: scenario, Seed: "small"}); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("both: got %v", err)
	}
}

// TestLiveSchedulesStartNow checks that the life cycle of a live schedule begins when the scenario is loaded,
// whatever is listed before it.
func TestLiveSchedulesStartNow(t *testing.T) {
	t.Parallel()
	scenario, err := server.ReadScenario([]byte(`
registries:
  - registryUri: https://a.example.com
    registryUuid: a
    schedules: [{name: old, count: 30, status: Canceled}, {name: fresh, live: true}]
`))
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Scenario = scenario }))
	took := server.DefaultPace.Created + server.DefaultPace.Queued + server.DefaultPace.Listing + server.DefaultPace.Scanning
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{server.DefaultPace.Created - time.Millisecond, "Created"}, {time.Millisecond, "Queued"}, {took - server.DefaultPace.Created - time.Millisecond, "Running"}, {time.Millisecond, "Finished"}} {
		srv.Advance(step.after)
		if got := statuses(t, srv.Client(), "a"); got["Canceled"] != 30 || got[step.want] != 1 {
			t.Errorf("got %v, want one %s", got, step.want)
		}
	}
}

// TestScenarioHasWhatScansFound checks that Finished schedules of a scenario have images, that given totals
// stay, and that a registry with a source has none.
func TestScenarioHasWhatScansFound(t *testing.T) {
	t.Parallel()
	scenario, err := server.ReadScenario([]byte(`
registries:
  - registryUri: https://a.example.com
    registryUuid: a
    repositories: [{repoName: team/given, totalImages: 70}]
    schedules: [{repo: team/given, tag: '1.0'}, {repo: team/counted, tag: '1.0'}, {repo: team/none, tag: '1.0', status: Error}, {repo: 'many-{n}', tag: x, count: 150}]
  - registryUri: https://b.example.com
    schedules: [{repo: team/app, tag: '1.0'}]
`))
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Scenario, o.Sources = scenario, []server.Source{server.Inventory{"https://b.example.com": {}}}
	}))
	totals := map[string]int{}
	for _, r := range all(t, srv.Client().ListRepositories(t.Context(), "a", client.List{})) {
		totals[r.RepoName] = r.TotalImages
	}
	if totals["team/given"] != 70 || totals["team/counted"] != 1 || totals["many-100"] != 1 || len(totals) != 102 {
		t.Errorf("got %v", totals)
	}
	if n := len(all(t, srv.Client().ListImages(t.Context(), client.List{Filter: "repo.registry:b.example.com"}))); n != 0 {
		t.Errorf("got %d images of a registry that a source lists, want 0", n)
	}
}

// TestInvalidScenarios checks that the error has line, place and reason.
func TestInvalidScenarios(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"registries:\n  - registryName: x":                                                      `line 2: /registries/0/registryUri: property "registryUri" is missing`,
		"registries:\n  - registryUri: https://a.example.com\n    registryUrl: x":               `line 2: /registries/0: property "registryUrl" is unsupported`,
		"registries:\n  - registryUri: https://a.example.com\n    schedules:\n      - count: x": `line 4: /registries/0/schedules/0/count: value must be an integer`,
		"registries: 3":     `line 1: /registries: value must be an array`,
		"a: [":              "yaml: ",
		"- a":               "line 1: /: value must be an object",
		"registries:\n- \t": "yaml: ",
	} {
		if _, err := server.ReadScenario([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`[{registryUri: "https://a.example.com", schedules: [{status: Sleeping}]}]`:                                                                                               "there is no status Sleeping",
		`[{registryUri: "https://a.example.com", schedules: [{live: true, status: Running}]}]`:                                                                                    "live schedules have no status",
		`[{registryUri: "https://a.example.com", schedules: [{count: 2, scheduleUuid: x}]}]`:                                                                                      "scheduleUuid is for a single schedule",
		`[{registryUri: "https://a.example.com", schedules: [{statuses: {Finished: 0}}]}]`:                                                                                        "all shares are 0",
		`[{registryUri: "https://a.example.com", repositories: [{repoName: r, images: [{count: 2, digest: 73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac}]}]}]`: "digest is for a single tag",
		`[{registryUri: "https://a.example.com", registryType: Nope}]`:                                                                                                            "there is no registry type Nope",
		`[{registryUri: "https://a.example.com"}, {registryUri: "https://a.example.com"}]`:                                                                                        "is listed twice",
	} {
		scenario, err := server.ReadScenario([]byte("registries: " + text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := server.New(server.Options{Scenario: scenario}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestScenarioOfConnectors checks that a scenario without registries is loaded too, once, and that it is
// refused together with a seed.
func TestScenarioOfConnectors(t *testing.T) {
	t.Parallel()
	scenario, err := server.ReadScenario([]byte("connectors: {aws: [{arn: 'arn:aws:iam::123456789012:role/r'}]}"))
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	for _, run := range []string{"first", "second"} { // the second start finds the data of the first
		t.Run(run, func(t *testing.T) {
			srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.Data, o.Scenario = data, scenario }))
			if got := get(t, srv, base+"/aws/connectors/123456789012").want(t, http.StatusOK); !strings.Contains(got, ":role/r") {
				t.Errorf("got %s", got)
			}
		})
	}
	if _, err := server.New(server.Options{Scenario: scenario, Seed: "small"}); err == nil || !strings.Contains(err.Error(), "not both") {
		t.Errorf("seed and scenario: got %v", err)
	}
}

// BenchmarkSeed loads the built-in seed of 100,000 schedules.
func BenchmarkSeed(b *testing.B) {
	for _, name := range server.Seeds() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				srv, err := server.New(server.Options{Seed: name})
				if err != nil {
					b.Fatal(err)
				}
				if err := srv.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
