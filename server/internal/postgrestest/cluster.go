//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Settings of servers. A server with notDurable is faster, and loses data in a crash.
const (
	durable    = " -c shared_buffers=256MB -c max_wal_size=4GB"
	notDurable = " -c shared_buffers=64MB -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
)

// Cluster is a PostgreSQL server.
type Cluster struct {
	URL     string                        // of its first database, with the superuser
	ctl     func(args ...string) *program // returns a pg_ctl command
	watcher io.Closer                     // input of the watcher process; a reference, so that it is not collected
}

// start returns the server of the process.
var start = sync.OnceValues(func() (*Cluster, error) {
	if given := os.Getenv(Variable); given != "" {
		return &Cluster{URL: given}, nil
	}
	return launch(dataFolder(), notDurable)
})

// Durable starts a server for one test. Its data is on a disk and survives Crash.
func Durable(t testing.TB) *Cluster {
	t.Helper()
	c, err := launch("", durable)
	if err != nil {
		t.Fatalf("a PostgreSQL server for this test: %v\n\"make postgres\" installs PostgreSQL if it can", err)
	}
	t.Cleanup(func() { _ = c.watcher.Close() })
	return c
}

// Crash stops the server immediately, without a checkpoint, and starts it again.
func (c *Cluster) Crash() error {
	return c.restart("immediate")
}

// Restart stops the server, which ends all connections, and starts it again.
func (c *Cluster) Restart() error { return c.restart("fast") }

func (c *Cluster) restart(mode string) error {
	if err := c.Stop(mode); err != nil {
		return err
	}
	return c.Start()
}

// Stop stops the server in a mode of pg_ctl, "fast" or "immediate".
func (c *Cluster) Stop(mode string) error { return c.ctl("--mode", mode, "stop").run() }

// Start starts the server after Stop.
func (c *Cluster) Start() error { return c.ctl("--wait", "start").run() }

// launch starts a server with its data in a new folder, which is removed when the process ends.
func launch(parent, settings string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(parent, "qcs-postgres-")
	if err != nil {
		return nil, err
	}
	as, err := owner(folder)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(folder, "data")
	initdb := command(as, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres",
		"--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
	if err := initdb.run(); err != nil {
		return nil, err
	}
	options := "-c listen_addresses= -c unix_socket_directories=" + folder + " -c max_connections=400" + settings
	ctl := filepath.Join(bin, "pg_ctl")
	c := &Cluster{URL: "postgres://postgres@/postgres?host=" + url.QueryEscape(folder)}
	c.ctl = func(args ...string) *program {
		common := []string{"--pgdata", data, "--log", filepath.Join(folder, "log"), "--options", options}
		return command(as, ctl, append(common, args...)...)
	}
	if err := c.ctl("--wait", "start").run(); err != nil {
		return nil, err
	}
	// The watcher is a shell that stops the server when its standard input is closed: at the end of
	// this process, even if that is killed.
	const script = `cat; "$0" --pgdata "$1/data" --mode immediate stop; rm -rf "$1"`
	watcher := command(as, "/bin/sh", "-c", script, ctl, folder)
	watcher.SysProcAttr.Setpgid = true // an interrupt of the terminal does not reach the watcher
	if c.watcher, err = watcher.StdinPipe(); err != nil {
		return nil, err
	}
	return c, watcher.Start()
}

// dataFolder returns a folder in memory, which is much faster; "" if there is not enough memory.
func dataFolder() string {
	const memory, enough = "/dev/shm", 2 << 30
	var s syscall.Statfs_t
	err := syscall.Statfs(memory, &s)
	if err != nil || int64(s.Bavail)*int64(s.Bsize) < enough { //nolint:gosec,unconvert // the types differ by system
		return ""
	}
	return memory
}

// programs finds the folder with the programs of PostgreSQL: on the path, or the newest of the
// usual folders of distributions.
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
		return "", errors.New("there is no initdb on the path or in the usual folders of distributions")
	}
	return filepath.Dir(slices.Max(found)), nil
}

// owner changes the owner of the folder if this process runs as root, which PostgreSQL refuses.
func owner(folder string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // the user of this process
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
	as := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // not negative
	return as, os.Chown(folder, uid, gid)
}

// program is a command that runs as another user.
type program struct{ *exec.Cmd }

func command(as *syscall.Credential, name string, args ...string) *program {
	c := exec.CommandContext(context.Background(), name, args...)
	c.Dir, c.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	return &program{c}
}

func (p *program) run() error {
	out, err := p.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.Path, err, out)
	}
	return nil
}
