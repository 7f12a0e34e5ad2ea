package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a running server.
type process struct {
	*exec.Cmd
	server
	address string
	started start
	failed  map[string]bool // cases in which the server gave another answer than expected
}

// start runs a server until it has answered once. A pinned server runs on the first processor only.
func (s server) start(folder string, pinned bool) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	line := s.words(folder, port)
	p := &process{Cmd: exec.Command(line[0], line[1:]...), server: s, address: address, failed: map[string]bool{}}
	p.Env = append(append(os.Environ(), "PORT="+port), s.env...)
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if pinned {
		err = startOnFirst(p.Cmd)
	} else {
		err = p.Start()
	}
	if err != nil {
		return nil, err
	}
	for !p.answers() {
		if time.Since(began) > time.Minute {
			p.stop()
			return nil, errors.New("no successful answer within a minute")
		}
		time.Sleep(100 * time.Microsecond)
	}
	p.started.millis = float64(time.Since(began).Microseconds()) / 1000
	p.started.memory = p.usage().memory
	if s.login != nil {
		if p.headers, err = s.login("http://" + address); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

// answers reports whether the first request succeeds.
func (p *process) answers() bool {
	request, err := http.NewRequest(http.MethodGet, "http://"+p.address+p.path, nil)
	if err != nil {
		panic(err)
	}
	for name, value := range p.headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// pause stops a server, so that its background work takes no time while others are measured.
func (p *process) pause() { syscall.Kill(-p.Process.Pid, syscall.SIGSTOP) }

func (p *process) resume() { syscall.Kill(-p.Process.Pid, syscall.SIGCONT) }

func (p *process) stop() {
	syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	p.Wait()
}

// usage is what a server and its child processes use.
type usage struct {
	processor time.Duration
	memory    float64 // resident MiB
}

func (p *process) usage() (sum usage) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended
		}
		// proc(5): the fields after the name, which is in parentheses, begin with the third
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if group, _ := strconv.Atoi(fields[2]); group != p.Process.Pid {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		pages, _ := strconv.Atoi(fields[21])
		sum.processor += processorTime(pid)
		sum.memory += float64(pages*os.Getpagesize()) / (1 << 20)
	}
	return sum
}

// processorTime is more exact than proc(5), which has hundredths of seconds only.
func processorTime(pid int) time.Duration {
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil { //nolint:gosec // clock_getcpuclockid(3)
		return 0 // the process has ended
	}
	return time.Duration(t.Nano())
}

// pinCallers moves this process, which sends the requests, away from the first processor, so that
// a server there does not compete with it. It reports false on a machine with one processor.
func pinCallers() bool {
	n := runtime.NumCPU()
	if n == 1 {
		return false
	}
	var others unix.CPUSet
	for i := 1; i < n; i++ {
		others.Set(i)
	}
	threads, _ := filepath.Glob("/proc/self/task/[0-9]*")
	for _, path := range threads { // threads that start later inherit the setting
		id, _ := strconv.Atoi(filepath.Base(path))
		unix.SchedSetaffinity(id, &others)
	}
	return true
}

// startOnFirst starts a process on the first processor: it inherits the setting of this thread.
func startOnFirst(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, first unix.CPUSet
	first.Set(0)
	if err := errors.Join(unix.SchedGetaffinity(0, &before), unix.SchedSetaffinity(0, &first)); err != nil {
		return err
	}
	return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
}
