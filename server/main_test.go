package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/testdb"
	"github.com/qcsdev/qcs/server/postgres"
	"github.com/qcsdev/qcs/server/servertest"
)

// databases are the databases of the tests of this package. With PostgreSQL they have the tables of the
// queue as well.
var databases = testdb.New(func(url string) error {
	s, err := store.Open(context.Background(), testdb.Database(url), time.Now)
	if err != nil {
		return err
	}
	q, err := postgres.Database(url).Queue(context.Background(), nil, slog.New(slog.DiscardHandler))
	if err == nil {
		q.Close()
	}
	return errors.Join(err, s.Close())
})

// newServer starts an emulator on a new database, unless the options name one.
// tokensOfWorld is an option with which tokens expire by the clock of the first world, which the test moves.
func tokensOfWorld(o *server.Options) {
	o.Worlds = []server.World{{Name: "default", Plan: "Full", Tokens: server.TokensWorld}}
}

func newServer(t testing.TB, options ...servertest.Option) *servertest.Server {
	t.Helper()
	return servertest.New(t, append(options, servertest.WithOptions(func(o *server.Options) {
		switch {
		case o.Data != "" || o.Database != nil:
		case testdb.Postgres(t):
			if o.Database = postgres.Database(databases.Name(t)); len(o.SigningKey) == 0 {
				o.SigningKey = make([]byte, 64)
			}
		default:
			o.Data = t.TempDir()
		}
	}))...)
}

// TestMain fails if the tests leave goroutines or, if the system lists them, open files.
func TestMain(m *testing.M) {
	const guard = 2 // open files of the watcher of PostgreSQL: a pipe and a process
	before := openFiles()
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
		if after := openFiles(); after > before+guard {
			fmt.Fprintf(os.Stderr, "%d files are open, %d were before the tests\n", after, before)
			code = 1
		}
	}
	os.Exit(code)
}

// openFiles counts the open files and sockets of the process.
func openFiles() (n int) {
	const folder = "/proc/self/fd/"
	all, _ := os.ReadDir(folder) // empty if there is no such folder
	for _, f := range all {
		// those of the runtime
		if to, err := os.Readlink(folder + f.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			n++
		}
	}
	return n
}
