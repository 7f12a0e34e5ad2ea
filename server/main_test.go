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

	"github.com/qcsdev/qcs/server/internal/carrier"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/store"
)

// TestMain finds what the tests leave behind: goroutines, and open files where the system tells them.
func TestMain(m *testing.M) {
	const guard = 2 // of the PostgreSQL of the tests: a pipe and a process
	before := openFiles()
	code := postgrestest.Both(m, func(url string) error {
		s, err := store.Open(context.Background(), url, time.Now)
		if err != nil {
			return err
		}
		c, err := carrier.New(context.Background(), url, nil, slog.New(slog.DiscardHandler)) // its tables as well
		if err == nil {
			c.Close()
		}
		return errors.Join(err, s.Close())
	})
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
	all, _ := os.ReadDir(folder) // none where there is no such folder
	for _, f := range all {
		if to, err := os.Readlink(folder + f.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") { // of the runtime itself
			n++
		}
	}
	return n
}
