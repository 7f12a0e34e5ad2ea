package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// account is what the system has noted of a server: its process, and those that it has started.
type account struct {
	processor time.Duration
	resident  float64 // MiB
}

func (p *process) account() (sum account) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the first is the third of proc(5)
		if group, _ := strconv.Atoi(fields[2]); group != p.Process.Pid {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		pages, _ := strconv.Atoi(fields[21])
		sum.processor += processor(pid)
		sum.resident += float64(pages*os.Getpagesize()) / (1 << 20)
	}
	return sum
}

// processor is the processor time of a process, in nanoseconds where proc(5) has hundredths of
// seconds.
func processor(pid int) time.Duration {
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil { //nolint:gosec // clock_getcpuclockid(3)
		return 0 // it has ended
	}
	return time.Duration(t.Nano())
}

// split gives servers the first processor, and the callers, who are this process, the others: what
// a request costs depends on who else gets turns.
func split() (apart bool) {
	n := runtime.NumCPU()
	if n == 1 {
		return false
	}
	var callers unix.CPUSet
	for i := 1; i < n; i++ {
		callers.Set(i)
	}
	tasks, _ := filepath.Glob("/proc/self/task/[0-9]*")
	for _, path := range tasks { // those that follow are like them
		id, _ := strconv.Atoi(filepath.Base(path))
		_ = unix.SchedSetaffinity(id, &callers) // it may have ended
	}
	return true
}

// startOn starts a process on one processor.
func startOn(cmd *exec.Cmd, processor int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	one.Set(processor)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	started := cmd.Start()
	return firstOf(func() error { return started }, func() error { return unix.SchedSetaffinity(0, &before) })
}
