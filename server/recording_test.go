package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// moving is a clock that advances with each reading.
type moving struct {
	mu sync.Mutex
	at time.Time
}

func (m *moving) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = m.at.Add(1234567 * time.Nanosecond)
	return m.at
}

// traffic makes random calls of the API and of the control API, valid and invalid ones.
type traffic struct {
	t        *testing.T
	srv      *servertest.Server
	c        *client.Client
	control  *emulator.Client
	random   *rand.Rand
	registry string
}

func (s traffic) run(steps int) {
	ctx := s.t.Context()
	number := func() string { return fmt.Sprint(s.random.IntN(8)) }
	things := []func(){
		func() { _, _ = s.c.CreateRegistry(ctx, registryRequest("https://r"+number()+".example.com")) },
		func() {
			_, _ = s.c.CreateRegistry(ctx, api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: "https://b" + number() + ".example.com", CredentialType: api.CredentialTypeBasicAuth, Credential: api.Credential{Username: "u", Password: "s3cret"}})
		},
		func() { _, _ = s.c.CreateSchedule(ctx, s.registry, scan("scan "+number(), "team/r"+number())) },
		func() { _, _ = s.c.CreateSchedule(ctx, s.registry, scan("scan "+number(), "team/r"+number())) },
		func() { s.send(http.MethodGet, base+"/"+s.registry+"/schedule?sort=name&filter=status:Running", "") },
		func() { s.send(http.MethodGet, base+"/"+s.registry+"/schedule?filter=nosuch:1", "") },
		func() {
			s.send(http.MethodGet, "/csapi/v1.2/registry/"+s.registry+"/schedule/?pageNo=1&pageSize=3", "")
		},
		func() { s.send(http.MethodGet, "/csapi/v1.3/images?pageSize=2", "") },
		func() { s.send(http.MethodGet, base+"/"+s.registry+"/repository", "") },
		func() { _, _ = s.c.CancelSchedules(ctx, s.registry, client.Filter("name:"+number())) },
		func() {
			_, _ = s.c.DeleteSchedules(ctx, s.registry, client.Filter("status:Finished AND name:"+number()))
		},
		func() {
			_, _ = s.c.CreateACRConnector(ctx, api.ACRConnectorRequest{Name: "c" + number(), ApplicationID: "a", ClientSecret: "s3cret"})
		},
		func() {
			_, _ = s.c.CreateGCPConnector(ctx, api.CreateGCPConnectorParams{Name: "g" + number()}, []byte(serviceAccount))
		},
		func() { s.send(http.MethodPost, base, `{"credential": {"password": "s3cret"}, "registryUri": 7}`) },
		func() { s.send(http.MethodPost, base, "\xff\xfe") },
		func() { _, _ = s.control.Advance(ctx, time.Duration(s.random.IntN(10000))*time.Millisecond) },
		func() {
			_, _ = s.control.SetClock(ctx, control.ClockSetting{Mode: control.ClockModeScaled, Rate: 1 + 99*s.random.Float64()})
		},
		func() { _, _ = s.control.Save(ctx, "s"+number()) },
		func() { _ = s.control.Restore(ctx, "s"+number()) },
		func() {
			_, _ = s.control.AddFault(ctx, control.FaultRequest{Operation: "List*", When: control.FaultTiming{Probability: 0.3, Seed: s.random.Int64N(100), First: 5}, Effect: control.FaultEffect{
				Kind: []control.FaultEffectKind{control.FaultEffectKindStatus, control.FaultEffectKindTruncate, control.FaultEffectKindReset, control.FaultEffectKindStale, control.FaultEffectKindMalformed}[s.random.IntN(5)],
			}})
		},
		func() { _ = s.control.RemoveFault(ctx, "f"+number()) },
		func() {
			_, _ = s.control.AddRepository(ctx, s.registry, control.ScenarioRepository{RepoName: "team/r" + number(), Images: []control.ScenarioImages{{Tag: "t{n}", Count: 3}}})
		},
		func() {
			_, _ = s.control.UpdateWorld(ctx, "default", control.WorldUpdate{Plan: []control.Plan{control.PlanFree, control.PlanFull}[s.random.IntN(2)]})
		},
		func() { s.send(http.MethodGet, "/csapi/v1.3/reports", "") },
		func() { s.send(http.MethodGet, "/csapi/v1.3/nosuch", "") },
		func() { s.send(http.MethodPatch, base, "\xff") },
		func() { s.send(http.MethodHead, base+"/"+s.registry+"/schedule", "") },
		func() { s.send(http.MethodHead, "/csapi/v1.3/nosuch", "") },
	}
	for range steps {
		things[s.random.IntN(len(things))]()
	}
}

// send makes a call whose response may be cut.
func (s traffic) send(method, target, body string) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.srv.URL+target, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+s.srv.Token())
	r.Header.Set("Content-Type", "application/json")
	if response, err := s.srv.HTTP().Do(r); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

// TestRecordingAndReplay records concurrent calls on a running clock, with bulk jobs, faults and
// snapshots, and checks that their replay has the same responses, byte for byte.
func TestRecordingAndReplay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			clock := &moving{at: servertest.Start}
			srv := newServer(t, servertest.WithSeed("small"), servertest.WithSpareFaults(), servertest.WithOptions(func(o *server.Options) {
				o.Now, o.RateLimit = clock.now, server.RateLimit{Calls: 40}
			}))
			c := srv.Client(client.WithRetry(client.RetryPolicy{Attempts: 1}))
			registry := newRegistry(t, c, "https://first.example.com")
			before := traffic{t, srv, c, srv.Control(), rand.New(rand.NewPCG(seed, 0)), registry}
			before.run(30) // so that the recording does not begin with an empty world
			must[any](nil, srv.Control().StartRecording(t.Context()))(t)
			var group sync.WaitGroup
			for i := range uint64(3) {
				group.Go(func() {
					traffic{t, srv, c, srv.Control(), rand.New(rand.NewPCG(seed, i+1)), registry}.run(70)
				})
			}
			group.Wait()
			recording := must(srv.Control().Recording(t.Context()))(t)
			data, err := json.Marshal(recording)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"s3cret", "not-a-real-one", srv.Token(), "Bearer"} {
				if strings.Contains(string(data), secret) {
					t.Errorf("the recording contains %q", secret)
				}
			}
			replay := must(srv.Control().Replay(t.Context(), recording))(t)
			if calls := len(recording.Recording.Calls); calls < 140 || replay.Calls != calls || replay.Same+replay.Unchecked != calls || replay.Unchecked > calls/4 || len(replay.Differences) > 0 {
				t.Errorf("%d calls: got %d equal responses, %d unchecked: %s", calls, replay.Same, replay.Unchecked, cmp.Diff(nil, replay.Differences))
			}
			again := must(srv.Control().Recording(t.Context()))(t)
			if len(again.Recording.Calls) != len(recording.Recording.Calls) {
				t.Error("the replay, or the export, was recorded")
			}
		})
	}
}

// TestReplayFindsDifferences checks that a replay finds differences in statuses, headers and bodies.
func TestReplayFindsDifferences(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"))
	must[any](nil, srv.Control().StartRecording(t.Context()))(t)
	get(t, srv, base+"?pageSize=2").want(t, http.StatusOK)
	get(t, srv, base+"?pageSize=x").want(t, http.StatusBadRequest)
	recording := must(srv.Control().Recording(t.Context()))(t)
	calls := recording.Recording.Calls
	calls[0].Answer = strings.Replace(calls[0].Answer, `"count":`, `"counts":`, 1)
	calls[1].Status = http.StatusTeapot
	delete(calls[1].AnswerHeaders, "X-Qcs-Detail")
	replay := must(srv.Control().Replay(t.Context(), recording))(t)
	var got []string
	for _, d := range replay.Differences {
		got = append(got, fmt.Sprintf("%d %s %s %s", d.Call, d.Method, d.Path, d.What))
	}
	want := []string{"1 GET " + base + "?pageSize=2 body", "2 GET " + base + "?pageSize=x status", "2 GET " + base + "?pageSize=x X-Qcs-Detail"}
	if diff := cmp.Diff(want, got); diff != "" || replay.Same != 0 || replay.Calls != 2 {
		t.Errorf("got %+v (-want +got):\n%s", replay, diff)
	}
	if d := replay.Differences[0]; !strings.Contains(d.Recorded, `counts":`) || !strings.Contains(d.Replayed, `count":`) {
		t.Errorf("got %+v", d)
	}
}

// TestWorldFromARecording checks that a world from a recording has the state at its start.
func TestWorldFromARecording(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"))
	must[any](nil, srv.Control().StartRecording(t.Context()))(t)
	newRegistry(t, srv.Client(), "https://later.example.com")
	recording := must(srv.Control().Recording(t.Context()))(t)
	w := must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{Scenario: recording}))(t)
	if n := len(all(t, must(admin(srv).SDK(w, client.WithClock(srv.Now)))(t).ListRegistries(t.Context(), client.List{}))); n != 6 || w.Plan != control.PlanFull {
		t.Errorf("got %d registries and the plan %s, want the 6 at the start and Full", n, w.Plan)
	}
}

// TestRecordingEnds checks the ends of a recording, by a call and with its world, and refused calls.
func TestRecordingEnds(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	c := srv.Control()
	refused := func(err error, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	refused(c.StopRecording(t.Context()), client.ErrNotFound)
	refused(second(c.Recording(t.Context())), client.ErrNotFound)
	refused(second(c.Replay(t.Context(), control.Scenario{})), client.ErrInvalid)
	must[any](nil, c.StartRecording(t.Context()))(t)
	must[any](nil, c.StartRecording(t.Context()))(t) // again
	registry := newRegistry(t, srv.Client(), "https://r.example.com")
	newSchedule(t, srv.Client(), registry, "s")
	recording := must(c.Recording(t.Context()))(t)
	must[any](nil, c.StopRecording(t.Context()))(t)
	srv.Advance(time.Hour) // the background work runs by itself again
	if got := statuses(t, srv.Client(), registry); got["Finished"] != 1 {
		t.Errorf("got %v after the recording, want one Finished", got)
	}
	withoutUsers := recording
	withoutUsers.Recording.Users = nil
	refused(second(c.Replay(t.Context(), withoutUsers)), client.ErrInvalid)
	twice := recording
	twice.Recording.Users = append(twice.Recording.Users, twice.Recording.Users...)
	refused(second(c.Replay(t.Context(), twice)), client.ErrInvalid)
	torn := recording
	torn.State.Tables = map[string]control.SnapshotTable{"registry": {Columns: []string{"nosuch"}}}
	refused(second(c.Replay(t.Context(), torn)), client.ErrInvalid)

	w := must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{Name: "short"}))(t)
	in := admin(srv).In(w)
	must[any](nil, in.StartRecording(t.Context()))(t)
	must[any](nil, admin(srv).DropWorld(t.Context(), "short"))(t)
	w = must(admin(srv).CreateWorld(t.Context(), control.WorldRequest{Name: "short"}))(t)
	refused(second(admin(srv).In(w).Recording(t.Context())), client.ErrNotFound)
}

// TestReplayOfEndlessRecordings checks that a recording is refused if its schedules would always be due
// or if it lasts for years.
func TestReplayOfEndlessRecordings(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	c := srv.Control()
	registry := newRegistry(t, srv.Client(), "https://r.example.com")
	newSchedule(t, srv.Client(), registry, "s")
	must[any](nil, c.StartRecording(t.Context()))(t)
	get(t, srv, base).want(t, http.StatusOK)
	recording := must(c.Recording(t.Context()))(t)
	late := recording
	late.Recording.Calls = append([]control.RecordedCall{}, recording.Recording.Calls...)
	late.Recording.Calls[0].At = recording.Recording.Began.Add(11 * 366 * 24 * time.Hour)
	if _, err := c.Replay(t.Context(), late); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("a call in eleven years: got %v", err)
	}
	schedules := recording.State.Tables["schedule"]
	for i, name := range schedules.Columns {
		if name == "queued_stay" {
			schedules.Rows[0][i] = -1
		}
	}
	if _, err := c.Replay(t.Context(), recording); !errors.Is(err, client.ErrInvalid) || !strings.Contains(err.Error(), "invalid interval or duration") {
		t.Errorf("a negative duration: got %v", err)
	}
}
