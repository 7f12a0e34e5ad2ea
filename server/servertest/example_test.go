package servertest_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/servertest"
)

// registryID is a registry of the seed "release-notes".
const registryID = "0a1d9b9a-3bab-42ec-a894-4d5969a47616"

// exampleT stands for the *testing.T of a test, which an example does not have. It prints failures.
type exampleT struct{ fakeT }

func (t *exampleT) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func (t *exampleT) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic("the test has ended")
}

// A test of a program that cancels Running schedules.
func Example() {
	t := &exampleT{} // in a test: its *testing.T
	defer t.end()

	srv := servertest.New(t, servertest.WithSeed("release-notes"))
	job, err := srv.Client().CancelSchedules(t.Context(), registryID, client.Filter("status:Running"))
	if err != nil {
		t.Fatalf("cancel: %v", err)
	}
	result, err := job.Wait(t.Context(), nil)
	if err != nil || result.Changed != 2 {
		t.Errorf("got %+v, %v", result, err)
	}
	fmt.Println(result.Changed, "canceled")
	// Output: 2 canceled
}

// The content of the world is the scenario of a file.
func ExampleWithScenario() {
	t := &exampleT{}
	defer t.end()

	srv := servertest.New(t, servertest.WithScenario("testdata/team.yaml"))
	for registry, err := range srv.Client().ListRegistries(t.Context(), client.List{}) {
		fmt.Println(registry.RegistryName, err)
	}
	// Output: team <nil>
}

// The emulator begins at the end of a year. In a bubble of testing/synctest, the clock is time.Now.
func ExampleWithClock() {
	t := &exampleT{}
	defer t.end()

	end := time.Date(2026, time.December, 31, 23, 59, 0, 0, time.UTC)
	srv := servertest.New(t, servertest.WithClock(func() time.Time { return end }))
	srv.Advance(time.Hour)
	fmt.Println(srv.Now())
	// Output: 2027-01-01 00:59:00 +0000 UTC
}

// The program under test has to send a call again when the emulator is not available.
func ExampleServer_Verify() {
	t := &exampleT{}
	defer t.end()

	srv := servertest.New(t)
	srv.Fault(control.FaultRequest{
		Operation: "ListRegistries",
		When:      control.FaultTiming{First: 1},
		Effect:    control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: http.StatusServiceUnavailable},
	})
	c := srv.Client(client.WithRetry(client.RetryPolicy{Attempts: 2, MinWait: time.Millisecond, MaxWait: time.Second}))
	for _, err := range c.ListRegistries(t.Context(), client.List{}) {
		t.Errorf("list: %v", err)
	}
	srv.Verify(control.Expectation{Operation: "ListRegistries", Times: new(2)})
	srv.Verify(control.Expectation{Operation: "CreateRegistry"})
	// Output:
	// got 0 calls of CreateRegistry, want at least 1
	//	call 3: GET /csapi/v1.3/registry?pageNumber=1&pageSize=100, status 200, differs in operation
	//	call 2: GET /csapi/v1.3/registry?pageNumber=1&pageSize=100, status 503, differs in operation
	//	call 1: POST /auth, status 201, differs in operation
}

// A snapshot has the data of the world, its plan, its clock and its scan profile.
func ExampleServer_Save() {
	t := &exampleT{}
	defer t.end()

	srv := servertest.New(t, servertest.WithScenario("testdata/team.yaml"))
	saved := srv.Save("begin")
	fmt.Println(saved.Name, saved.Rows > 0)
	// Output: begin true
}

// A world that was changed gets its saved content again.
func ExampleServer_Restore() {
	t := &exampleT{}
	defer t.end()

	srv := servertest.New(t)
	count := func() (n int) {
		for range srv.Client().ListRegistries(t.Context(), client.List{}) {
			n++
		}
		return n
	}
	srv.Save("begin")
	srv.Seed("release-notes")
	changed := count()
	srv.Restore("begin")
	fmt.Println(changed > 0, count())
	// Output: true 0
}

// Another program calls the emulator over HTTPS. It has to trust the certificate.
func ExampleWithTLS() {
	t := &exampleT{}
	defer t.end()

	srv := servertest.New(t, servertest.WithTLS())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/healthz", http.NoBody)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	response, err := srv.HTTP().Do(r)
	if err != nil {
		t.Fatalf("call: %v", err)
	}
	defer response.Body.Close()
	fmt.Println(r.URL.Scheme, response.StatusCode)
	// Output: https 200
}
