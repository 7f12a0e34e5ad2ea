//go:build unix

// Package postgrestest gives tests databases of a PostgreSQL server: one that QCS_TEST_POSTGRES_URL names, or one that is started for the process and ends with it, in a temporary folder.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/qcsdev/qcs/server/internal/testwith"
)

// Variable names the environment variable with the URL of a server to use. Its user must be allowed to create databases.
const Variable = "QCS_TEST_POSTGRES_URL"

// New gives the URL of a database that is copied from another, or empty when that is "", and that is dropped at the end of the test. A missing PostgreSQL fails the test: it is never skipped.
func New(t testing.TB, template string) string {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v\n\"make postgres\" installs it where it may; %s names a server to use instead", err, Variable)
	}
	name, err := create(server.url, template)
	if err != nil {
		t.Fatalf("database for a test: %v", err)
	}
	t.Cleanup(func() {
		if err := run(server.url, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the database of a test: %v", err)
		}
	})
	return in(server.url, name)
}

// Both runs the tests of a package on SQLite, and then once more on PostgreSQL: each database is a copy of one that migrate has filled.
func Both(m *testing.M, migrate func(url string) error) (code int) {
	code = m.Run()
	if code != 0 || flag.Lookup("test.bench").Value.String() != "" || flag.Lookup("test.list").Value.String() != "" {
		return code
	}
	fmt.Println("once more, on PostgreSQL:")
	template, err := Keep()
	if err == nil {
		err = migrate(template)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	testwith.Database = func(t testing.TB) string { return New(t, template) }
	return m.Run()
}

var databases atomic.Int64

// copiesFiles reports whether the server that was started can be told to copy files, which is faster than what it does else: from version 15 on.
var copiesFiles bool

func create(server, template string) (name string, err error) {
	name = fmt.Sprintf("qcs_test_%d_%d", os.Getpid(), databases.Add(1))
	text := `CREATE DATABASE ` + name
	if template != "" {
		u, err := url.Parse(template)
		if err != nil {
			return "", err
		}
		text += ` TEMPLATE ` + strings.TrimPrefix(u.Path, "/")
	}
	if os.Getenv(Variable) == "" && copiesFiles {
		text += ` STRATEGY FILE_COPY`
	}
	return name, run(server, text)
}

// Keep gives the URL of an empty database that stays until the process ends: to fill it once, as a template. Nobody may be connected to it when it is copied.
func Keep() (string, error) {
	server, err := start()
	if err != nil {
		return "", err
	}
	name, err := create(server.url, "")
	return in(server.url, name), err
}

// in names a database of a server.
func in(server, name string) string {
	u, _ := url.Parse(server) // it was used just now
	u.Path = "/" + name
	return u.String()
}

func run(server, text string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), text)
	return errors.Join(err, db.Close())
}

// start gives the server of the process.
var start = sync.OnceValues(func() (cluster, error) {
	if given := os.Getenv(Variable); given != "" {
		return cluster{url: given}, nil
	}
	bin, err := programs()
	if err != nil {
		return cluster{}, err
	}
	folder, err := os.MkdirTemp(place(), "qcs-postgres-")
	if err != nil {
		return cluster{}, err
	}
	as, err := owner(folder)
	if err != nil {
		return cluster{}, err
	}
	version, err := command(as, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return cluster{}, err
	}
	var major int
	if _, err := fmt.Sscanf(string(version), "postgres (PostgreSQL) %d", &major); err != nil {
		return cluster{}, fmt.Errorf("version of PostgreSQL: %q", version)
	}
	copiesFiles = major >= 15
	data := filepath.Join(folder, "data")
	if err := command(as, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C").run(); err != nil {
		return cluster{}, err
	}
	// A shell outlives the process by as long as it takes to stop the server: its standard input ends with the process, however that ends.
	options := "-c listen_addresses= -c unix_socket_directories=" + folder + " -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB"
	ctl := filepath.Join(bin, "pg_ctl")
	if err := command(as, ctl, "--pgdata", data, "--log", filepath.Join(folder, "log"), "--wait", "--options", options, "start").run(); err != nil {
		return cluster{}, err
	}
	guard := command(as, "/bin/sh", "-c", `cat; "$0" --pgdata "$1/data" --mode immediate stop; rm -rf "$1"`, ctl, folder)
	guard.SysProcAttr.Setpgid = true // an interrupt is not for it
	input, err := guard.StdinPipe()
	if err != nil {
		return cluster{}, err
	}
	return cluster{"postgres://postgres@/postgres?host=" + url.QueryEscape(folder), input}, guard.Start()
})

// cluster is a server. The input of its guard is kept here as the garbage collector would close it.
type cluster struct {
	url   string
	guard io.Closer
}

// place is where databases are made in a fraction of the time: memory, where there is enough of it; else where temporary files are.
func place() string {
	const memory, enough = "/dev/shm", 2 << 30
	var s syscall.Statfs_t
	if err := syscall.Statfs(memory, &s); err != nil || int64(s.Bavail)*int64(s.Bsize) < enough { //nolint:gosec,unconvert // the types differ by system
		return ""
	}
	return memory
}

// programs finds the folder with the programs of PostgreSQL: on the path, or the newest where distributions put them.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	more, _ := filepath.Glob("/usr/pgsql-*/bin/initdb")
	found = append(found, more...)
	if len(found) == 0 {
		return "", errors.New("there is no initdb on the path, nor in the places of distributions")
	}
	return filepath.Dir(slices.Max(found)), nil
}

// owner makes the folder that of a user who may run PostgreSQL: the superuser may not.
func owner(folder string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, uid, gid) //nolint:gosec // they are of the system
}

// program is a command that is run as somebody.
type program struct{ *exec.Cmd }

func command(as *syscall.Credential, name string, args ...string) program {
	c := exec.CommandContext(context.Background(), name, args...)
	c.Dir, c.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	return program{c}
}

func (p program) run() error {
	out, err := p.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.Path, err, out)
	}
	return nil
}
