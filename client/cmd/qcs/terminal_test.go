package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/servertest"
)

// start gives a program on an emulator, as if its output were a terminal of some width; 0 for none.
func start(t *testing.T, columns int) (p *program, stdout, stderr *bytes.Buffer) {
	t.Helper()
	srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithPort())
	environment := map[string]string{"QCS_URL": srv.URL, "QCS_USER": servertest.User, "QCS_PASSWORD": servertest.Password, "QCS_CONFIG": filepath.Join(t.TempDir(), "qcs.yaml")}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &program{
		getenv: func(name string) string { return environment[name] }, stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, now: srv.Now, zone: time.FixedZone("here", 2*60*60),
		width: func(any) (int, bool) { return columns, columns > 0 },
	}, stdout, stderr
}

// TestTablesFitTheTerminal: no line is longer than the terminal is wide; without a terminal nothing is cut.
func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for columns, cut := range map[int]bool{60: true, 400: false, 0: false} {
		p, stdout, stderr := start(t, columns)
		if code := p.run(t.Context(), []string{"schedule", "list", "0a1d9b9a-3bab-42ec-a894-4d5969a47616"}); code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for line := range strings.Lines(stdout.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > 0 && n > columns {
				t.Errorf("a line has %d columns of %d: %s", n, columns, line)
			}
		}
		if whole := strings.Contains(stdout.String(), "5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a06  scan team/app"); whole == cut {
			t.Errorf("width %d: got\n%s", columns, stdout)
		}
		if strings.Contains(stdout.String(), "\x1b") {
			t.Errorf("width %d: there are colours", columns)
		}
	}
}

// TestTimesAreLocal: tables have local times, or UTC with --utc; JSON has the times of the service.
func TestTimesAreLocal(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{"2026-01-02 05:04:05": nil, "2026-01-02 03:04:05Z": {"--utc"}, "1767323045000": {"-o", "csv"}} {
		p, stdout, _ := start(t, 0)
		if code := p.run(t.Context(), append([]string{"registry", "list", "--limit", "1", "--columns", "created", "--no-header"}, args...)); code != exitOK || stdout.String() != want+"\n" {
			t.Errorf("%v: exit code %d, got %q, want %q", args, code, stdout, want)
		}
	}
}

// TestInterrupted: exit code 130, and an error of one line.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	p, _, stderr := start(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	p.stdout = writer(func(data []byte) (int, error) { // the first schedule that watch shows
		cancel()
		return len(data), nil
	})
	if code := p.run(ctx, []string{"schedule", "watch", "0a1d9b9a-3bab-42ec-a894-4d5969a47616", "--interval", "1h"}); code != exitInterrupted || stderr.String() != "qcs: interrupted\n" {
		t.Errorf("exit code %d, got %q", code, stderr)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(data []byte) (int, error) { return w(data) }

// TestProgressBar: on a terminal, a progress bar is shown and removed at the end.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	p, stdout, stderr := start(t, 80)
	code := p.run(t.Context(), []string{"schedule", "cancel", "0a1d9b9a-3bab-42ec-a894-4d5969a47616", "--filter", "status:Running", "--yes", "--wait"})
	if code != exitOK || !strings.Contains(stderr.String(), "\r") || strings.Contains(stderr.String(), "8 of 8\n") || !strings.Contains(stdout.String(), "changed  2") {
		t.Errorf("exit code %d, got %q and %q", code, stdout, stderr)
	}
}

// TestCellsAreOneLine: text from the service cannot control the terminal.
func TestCellsAreOneLine(t *testing.T) {
	t.Parallel()
	o := &printer{&program{zone: time.UTC, stdout: io.Discard, flags: flags{output: "table"}}, []string{"name", "filters", "created"}}
	got := o.cells(api.Schedule{Name: "a\x1b[31mb\nc", Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "x"}, {Repo: "y"}}}}})
	if got[0] != "a [31mb c" || got[1] != "x y" || got[2] != "" {
		t.Errorf("got %q", got)
	}
}

// TestInterruptedPrompt: a prompt does not outlive the context.
func TestInterruptedPrompt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	typed, keep := io.Pipe()
	defer keep.Close()
	asked := make(chan struct{})
	go func() {
		<-asked
		cancel()
	}()
	_, err := withContext(ctx, func() (string, error) {
		close(asked)
		return bufio.NewReader(typed).ReadString('\n') // nobody types anything
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}
