package servertest_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestAdvance(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t)
	c := srv.Client()
	r, err := c.CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSchedule(t.Context(), r, api.ScheduleRequest{OnDemand: new(true), Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}}); err != nil {
		t.Fatal(err)
	}
	srv.Advance(time.Hour)
	for s, err := range c.ListSchedules(t.Context(), r, client.List{}) {
		if err != nil || s.Status != api.StatusFinished {
			t.Errorf("got %v, %v, want Finished", s.Status, err)
		}
	}
	if got := srv.Now(); !got.Equal(servertest.Start.Add(time.Hour)) {
		t.Errorf("got %v", got)
	}
}

func TestWithPort(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithPort())
	response, err := http.Get(srv.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestIDsAreReproducible(t *testing.T) {
	t.Parallel()
	id := func() string {
		id, err := servertest.New(t, servertest.WithoutRunner()).Client().CreateRegistry(t.Context(), api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if a, b := id(), id(); a != b {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	const registry, schedule = "0a1d9b9a-3bab-42ec-a894-4d5969a47616", "0a1d9b9a-3bab-42ec-a894-4d5969a47616"
	srv.Force(registry, schedule, api.StatusPaused)
	for s, err := range srv.Client().ListSchedules(t.Context(), registry, client.List{Filter: "scheduleUuid:" + schedule}) {
		if err != nil || s.Status != api.StatusPaused {
			t.Errorf("got %s, %v, want Paused", s.Status, err)
		}
	}
	later := openapi.MillisOf(servertest.Start.AddDate(1, 0, 0))
	if got := srv.SetClock(control.ClockSetting{Mode: control.ClockModeOffset, Now: &later}); got.Now != later {
		t.Errorf("got %+v", got)
	}
	srv.Advance(time.Hour)
	if got := srv.Clock(); got.Mode != control.ClockModeOffset || got.Now != later.Add(time.Hour) {
		t.Errorf("got %+v, want the offset clock an hour later", got)
	}
	srv.SetScanProfile(control.ScanProfile{Seed: 3, Outcomes: []control.ScanOutcome{}})
}

// TestSpareFaults checks that a fault that no call has met fails the test, unless it was removed or an option allows it.
func TestSpareFaults(t *testing.T) {
	t.Parallel()
	refuse := func(operation string) control.FaultRequest {
		return control.FaultRequest{Operation: operation, Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus}}
	}
	late := refuse("CreateToken")
	late.When = control.FaultTiming{Nth: 7}
	for name, tt := range map[string]struct {
		options []servertest.Option
		do      func(*fakeT, *servertest.Server)
		want    string // part of the failure; "" if the test passes
	}{
		"another operation": {nil, func(_ *fakeT, s *servertest.Server) { s.Fault(refuse("CancelSchedule")) }, `the fault f1 was never applied: 0 calls matched its operation and user: {"calls":0,`},
		"too few calls":     {nil, func(_ *fakeT, s *servertest.Server) { s.Fault(late) }, "the fault f1 was never applied: 1 calls matched"},
		"of the program": {nil, func(_ *fakeT, s *servertest.Server) {
			_, _ = s.Control().AddFault(t.Context(), refuse("CancelSchedule"))
		}, "the fault f1 was never applied"},
		"applied": {nil, func(_ *fakeT, s *servertest.Server) { s.Fault(refuse("CreateToken")) }, ""},
		"removed": {nil, func(_ *fakeT, s *servertest.Server) {
			_ = s.Control().RemoveFault(t.Context(), s.Fault(refuse("CancelSchedule")).FaultID)
		}, ""},
		"skipped": {nil, func(f *fakeT, s *servertest.Server) {
			s.Fault(refuse("CancelSchedule"))
			f.skipped = true
		}, ""},
		"allowed": {[]servertest.Option{servertest.WithSpareFaults()}, func(_ *fakeT, s *servertest.Server) { s.Fault(refuse("CancelSchedule")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeT{TB: t}
			srv := servertest.New(fake, append(tt.options, servertest.WithoutRunner())...)
			tt.do(fake, srv)
			for range srv.Client(client.WithRetry(client.RetryPolicy{Attempts: 1})).ListRegistries(t.Context(), client.List{}) {
			}
			fake.end()
			got := strings.Join(fake.failed, "; ")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestFailedTestsShowTheirCalls checks that a test that fails logs its calls, also those that match nothing.
func TestFailedTestsShowTheirCalls(t *testing.T) {
	t.Parallel()
	fake := &fakeT{TB: t}
	srv := servertest.New(fake, servertest.WithoutRunner())
	srv.Token()
	for _, path := range []string{"/csapi/v1.3/registri", "/csapi/v1.3/registry"} {
		response, err := srv.HTTP().Get(srv.URL + path) // without a token
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	fake.Errorf("the test fails")
	fake.end()
	for i, want := range []string{"GET /csapi/v1.3/registri 404", "GET /csapi/v1.3/registry 401"} {
		if len(fake.logged) != 2 || !strings.Contains(fake.logged[i], want) {
			t.Errorf("got the log %q, want %q in line %d", fake.logged, want, i)
		}
	}
	if !strings.Contains(fake.logged[0], "the nearest: GET /csapi/v1.3/registry (ListRegistries)") {
		t.Errorf("got %q, want the nearest operation", fake.logged[0])
	}
}

// TestWithScenario checks that a scenario that cannot be read fails the test, with the name of the file.
func TestWithScenario(t *testing.T) {
	t.Parallel()
	invalid := filepath.Join(t.TempDir(), "invalid.yaml")
	if err := os.WriteFile(invalid, []byte("registries:\n  - {nosuch: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"testdata/nosuch.yaml": "no such file", invalid: "line 2"} {
		fake := &fakeT{TB: t}
		func() {
			defer func() { _ = recover() }() // Fatalf
			servertest.New(fake, servertest.WithScenario(file))
		}()
		if got := strings.Join(fake.failed, "; "); !strings.Contains(got, file) || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

// TestWithTLS checks that the client of the SDK, and a client that trusts the certificate, call the port.
func TestWithTLS(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithTLS(), servertest.WithSeed("release-notes"))
	for _, err := range srv.Client().ListRegistries(t.Context(), client.List{}) {
		if err != nil {
			t.Error(err)
		}
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(srv.Certificate())
	other := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: other}).Get(srv.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.TLS == nil || response.StatusCode != http.StatusOK {
		t.Errorf("got %d, TLS %v", response.StatusCode, response.TLS)
	}
	if plain := servertest.New(t); plain.Certificate() != nil {
		t.Errorf("without TLS: got %v", plain.Certificate())
	}
}
