package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestScheduleLifeCycle(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	r := newRegistry(t, c, "https://r.example.com")
	id := newSchedule(t, c, r, "ECR/app") // names have slashes and are not unique (observed)
	newSchedule(t, c, r, "ECR/app")
	srv.Advance(server.DefaultPace.Created + server.DefaultPace.Queued)
	if diff := cmp.Diff(map[string]int{"Running": 2}, statuses(t, c, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := c.DeleteSchedule(t.Context(), r, id); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("delete while running: got %v, want ErrInvalid", err)
	}
	if err := c.CancelSchedule(t.Context(), r, id); err != nil {
		t.Fatal(err)
	}
	if err := c.CancelSchedule(t.Context(), r, id); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("cancel again: got %v, want ErrInvalid", err)
	}
	srv.Advance(server.DefaultPace.Listing + server.DefaultPace.Scanning)
	if diff := cmp.Diff(map[string]int{"Canceled": 1, "Finished": 1}, statuses(t, c, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := c.DeleteSchedule(t.Context(), r, id); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteSchedule(t.Context(), r, id); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("delete again: got %v, want ErrNotFound", err)
	}
	if diff := cmp.Diff(map[string]int{"Finished": 1}, statuses(t, c, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScheduleBodiesOfIntegrations(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	target := base + "/" + newRegistry(t, srv.Client(), "https://r.example.com") + "/schedule"
	for i, body := range []string{
		`{"filters":[{"repoTags":[{"repo":"app","tag":".*"}],"days":null}],"name":"ECR-app-20260704120000","onDemand":true,"schedule":"00:00","forceScan":true,"registryType":"AWS"}`,
		`{"filters":[{"days":null,"repoTags":[{"repo":"b1x-runner","tag":null}]}],"name":"Automatic Scan Schedule","onDemand":false,"schedule":"07:00"}`,
		`{"filters":[{"days":14,"repoTags":[{"repo":"a","tag":"v1,v2"},{"repo":"b"}]}],"name":"x","onDemand":true,"forceScan":false,"registryType":"ACR","unknown":{"fields":"are ignored"}}`,
	} {
		created := post(t, srv, target, body).want(t, http.StatusOK)
		id := field(t, created, "scheduleUuid")
		if created != fmt.Sprintf(`{"scheduleId":%q,"scheduleUuid":%q}`, id, id) {
			t.Errorf("got %s, want the id under both names", created)
		}
		list := get(t, srv, target+"?filter=scheduleUuid:"+id).want(t, http.StatusOK)
		for _, want := range [][]string{{`"days":null`, `"tag":".*"`, `"forceScan":true`}, {`"days":null`, `"tag":null`, `"onDemand":false`, `"schedule":"07:00"`}, {`"days":14`, `{"repo":"b"}`, `"registryType":"Azure"`}}[i] {
			if !strings.Contains(list, want) {
				t.Errorf("got %s, want it to contain %s", list, want)
			}
		}
	}
}

func TestInvalidScheduleBodies(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	target := base + "/" + newRegistry(t, srv.Client(), "https://r.example.com") + "/schedule"
	const filters = `"filters":[{"repoTags":[{"repo":"a"}]}]`
	for body, detail := range map[string]string{
		`{}`:                              `property "filters" is missing`,
		`{"filters":[]}`:                  "minimum number of items is 1",
		`{"filters":[{"repoTags":[]}]}`:   "minimum number of items is 1",
		`{"filters":[{"repoTags":[{}]}]}`: `property "repo" is missing`,
		`{"filters":[{"days":8,"repoTags":[{"repo":"a"}]}]}`:          "body at /filters/0/days: is excluded",
		`{"filters":[{"days":15,"repoTags":[{"repo":"a"}]}]}`:         "at most 14",
		`{` + filters + `,"schedule":"24:00"}`:                        "regular expression",
		`{` + filters + `,"schedule":"7:00"}`:                         "regular expression",
		`{` + filters + `,"scheduleScanIntervalInDays":366}`:          "at most 365",
		`{` + filters + `,"scheduleScanIntervalInDays":0}`:            "at least 1",
		`{` + filters + `,"weekDay":"Monday"}`:                        "allowed values",
		`{` + filters + `,"onDemand":"true"}`:                         "boolean",
		`{` + filters + `,"onDemand":false}`:                          "rule interval-needed",
		`{` + filters + `,"schedule":"10:00","weekDay":"MONDAY"}`:     "rule week-day-interval",
		`{` + filters + `,"name":"a","name":"b"}`:                     "rule duplicate-key",
		`{` + filters + `,"name":"a\u0000b"}`:                         "rule nul-byte",
		`{"filters":[{"repoTags":[{"repo":"a","Tag":"x"}]}]}`:         `body at /filters/0/repoTags/0: key "Tag" must be written "tag"`,
		`{` + filters + `,"name":"` + strings.Repeat("x", 513) + `"}`: "maximum string length is 512",
	} {
		post(t, srv, target, body).refused(t, http.StatusBadRequest, detail)
	}
	post(t, srv, base+"/nosuch/schedule", `{`+filters+`}`).refused(t, http.StatusNotFound, "registry: not found")
}

func TestUnexpectedBodies(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	target := base + "/" + sampleRegistry + "/schedule"
	for _, call := range []request{ // what generated Python clients send (observed)
		{method: "GET", target: target, contentType: "application/json"},
		{method: "POST", target: target + "/5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a02/cancel", contentType: "application/json", body: "{}"},
		{method: "DELETE", target: target + "/5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a02", contentType: "application/json", body: "{}"},
		{method: "POST", target: target + "/cancel?filter=status%3ARunning", contentType: "application/json", body: " {} "},
		{method: "DELETE", target: target, contentType: "application/json", body: `["5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a03"]`},
		{method: "DELETE", target: target + "/", contentType: "application/json", body: `{"scheduleIds":["5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a04"]}`},
	} {
		send(t, srv, call).want(t, http.StatusOK)
	}
	srv.Settle()
	send(t, srv, request{method: "DELETE", target: target, contentType: "application/json", body: `{}`}).refused(t, http.StatusBadRequest, "rule no-selection")
	send(t, srv, request{method: "DELETE", target: target, contentType: "application/json", body: `null`}).refused(t, http.StatusBadRequest, "")
	send(t, srv, request{method: "POST", target: target + "/x/cancel", contentType: "application/json", body: `{"a":1}`}).refused(t, http.StatusBadRequest, "rule unexpected-body")
	if n := statuses(t, srv.Client(), sampleRegistry)["Finished"]; n != 1 {
		t.Errorf("got %d Finished, want the one that was not selected", n)
	}
}

// TestSchedulesOfADeletedRegistry checks that no call finds them, even before the job has deleted them.
func TestSchedulesOfADeletedRegistry(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	const registry, schedule = "8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb", "8a3e9a8d-68da-4d37-9b3b-7c4dbb3fad01"
	if _, err := srv.Client().DeleteRegistry(t.Context(), registry); err != nil {
		t.Fatal(err)
	}
	target := base + "/" + registry + "/schedule"
	for _, call := range []request{
		{method: "GET", target: target},
		{method: "DELETE", target: target + "/" + schedule},
		{method: "POST", target: target + "/" + schedule + "/cancel"},
		{method: "PUT", target: target + "/" + schedule, contentType: "application/json", body: `{"filters":[{"repoTags":[{"repo":"web"}]}],"schedule":"10:00"}`},
		{method: "POST", target: target, contentType: "application/json", body: `{"filters":[{"repoTags":[{"repo":"web"}]}]}`},
		{method: "POST", target: target + "/cancel?filter=scheduleUuid%3A%2A"},
	} {
		send(t, srv, call).refused(t, http.StatusNotFound, "registry: not found")
	}
}

// TestUpdateKeepsAbsentFields checks that an update does not change the fields that its body lacks.
func TestUpdateKeepsAbsentFields(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	target := base + "/" + newRegistry(t, srv.Client(), "https://r.example.com") + "/schedule"
	const filters = `"filters":[{"repoTags":[{"repo":"a"}]}]`
	id := field(t, post(t, srv, target, `{`+filters+`,"onDemand":false,"scheduleScanIntervalInDays":7,"schedule":"19:30","name":"n"}`).want(t, http.StatusOK), "scheduleUuid")
	srv.Advance(48 * time.Hour)
	for body, want := range map[string]string{
		`{` + filters + `,"onDemand":false,"schedule":"20:00"}`: `"schedule":"20:00","scheduleScanIntervalInDays":7,`,
		// the day of creation, not of the update
		`{` + filters + `,"onDemand":false,"scheduleScanIntervalInDays":7}`:    `"weekDay":"FRIDAY"`,
		`{` + filters + `,"onDemand":false,"name":"other","forceScan":true}`:   `"name":"other"`,
		`{` + filters + `,"onDemand":false,"weekDay":"MONDAY","schedule":"1"}`: "",
	} {
		got := send(t, srv, request{method: "PUT", target: target + "/" + id, contentType: "application/json", body: body})
		if want == "" {
			got.refused(t, http.StatusBadRequest, "regular expression")
			continue
		}
		got.want(t, http.StatusOK)
		if list := get(t, srv, target).want(t, http.StatusOK); !strings.Contains(list, want) {
			t.Errorf("%s: got %s, want it to contain %s", body, list, want)
		}
	}
}

func TestLiteralPathsWinOverIDs(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	target := base + "/" + sampleRegistry + "/schedule"
	send(t, srv, request{method: "DELETE", target: target + "/bulk"}).refused(t, http.StatusBadRequest, "rule no-selection")
	send(t, srv, request{method: "POST", target: target + "/cancel"}).refused(t, http.StatusBadRequest, "rule no-selection")
	send(t, srv, request{method: "DELETE", target: target + "/bulky"}).refused(t, http.StatusNotFound, "schedule: not found")
	send(t, srv, request{method: "DELETE", target: target + "/b%75lk"}).refused(t, http.StatusBadRequest, "rule no-selection")
}

func TestListsOfSchedules(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	target := base + "/" + sampleRegistry + "/schedule"
	for filter, want := range map[string]int{
		"":                               8,
		"status:Running":                 2,
		"status:running":                 2,
		"status:[Running,Finished]":      4,
		"NOT status:Running":             6,
		"repo:team/db":                   3,
		"repo:team/db AND tag:.*":        3,
		`name:"team" AND onDemand:true`:  8,
		"scheduleUuid:5d0b6d5a*":         6,
		`scheduleUuid:"5d0b6d5a"`:        6,
		"jobCompletionDate:*":            3,
		"created:[now-1h ... now]":       8,
		"created>now":                    0,
		"created:2026-01-02":             8,
		"forceScan:true":                 0,
		"filters.repoTags:(repo:team/*)": 8,
	} {
		body := get(t, srv, target+"?pageSize=1&filter="+strings.NewReplacer(" ", "%20", `"`, "%22", "[", "%5B", "]", "%5D").Replace(filter)).want(t, http.StatusOK)
		if !strings.Contains(body, fmt.Sprintf(`"count":%d,`, want)) {
			t.Errorf("%s: got %.40s, want count %d", filter, body, want)
		}
	}
	if body := get(t, srv, target+"?filter=status:Nothing").want(t, http.StatusOK); body != `{"count":0,"data":[]}` {
		t.Errorf("got %s, want an empty page", body)
	}
	if body := get(t, srv, target+"?pageNumber=2000000&pageSize=1000").want(t, http.StatusOK); body != `{"count":8,"data":[]}` {
		t.Errorf("got %s, want an empty page after the last one", body)
	}
}

// TestQuotesInBulkFilters checks that double quotes, which mean "contains" in a list, mean equality in
// bulk calls.
func TestQuotesInBulkFilters(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	for filter, want := range map[string]int{"name:%22scan%22": 0, "scheduleUuid:%225d0b6d5a%22": 0, "name:%22scan%20team/db%22": 2, "scheduleUuid:5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a04*": 1} {
		body := send(t, srv, request{method: "DELETE", target: base + "/" + sampleRegistry + "/schedule/bulk?filter=" + filter}).want(t, http.StatusOK)
		if job := jobState(t, srv, field(t, body, "deletionJobId")); job.Changed != want {
			t.Errorf("%s: got %+v, want %d deleted", filter, job, want)
		}
	}
	send(t, srv, request{method: "DELETE", target: base + "/" + sampleRegistry + "/schedule/bulk?filter=nosuch:x"}).refused(t, http.StatusBadRequest, "rule filter-token")
}

func TestWorldsAreSeparate(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Worlds = []server.World{{Name: "one", Plan: "Full"}, {Name: "two", Plan: "Free"}}
		o.Users = append(o.Users, server.User{Name: "other", Password: "p", World: "two"})
	}))
	one := srv.Client()
	two, err := client.New(client.WithBaseURL(srv.URL), client.WithHTTPClient(srv.HTTP()), client.WithCredentials("other", "p"), client.WithClock(srv.Now))
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range two.ListRegistries(t.Context(), client.List{}) {
		t.Errorf("the other world gets %v, %v", r, err)
	}
	if _, err := two.CancelSchedules(t.Context(), sampleRegistry, client.All()); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("cancel in the other world: got %v, want ErrNotFound", err)
	}
	job, err := two.DeleteRegistries(t.Context(), sampleRegistry)
	if err != nil {
		t.Fatal(err)
	}
	srv.Settle()
	if states, err := job.States(t.Context()); err != nil || states[0].Skipped["NotFound"] != 1 {
		t.Errorf("got %+v, %v, want the id not found", states, err)
	}
	if _, err := one.DescribeRegistry(t.Context(), sampleRegistry); err != nil {
		t.Errorf("the registry of the first world: %v", err)
	}
	own, err := one.CancelSchedules(t.Context(), sampleRegistry, client.All())
	if err != nil {
		t.Fatal(err)
	}
	other := send(t, srv, request{method: "GET", target: "/_qcs/jobs/" + own.IDs[0], token: "Bearer " + login(t, srv, "other", "p").want(t, http.StatusCreated)})
	other.refused(t, http.StatusNotFound, "job: not found")
	if newRegistry(t, two, "https://registry.example.com") == "" {
		t.Error("the address of a registry in another world cannot be used")
	}
}

// TestConcurrentCalls checks that concurrent writers and readers on a file, during background work, lose
// no write and read no intermediate state.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithOptions(func(o *server.Options) { o.Data = t.TempDir() }))
	c := srv.Client()
	r := newRegistry(t, c, "https://r.example.com")
	const writers, each = 8, 10
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				id := newSchedule(t, c, r, fmt.Sprint(w, i))
				if i%2 == 0 {
					if _, err := c.CancelSchedules(t.Context(), r, client.IDs(id)); err != nil {
						t.Error(err)
					}
				}
			}
		})
		group.Go(func() {
			for range each {
				n := 0
				for _, count := range statuses(t, c, r) {
					n += count
				}
				if n > writers*each {
					t.Errorf("got %d schedules", n)
				}
			}
		})
	}
	group.Wait()
	srv.Settle()
	if diff := cmp.Diff(map[string]int{"Created": writers * each / 2, "Canceled": writers * each / 2}, statuses(t, c, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	srv.Advance(time.Hour)
	if diff := cmp.Diff(map[string]int{"Finished": writers * each / 2, "Canceled": writers * each / 2}, statuses(t, c, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLongQueryLines sends as many ids of schedules, and of registries, as fit in a query of 64 KiB.
func TestLongQueryLines(t *testing.T) {
	t.Parallel()
	const line = 64 << 10
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	schedules, registries := line/len("scheduleIds=00000000-0000-0000-0000-000000000000&"), line/len("registryIds=00000000-0000-0000-0000-000000000000&")
	scenario := control.Scenario{Registries: []control.ScenarioRegistry{
		{RegistryUUID: "r", RegistryURI: "https://r.example.com", Schedules: []control.ScenarioSchedules{{Name: "s{n}", Count: schedules + 1, Status: "Queued"}}},
	}}
	for i := range registries {
		scenario.Registries = append(scenario.Registries, control.ScenarioRegistry{RegistryURI: fmt.Sprintf("https://%d.example.com", i)})
	}
	if err := srv.Control().ResetWorld(t.Context(), "default", control.WorldReset{Scenario: scenario}); err != nil {
		t.Fatal(err)
	}
	named := url.Values{}
	for s, err := range c.ListSchedules(t.Context(), "r", client.List{Limit: schedules}) {
		if err != nil {
			t.Fatal(err)
		}
		named.Add("scheduleIds", s.ScheduleUUID)
	}
	post(t, srv, base+"/r/schedule/cancel?"+named.Encode(), "").want(t, http.StatusOK)
	srv.Settle()
	if diff := cmp.Diff(map[string]int{"Canceled": schedules, "Queued": 1}, statuses(t, c, "r")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	send(t, srv, request{method: http.MethodDelete, target: base + "/r/schedule/bulk?" + named.Encode()}).want(t, http.StatusOK)
	srv.Settle()
	if diff := cmp.Diff(map[string]int{"Queued": 1}, statuses(t, c, "r")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	named = url.Values{}
	for r, err := range c.ListRegistries(t.Context(), client.List{Filter: "not registryUuid:r"}) {
		if err != nil {
			t.Fatal(err)
		}
		named.Add("registryIds", r.RegistryUUID)
	}
	if len(named["registryIds"]) != registries {
		t.Fatalf("got %d registries, want %d", len(named["registryIds"]), registries)
	}
	send(t, srv, request{method: http.MethodDelete, target: base + "?" + named.Encode()}).want(t, http.StatusOK)
	srv.Settle()
	for r, err := range c.ListRegistries(t.Context(), client.List{}) {
		if err != nil || r.RegistryUUID != "r" {
			t.Errorf("got %s, %v", r.RegistryUUID, err)
		}
	}
}
