package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// version is set by the linker in a release.
var version = ""

// flags are the flags of all commands.
type flags struct {
	context, url, platform, user, auth string
	passwordFile, tokenFile            string
	output                             string
	columns                            []string
	noHeader, utc, curl, debug         bool
	timeout                            time.Duration
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "qcs",
		Short: "Work with the registry and schedule API of Qualys Container Security, or with the emulator qcsd",
		Long: "qcs works with registries, schedules, images, reports and policies of Qualys Container Security " +
			"from a shell, or with the emulator qcsd.\n" +
			"It is independent of the vendor: the vendor does not make, check or endorse it.\n\n" +
			"Settings: flags override the environment (QCS_URL, QCS_PLATFORM, QCS_USER, QCS_PASSWORD, " +
			"QCS_TOKEN, QCS_AUTH, QCS_CONTEXT, QCS_OUTPUT), which overrides the context of the\n" +
			"configuration file (QCS_CONFIG, or qcs/config.yaml in the folder for configuration). Passwords " +
			"and tokens are never arguments.\n\n" +
			"Exit codes: 0 done, 1 other error, 2 wrong usage, 3 not logged in or not allowed, 4 not found, " +
			"5 conflict, 6 invalid request, 7 partly done, 8 rate limited, 130 interrupted.",
		Version:           buildVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.flags.check(cmd, p.getenv) },
	}
	root.SetOut(p.stdout) // the completion command needs it here
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err.Error()} })
	f, to := root.PersistentFlags(), &p.flags
	f.StringVar(&to.context, "context", "", "context of the configuration file")
	f.StringVar(&to.url, "url", "", "base URL, such as http://127.0.0.1:8080")
	f.StringVar(&to.platform, "platform", "", "platform of the account, such as US2")
	f.StringVar(&to.user, "user", "", "user name")
	f.StringVar(
		&to.auth, "auth", "",
		"token (log in and send a token) or basic (send user name and password, as the vendor's API servers require)",
	)
	f.StringVar(&to.passwordFile, "password-file", "", "file with the password; - for standard input")
	f.StringVar(&to.tokenFile, "token-file", "", "file with a token; - for standard input")
	f.StringVarP(&to.output, "output", "o", "", "table, json, jsonl, yaml or csv (default table)")
	f.StringSliceVar(&to.columns, "columns", nil, "columns of table and csv, by the names of the fields")
	f.BoolVar(&to.noHeader, "no-header", false, "leave out the line of column names")
	f.BoolVar(&to.utc, "utc", false, "show times in UTC, not in the local zone")
	f.BoolVar(&to.curl, "curl", false, "print the call as a curl command instead of making it; secrets are left out")
	f.BoolVar(&to.debug, "debug", false, "show each exchange on standard error; secrets are left out")
	f.DurationVar(&to.timeout, "timeout", 0, "give up after this long, such as 30s")
	root.AddCommand(
		p.loginCommand(), p.logoutCommand(), p.whoamiCommand(), p.contextCommand(), p.registryCommand(),
		p.repositoryCommand(), p.scheduleCommand(), p.connectorCommand(), p.imageCommand(), p.reportCommand(),
		p.policyCommand(), p.jobCommand(), p.applyCommand(), p.emulatorCommand(), p.versionCommand(),
	)
	root.InitDefaultCompletionCmd() // before strict, which changes it
	root.InitDefaultHelpCmd()
	strict(root)
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = func(_ *cobra.Command, args []string) error {
			return nothingElse(root.Find(args))
		}
	}
	return root
}

// check completes the flags from the environment, and validates them.
func (f *flags) check(cmd *cobra.Command, getenv func(string) string) error {
	f.context = cmp.Or(f.context, getenv("QCS_CONTEXT"))
	f.output = cmp.Or(f.output, getenv("QCS_OUTPUT"), "table")
	if !slices.Contains([]string{"table", "json", "jsonl", "yaml", "csv"}, f.output) {
		return &usageError{fmt.Sprintf("output %q is not one of table, json, jsonl, yaml, csv", f.output)}
	}
	if f.auth != "" && f.auth != "token" && f.auth != "basic" {
		return &usageError{fmt.Sprintf("auth %q is neither token nor basic", f.auth)}
	}
	if cmd.Flags().Changed("timeout") && f.timeout <= 0 {
		return &usageError{"timeout must be more than 0"}
	}
	return nil
}

// nothingElse refuses arguments after the name of a command that takes none.
func nothingElse(cmd *cobra.Command, rest []string, err error) error {
	if err == nil && len(rest) > 0 {
		return &usageError{fmt.Sprintf("%q is not a command of %s", rest[0], cmd.CommandPath())}
	}
	return err
}

// strict makes wrong arguments and unknown commands usage errors, in all commands.
func strict(cmd *cobra.Command) {
	args := cmd.Args
	switch {
	case !cmd.Runnable():
		cmd.Args = func(cmd *cobra.Command, args []string) error { return nothingElse(cmd, args, nil) }
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	case args != nil:
		cmd.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return &usageError{err.Error()}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		strict(c)
	}
}

// group is a command that has only subcommands.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(commands...)
	return cmd
}

// argsOf reads the number of arguments of a command from its usage line, such as
// "clone WORLD [NAME]". Words after an option do not count.
func argsOf(use string) cobra.PositionalArgs {
	least, most := 0, 0
	for _, word := range strings.Fields(use)[1:] {
		if strings.HasPrefix(word, "-") {
			break
		}
		if most++; !strings.HasPrefix(word, "[") {
			least++
		}
	}
	if least == most {
		return cobra.ExactArgs(least)
	}
	return cobra.RangeArgs(least, most)
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, buildVersion())
			return err
		},
	}
}

func buildVersion() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); v == "" && ok && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	return "qcs " + cmp.Or(v, "dev") + ": independent, neither made, checked nor endorsed by the vendor"
}
