// Command qcsd is the emulator as a daemon: it serves the registry and schedule API of Qualys
// Container Security, independently of the vendor, from an embedded database.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

//nolint:revive // main in a form that tests can call
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	root := rootCommand(&program{environ: environ, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "qcsd:", err)
		return 1
	}
	return 0
}

// program has what all commands need.
type program struct {
	environ        []string // of the process, as NAME=value
	stdout, stderr io.Writer
}

// getenv returns the value of a variable of the environment; "" if it is not set.
func (p *program) getenv(name string) string {
	for _, pair := range p.environ {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

func rootCommand(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "qcsd",
		Short: "An independent emulator of the Qualys Container Security registry and schedule API",
		Long: "qcsd emulates the registry and schedule API of Qualys Container Security with its own database, " +
			"so that integrations can be written and tested without an account.\n" +
			"It is independent of the vendor, who does not make, check or endorse it.\n\n" +
			"Every flag can also be set in the environment, as QCSD_ADDR for --addr, or in a configuration " +
			"file.\nThese settings have no flag: QCSD_WORLDS=name[:plan[:tokens]],… and " +
			"QCSD_USERS=name:password[:role[:world]],… (each part percent-encoded), both also as worlds and users " +
			"in the file; QCSD_SIGNING_KEY and QCSD_CONTROL_TOKEN.",
		Version:       versionText(),
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          p.serve,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	addFlags(root.PersistentFlags())
	root.AddCommand(tokenCommand(p), resetCommand(p), backupCommand(p), checkCommand(p), diffCommand(p))
	return root
}

func versionText() string {
	return fmt.Sprintf(
		"qcsd %s: an independent emulator, not made, checked or endorsed by the vendor", buildVersion(),
	)
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
