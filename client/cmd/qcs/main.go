// Command qcs works with the registry and schedule API of Qualys Container Security from a shell,
// or with the emulator qcsd. It is independent of the vendor.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := &program{
		getenv: os.Getenv,
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		now:    time.Now,
		zone:   time.Local,
		width:  width,
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is a run of the CLI with its environment.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	zone           *time.Location
	width          func(stream any) (columns int, terminal bool)
	flags          flags
	stdinUsed      bool // standard input was opened
}

// run executes a command line and gives the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetErr(p.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return p.report(ctx, cmd, err)
}

// width gives the width of a terminal; it is false for a file or a pipe.
func width(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		w = 80
	}
	return w, true
}
