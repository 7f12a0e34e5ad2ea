package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// recording records the operations of the control document that are called.
type recording struct {
	document *contract.Document
	next     http.RoundTripper
	mu       sync.Mutex
	seen     map[string]bool
}

func (r *recording) RoundTrip(request *http.Request) (*http.Response, error) {
	if m, err := r.document.Find(request.Method, request.URL); err == nil {
		r.mu.Lock()
		r.seen[m.ID] = true
		r.mu.Unlock()
	}
	return r.next.RoundTrip(request)
}

// TestEveryControlOperation: each operation of the control document is called through the client (servertest checks every response against the document).
func TestEveryControlOperation(t *testing.T) {
	t.Parallel()
	d, err := contract.Load(openapi.ControlJSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := servertest.New(t, servertest.WithSeed("release-notes"))
	over := &recording{document: d, next: srv.HTTP().Transport, seen: map[string]bool{}}
	ctx, admin := t.Context(), emulator.New(srv.URL, "", &http.Client{Transport: over})
	ok := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
	}
	w := must(admin.CreateWorld(ctx, control.WorldRequest{Seed: "release-notes"}))
	in := admin.In(w)
	must(admin.ListWorlds(ctx))
	must(admin.CloneWorld(ctx, w.Name, control.WorldRequest{Name: "copy"}))
	must(admin.UpdateWorld(ctx, "copy", control.WorldUpdate{Plan: control.PlanFree}))
	ok(admin.ResetWorld(ctx, "copy", control.WorldReset{Seed: "release-notes"}), admin.ExpireTokens(ctx, "copy"), admin.DropWorld(ctx, "copy"))
	must(in.Clock(ctx))
	must(in.SetClock(ctx, control.ClockSetting{Mode: control.ClockModeFrozen}))
	must(in.Advance(ctx, time.Hour))
	p := must(in.ScanProfile(ctx))
	ok(in.SetScanProfile(ctx, p))
	const id = "0a1d9b9a-3bab-42ec-a894-4d5969a47616"
	ok(in.Force(ctx, id, id, "Paused"))
	sdk := must(admin.SDK(w))
	job := must(sdk.CancelSchedules(ctx, id, client.All()))
	must(in.Job(ctx, job.IDs[0]))
	must(in.Evidence(ctx))
	f := must(in.AddFault(ctx, control.FaultRequest{Operation: "CreatePolicy", Effect: control.FaultEffect{Kind: control.FaultEffectKindReset}}))
	must(in.Faults(ctx))
	ok(in.RemoveFault(ctx, f.FaultID), in.ClearFaults(ctx))
	must(in.Save(ctx, "s"))
	must(in.Snapshots(ctx))
	file := must(in.Export(ctx, "s"))
	must(in.Import(ctx, "t", file))
	ok(in.Restore(ctx, "t"), in.DeleteSnapshot(ctx, "t"))
	if calls := must(in.Journal(ctx, "operation:CancelSchedules")); len(calls) != 1 {
		t.Errorf("got %d calls", len(calls))
	}
	must(in.Verify(ctx, control.Expectation{}))
	must(admin.Unmatched(ctx))
	must(in.HAR(ctx))
	ok(in.ClearJournal(ctx), in.StartRecording(ctx))
	must(in.AddRepository(ctx, id, control.ScenarioRepository{RepoName: "team/new"}))
	if replay := must(in.Replay(ctx, must(in.Recording(ctx)))); replay.Same != 1 {
		t.Errorf("got %+v, want one call with the same answer", replay)
	}
	ok(in.StopRecording(ctx), admin.ResetData(ctx, control.WorldReset{}))
	for _, o := range d.Operations() {
		if !over.seen[o.ID] {
			t.Errorf("%s is not called", o.ID)
		}
	}
	if _, err := in.Job(ctx, "nosuch"); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("got %v, want an error of package client", err)
	}
	if _, err := admin.SDK(control.World{Name: "empty"}); err == nil {
		t.Error("got a client of nobody")
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Example creates a world for a test, makes a call fail in it, and reads the journal.
func Example() {
	s, err := server.New(server.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	listener := httptest.NewServer(s)
	defer listener.Close()

	ctx := context.Background()
	admin := emulator.New(listener.URL, "", nil)
	world := must(admin.CreateWorld(ctx, control.WorldRequest{Seed: "release-notes"}))
	in := admin.In(world)
	must(in.AddFault(ctx, control.FaultRequest{Operation: "ListRegistries", When: control.FaultTiming{First: 1}, Effect: control.FaultEffect{Kind: control.FaultEffectKindStatus, Status: 503}}))

	sdk := must(admin.SDK(world, client.WithRetry(client.RetryPolicy{Attempts: 2})))
	n := 0
	for range sdk.ListRegistries(ctx, client.List{}) {
		n++
	}
	verdict := must(in.Verify(ctx, control.Expectation{Operation: "ListRegistries", Times: new(2)}))
	fmt.Println(n, verdict.Met)
	// Output: 6 true
}
