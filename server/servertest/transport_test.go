package servertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/servertest"
)

const registries = "http://qcs.test/csapi/v1.3/registry"

// request is a GET of the list of registries.
func request(ctx context.Context, t *testing.T, srv *servertest.Server) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, registries, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+srv.Token())
	return r
}

// delay is a fault that delays responses, or their bodies.
func delay(kind control.FaultEffectKind, d time.Duration) control.FaultRequest {
	over := control.DurationRange{Min: d.Milliseconds(), Max: d.Milliseconds()}
	return control.FaultRequest{Operation: "ListRegistries", Effect: control.FaultEffect{Kind: kind, Latency: over}}
}

// TestTimeoutOfTheClient checks that a call whose client waits no longer fails with the error of the context, that the handler ends as well, and that the operation does not run.
func TestTimeoutOfTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.WithoutRunner())
		c := srv.HTTP()
		if response, err := c.Do(request(t.Context(), t, srv)); err != nil || response.StatusCode != http.StatusOK { // fills the cache of responses
			t.Fatal(response, err)
		}
		srv.Fault(delay(control.FaultEffectKindLatency, time.Hour))
		began := time.Now()
		c.Timeout = time.Second
		response, err := c.Do(request(t.Context(), t, srv))
		if !os.IsTimeout(err) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a timeout: got %v, %v", response, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if response, err := srv.HTTP().Do(request(ctx, t, srv)); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that was canceled: got %v, %v", response, err)
		}
		if response, err := srv.HTTP().Do(request(ctx, t, srv)); !errors.Is(err, context.Canceled) {
			t.Errorf("a call with a context that has ended: got %v, %v", response, err)
		}
		synctest.Wait()
		var got []int
		for _, e := range srv.Requests("") {
			got = append(got, e.Status)
		}
		if !slices.Equal(got, []int{200, 499, 499}) {
			t.Errorf("the journal has %v, want two calls with 499", got)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestSlowBody checks that a slow body arrives in pieces, and that reading it ends with the context.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.WithoutRunner(), servertest.WithSeed("release-notes"))
		srv.Fault(delay(control.FaultEffectKindSlow, 8*time.Second))
		do := func(ctx context.Context) io.ReadCloser {
			t.Helper()
			response, err := srv.HTTP().Do(request(ctx, t, srv))
			if err != nil {
				t.Fatal(err)
			}
			return response.Body
		}
		began := time.Now()
		body := do(t.Context())
		if took := time.Since(began); took != 0 {
			t.Errorf("the head took %v", took)
		}
		if text, err := io.ReadAll(body); err != nil || !strings.HasSuffix(strings.TrimSpace(string(text)), "}") {
			t.Errorf("got %s, %v", text, err)
		}
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("the body took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		canceled, closed := do(ctx), do(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		if text, err := io.ReadAll(canceled); !errors.Is(err, context.Canceled) || len(text) == 0 {
			t.Errorf("canceled: got %s, %v", text, err)
		}
		if err := closed.Close(); err != nil {
			t.Error(err)
		}
		if n, err := closed.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("closed: got %d, %v", n, err)
		}
		synctest.Wait()
		var sent []int // in the order in which the handlers have ended
		for _, e := range srv.Requests("") {
			sent = append(sent, len(e.ResponseBody))
		}
		if len(sent) != 3 || sent[1] >= sent[0]/2 || sent[2] >= sent[0]/2 {
			t.Errorf("the handlers have sent %d bytes, want three bodies, of which two were cut", sent)
		}
		if took := time.Since(began); took != 9500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// TestHandlerOutlivesTheCall checks that a call ends with its context while the handler, which ignores it, still runs or waits for the body of the request.
func TestHandlerOutlivesTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int32
		slow := servertest.Over(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(time.Hour)
			ended.Add(1)
		}))
		slow.Timeout = time.Second
		never, writer := io.Pipe()
		defer writer.Close()
		for name, body := range map[string]io.Reader{"runs": nil, "reads": never} {
			began := time.Now()
			response, err := slow.Post(registries, "text/plain", body)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%s: got %v, %v after %v", name, response, err, time.Since(began))
			}
		}
		time.Sleep(2 * time.Hour)
		if got := ended.Load(); got != 2 {
			t.Errorf("%d handlers have ended, want 2", got)
		}
	})
}

// TestEndOfTheTest checks that the end of a test ends the calls that are under way, and refuses others.
func TestEndOfTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeT{TB: t}
		srv := servertest.New(fake, servertest.WithoutRunner())
		srv.Fault(delay(control.FaultEffectKindLatency, time.Hour))
		began := time.Now()
		late, errs := request(context.Background(), t, srv), make(chan error)
		go func() {
			_, err := srv.HTTP().Do(late)
			errs <- err
		}()
		synctest.Wait()
		fake.end()
		if err := <-errs; err == nil || time.Since(began) != 0 {
			t.Errorf("the call under way: got %v after %v", err, time.Since(began))
		}
		if response, err := srv.HTTP().Do(late); err == nil {
			t.Errorf("a later call: got %v", response)
		}
		if len(fake.failed) > 0 {
			t.Errorf("got %q", fake.failed)
		}
	})
}
