//go:build unix

package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/postgres"
	"github.com/qcsdev/qcs/server/servertest"
)

// onCluster starts an emulator on a PostgreSQL server of its own, which the test may stop.
func onCluster(t *testing.T, options ...servertest.Option) (*servertest.Server, *postgrestest.Cluster) {
	t.Helper()
	cluster := postgrestest.Durable(t)
	database := cluster.New(t, "")
	return newServer(t, append(options, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Database, o.SigningKey = postgres.Database(database), make([]byte, 64)
	}))...), cluster
}

// everyCallWithoutDatabase makes the example call of every operation of both documents while PostgreSQL is stopped:
// the response is a 503 that says when to try again, unless the document has none.
func everyCallWithoutDatabase(t *testing.T, c *coverage) {
	srv, cluster := onCluster(t)
	token := srv.Token()
	if err := cluster.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	control, err := contract.ControlDocument()
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, o := range append(c.document.Operations(), control.Operations()...) {
		group.Go(func() { // not t.Parallel: all calls wait at the same time
			t.Run(o.ID, func(t *testing.T) {
				call := o.Example()
				r := request{method: call.Method, target: call.Target, contentType: call.ContentType, body: call.Body, token: "Bearer " + token}
				if o.ID == "CreateToken" {
					r.token, r.body = "-", url.Values{"username": {servertest.User}, "password": {servertest.Password}, "token": {"true"}}.Encode()
				}
				got := send(t, srv, r)
				if !slices.Contains(o.Statuses(), "503") {
					got.want(t, http.StatusOK) // it does not use the database
					return
				}
				got.refused(t, http.StatusServiceUnavailable, "the database is not available")
				if wait := got.header.Get("Retry-After"); wait != "1" {
					t.Errorf("got Retry-After %q, want 1", wait)
				}
				target, err := url.Parse(r.target)
				if err != nil {
					t.Fatal(err)
				}
				c.note(t, &http.Request{Method: r.method, URL: target}, got.status)
			})
		})
	}
	group.Wait()
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	get(t, srv, base).want(t, http.StatusOK)
}

// causes are the causes of the 500s in the log.
type causes struct {
	slog.Handler
	mu  sync.Mutex
	all []string
}

// Handle implements slog.Handler.
func (c *causes) Handle(_ context.Context, r slog.Record) error {
	values := map[string]string{}
	r.Attrs(func(a slog.Attr) bool {
		values[a.Key] = a.Value.String()
		return true
	})
	if values["status"] == "500" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, values["method"]+" "+values["cause"])
	}
	return nil
}

func (c *causes) Enabled(context.Context, slog.Level) bool { return true }

// TestRestartOfPostgreSQL restarts PostgreSQL while calls read and write. A read gets its response or a 503; a write is
// done, or is not done and gets a 503, or gets a 500 if the server lost the connection before PostgreSQL
// confirmed the commit.
func TestRestartOfPostgreSQL(t *testing.T) {
	t.Parallel()
	log := &causes{Handler: slog.DiscardHandler}
	srv, cluster := onCluster(t, servertest.WithOptions(func(o *server.Options) { o.Logger = slog.New(log) }))
	token := "Bearer " + srv.Token()
	calls, statuses, created := 0, map[int]int{}, map[string]int{}
	var mu sync.Mutex
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}) // a call got a 200
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				r, uri := request{method: http.MethodGet, target: base, token: token}, ""
				if n%2 == 0 {
					uri = fmt.Sprintf("https://r%d-%d.example.com", worker, n)
					r.method, r.contentType = http.MethodPost, "application/json"
					r.body = `{"registryType":"V2","credentialType":"None","registryUri":"` + uri + `"}`
				}
				got := send(t, srv, r)
				mu.Lock()
				calls++
				if statuses[got.status]++; uri != "" {
					created[uri] = got.status
				}
				mu.Unlock()
				if got.status == http.StatusOK {
					select {
					case done <- struct{}{}:
					case <-ctx.Done():
					}
				}
			}
		})
	}
	for range 5 {
		for range 40 {
			<-done
		}
		restarted := make(chan error)
		go func() { restarted <- cluster.Restart() }()
		for waiting := true; waiting; {
			select {
			case <-done:
			case err := <-restarted:
				if waiting = false; err != nil {
					t.Error(err)
				}
			}
		}
	}
	stop()
	group.Wait()
	for _, cause := range log.all {
		if !strings.HasPrefix(cause, "POST ") || !strings.Contains(cause, "commit: ") {
			t.Errorf("got a 500: %s", cause)
		}
	}
	if statuses[http.StatusOK]+statuses[http.StatusServiceUnavailable]+len(log.all) != calls {
		t.Errorf("got %v, want 200 and 503", statuses)
	}
	there := 0
	for r, err := range srv.Client().ListRegistries(t.Context(), client.List{PageSize: 1000}) {
		if err != nil {
			t.Fatal(err)
		}
		there++
		if status := created[r.RegistryURI]; status == http.StatusServiceUnavailable {
			t.Errorf("%s exists, and its call got %d", r.RegistryURI, status)
		}
		delete(created, r.RegistryURI)
	}
	for uri, status := range created {
		if status == http.StatusOK {
			t.Errorf("%s does not exist, and its call got %d", uri, status)
		}
	}
	t.Logf("%v; %d registries; causes of 500: %q", statuses, there, log.all)
}
