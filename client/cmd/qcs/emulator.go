package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
)

// emulator gives a client of the control API for the world of the user.
func (s *session) emulator(ctx context.Context) (*emulator.Client, error) {
	token, err := s.Token(client.WithRawResponse(ctx, new([]byte)))
	if err != nil {
		return nil, err
	}
	return emulator.New(s.account.target(), token, &http.Client{Transport: s.exchange}), nil
}

// runner gives a client of the control API for whoever runs the emulator: with the control token,
// if there is one, and without a login.
func (p *program) runner(ctx context.Context) (*session, context.Context, error) {
	token := p.getenv("QCS_CONTROL_TOKEN")
	a, err := p.resolve()
	if err != nil {
		return nil, ctx, err
	}
	a.Auth, a.Token = "token", token
	if a.Token == "" {
		a.Token = "none" // on loopback none is needed
	}
	s, ctx, err := p.open(ctx, a)
	if err == nil {
		s.control = emulator.New(a.target(), token, &http.Client{Transport: s.exchange})
	}
	return s, ctx, err
}

// controlling is a command of the control API that shows an R.
type controlling[R any] struct {
	use, short string
	args       cobra.PositionalArgs
	columns    []string // of a list
	worlds     bool     // it is for whoever runs the emulator
	flags      func(*cobra.Command)
	call       func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (R, error)
}

func (c controlling[R]) command(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: c.use, Short: c.short, Args: c.args}
	if c.flags != nil {
		c.flags(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		connect := p.connect
		if c.worlds {
			connect = p.runner
		}
		s, ctx, err := connect(cmd.Context())
		if err != nil {
			return err
		}
		defer s.cancel()
		if !c.worlds {
			if s.control, err = s.emulator(ctx); err != nil {
				return err
			}
		}
		value, err := c.call(ctx, s.control, cmd, args)
		if err != nil {
			return err
		}
		return c.show(p, value)
	}
	return cmd
}

// show prints what a call answered; nothing for calls that answer nothing.
func (c controlling[R]) show(p *program, value R) error {
	if _, none := any(value).(struct{}); none {
		return nil
	}
	o := &printer{p, c.columns}
	if len(p.flags.columns) > 0 {
		o.columns = p.flags.columns
	}
	if len(c.columns) == 0 {
		return o.value(value, nil)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var items []any
	if err := json.Unmarshal(data, &items); err != nil {
		return err
	}
	return o.rows(items, -1)
}

func (p *program) emulatorCommand() *cobra.Command {
	return group(
		"emulator",
		"The emulator's own: worlds, clock, faults, snapshots, journal, recordings. No platform has it",
		p.worldCommand(),
		p.clockCommand(),
		p.faultCommand(),
		p.snapshotCommand(),
		p.journalCommand(),
		p.recordingCommand(),
		p.addRepositoryCommand(),
		controlling[struct{}]{
			use:   "force REGISTRY SCHEDULE STATUS",
			short: "Put a schedule into a status",
			args:  cobra.ExactArgs(3),
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				return struct{}{}, c.Force(ctx, args[0], args[1], args[2])
			},
		}.command(
			p,
		),
		controlling[[]control.Evidence]{
			use:     "evidence",
			short:   "List on what the emulator's behaviour rests",
			args:    cobra.NoArgs,
			columns: []string{"kind", "name", "class", "source"},
			call: func(
				ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string,
			) ([]control.Evidence, error) {
				return c.Evidence(ctx)
			},
		}.command(
			p,
		),
	)
}

func (p *program) worldCommand() *cobra.Command {
	wanted := func(cmd *cobra.Command) {
		cmd.Flags().String("plan", "", "Free, Trial or Full")
		cmd.Flags().String("seed", "", "seed to load, such as release-notes")
		cmd.Flags().String("scenario", "", "file with a scenario to load (JSON or YAML); - for standard input")
	}
	request := func(cmd *cobra.Command, args []string) (r control.WorldRequest, err error) {
		if len(args) > 0 {
			r.Name = args[0]
		}
		r.Plan, r.Seed = control.Plan(cmd.Flag("plan").Value.String()), cmd.Flag("seed").Value.String()
		if file := cmd.Flag("scenario").Value.String(); file != "" {
			err = p.readBody(file, &r.Scenario)
		}
		return r, err
	}
	return group(
		"world",
		"Worlds: subscriptions that do not see each other. With QCS_CONTROL_TOKEN where the emulator has a "+
			"control token",
		controlling[[]control.World]{
			use:     "list",
			short:   "List the worlds",
			args:    cobra.NoArgs,
			worlds:  true,
			columns: []string{"name", "plan", "users"},
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) ([]control.World, error) {
				return c.ListWorlds(ctx)
			},
		}.command(
			p,
		),
		controlling[control.World]{
			use:    "create [NAME]",
			short:  "Make a world, and show how to log in to it",
			args:   cobra.MaximumNArgs(1),
			worlds: true,
			flags:  wanted,
			call: func(
				ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string,
			) (control.World, error) {
				r, err := request(cmd, args)
				if err != nil {
					return control.World{}, err
				}
				return c.CreateWorld(ctx, r)
			},
		}.command(
			p,
		),
		controlling[control.World]{
			use:    "clone WORLD [NAME]",
			short:  "Copy a world",
			args:   cobra.RangeArgs(1, 2),
			worlds: true,
			flags:  wanted,
			call: func(
				ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string,
			) (control.World, error) {
				r, err := request(cmd, args[1:])
				if err != nil {
					return control.World{}, err
				}
				return c.CloneWorld(ctx, args[0], r)
			},
		}.command(
			p,
		),
		controlling[control.World]{
			use:    "update WORLD",
			short:  "Change the plan of a world",
			args:   cobra.ExactArgs(1),
			worlds: true,
			flags:  func(cmd *cobra.Command) { cmd.Flags().String("plan", "", "Free, Trial or Full") },
			call: func(
				ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string,
			) (control.World, error) {
				return c.UpdateWorld(
					ctx, args[0], control.WorldUpdate{Plan: control.Plan(cmd.Flag("plan").Value.String())},
				)
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:    "reset WORLD",
			short:  "Empty a world",
			args:   cobra.ExactArgs(1),
			worlds: true,
			flags:  wanted,
			call: func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (struct{}, error) {
				r, err := request(cmd, nil)
				if err != nil {
					return struct{}{}, err
				}
				return struct{}{}, c.ResetWorld(ctx, args[0], control.WorldReset{Seed: r.Seed, Scenario: r.Scenario})
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:    "drop WORLD",
			short:  "Remove a world with all that belongs to it",
			args:   cobra.ExactArgs(1),
			worlds: true,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				return struct{}{}, c.DropWorld(ctx, args[0])
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:    "expire-tokens WORLD",
			short:  "Let all tokens of a world expire",
			args:   cobra.ExactArgs(1),
			worlds: true,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				return struct{}{}, c.ExpireTokens(ctx, args[0])
			},
		}.command(
			p,
		),
	)
}

func (p *program) clockCommand() *cobra.Command {
	set := func(use, short string, args cobra.PositionalArgs, setting func(
		args []string,
	) (control.ClockSetting, error)) *cobra.Command {
		return controlling[control.Clock]{
			use:   use,
			short: short,
			args:  args,
			call: func(
				ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string,
			) (control.Clock, error) {
				s, err := setting(args)
				if err != nil {
					return control.Clock{}, &usageError{err.Error()}
				}
				return c.SetClock(ctx, s)
			},
		}.command(
			p,
		)
	}
	at := func(args []string) (now control.Millis, err error) {
		if len(args) == 0 {
			return 0, nil
		}
		t, err := time.Parse(time.RFC3339, args[0])
		return control.Millis(t.UnixMilli()), err
	}
	return group(
		"clock",
		"The time of the world",
		controlling[control.Clock]{
			use:   "get",
			short: "Show the clock",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (control.Clock, error) {
				return c.Clock(ctx)
			},
		}.command(
			p,
		),
		set(
			"freeze [TIME]",
			"Let the clock stand still, now or at a time such as 2026-01-02T03:04:05Z",
			cobra.MaximumNArgs(1),
			func(args []string) (control.ClockSetting, error) {
				now, err := at(args)
				return control.ClockSetting{Mode: control.ClockModeFrozen, Now: now}, err
			},
		),
		set(
			"set TIME",
			"Let the clock show another time and go on",
			cobra.ExactArgs(1),
			func(args []string) (control.ClockSetting, error) {
				now, err := at(args)
				return control.ClockSetting{Mode: control.ClockModeOffset, Now: now}, err
			},
		),
		set(
			"scale RATE",
			"Let the clock run so many times as fast",
			cobra.ExactArgs(1),
			func(args []string) (control.ClockSetting, error) {
				rate, err := strconv.ParseFloat(args[0], 64)
				return control.ClockSetting{Mode: control.ClockModeScaled, Rate: rate}, err
			},
		),
		set(
			"real",
			"Let the clock show the time of the machine",
			cobra.NoArgs,
			func([]string) (control.ClockSetting, error) {
				return control.ClockSetting{Mode: control.ClockModeReal}, nil
			},
		),
		controlling[control.Advanced]{
			use:   "advance DURATION",
			short: "Move the clock on, such as 1h30m, and show what happened",
			args:  cobra.ExactArgs(1),
			call: func(
				ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string,
			) (control.Advanced, error) {
				d, err := time.ParseDuration(args[0])
				if err != nil {
					return control.Advanced{}, &usageError{err.Error()}
				}
				return c.Advance(ctx, d)
			},
		}.command(
			p,
		),
	)
}

func (p *program) faultCommand() *cobra.Command {
	return group(
		"fault",
		"Calls that go wrong on purpose",
		controlling[[]control.Fault]{
			use:     "list",
			short:   "List the faults",
			args:    cobra.NoArgs,
			columns: []string{"faultId", "operation", "when", "effect", "calls", "hits"},
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) ([]control.Fault, error) {
				return c.Faults(ctx)
			},
		}.command(
			p,
		),
		controlling[control.Fault]{
			use:   "add -f FILE",
			short: "Add a fault from a file (JSON or YAML): operation, user, when, effect",
			args:  cobra.NoArgs,
			flags: func(cmd *cobra.Command) {
				cmd.Flags().StringP("file", "f", "", "file; - for standard input")
			},
			call: func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, _ []string) (control.Fault, error) {
				var r control.FaultRequest
				if err := p.readBody(cmd.Flag("file").Value.String(), &r); err != nil {
					return control.Fault{}, err
				}
				return c.AddFault(ctx, r)
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "remove FAULT",
			short: "Remove a fault",
			args:  cobra.ExactArgs(1),
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				return struct{}{}, c.RemoveFault(ctx, args[0])
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "clear",
			short: "Remove all faults",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (struct{}, error) {
				return struct{}{}, c.ClearFaults(ctx)
			},
		}.command(
			p,
		),
	)
}

func (p *program) snapshotCommand() *cobra.Command {
	return group(
		"snapshot",
		"States of the world to come back to",
		controlling[[]control.Snapshot]{
			use:     "list",
			short:   "List the snapshots",
			args:    cobra.NoArgs,
			columns: []string{"name", "taken", "rows"},
			call: func(
				ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string,
			) ([]control.Snapshot, error) {
				return c.Snapshots(ctx)
			},
		}.command(
			p,
		),
		controlling[control.Snapshot]{
			use:   "save NAME",
			short: "Save the world under a name",
			args:  cobra.ExactArgs(1),
			call: func(
				ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string,
			) (control.Snapshot, error) {
				return c.Save(ctx, args[0])
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "restore NAME",
			short: "Bring the world back to a snapshot",
			args:  cobra.ExactArgs(1),
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				return struct{}{}, c.Restore(ctx, args[0])
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "delete NAME",
			short: "Remove a snapshot",
			args:  cobra.ExactArgs(1),
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				return struct{}{}, c.DeleteSnapshot(ctx, args[0])
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "export NAME",
			short: "Write a snapshot to standard output",
			args:  cobra.ExactArgs(1),
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (struct{}, error) {
				file, err := c.Export(ctx, args[0])
				if err == nil {
					err = json.NewEncoder(p.stdout).Encode(file)
				}
				return struct{}{}, err
			},
		}.command(
			p,
		),
		controlling[control.Snapshot]{
			use:   "import NAME FILE",
			short: "Keep an exported snapshot under a name; - for standard input",
			args:  cobra.ExactArgs(2),
			call: func(
				ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string,
			) (control.Snapshot, error) {
				in, err := p.input(args[1])
				if err != nil {
					return control.Snapshot{}, &usageError{err.Error()}
				}
				defer in.Close()
				var file control.SnapshotFile
				if err := json.NewDecoder(in).Decode(&file); err != nil {
					return control.Snapshot{}, &usageError{fmt.Sprintf("%s: %v", args[1], err)}
				}
				return c.Import(ctx, args[0], file)
			},
		}.command(
			p,
		),
	)
}

func (p *program) journalCommand() *cobra.Command {
	return group(
		"journal",
		"What was called in the world, and what was answered",
		listing[control.Exchange]{
			use:     "list",
			short:   "List the last calls, the newest first",
			columns: []string{"seq", "at", "operation", "method", "path", "status", "user", "fault", "detail"},
			list: func(ctx context.Context, s *session, _ []string, l client.List) iter.Seq2[control.Exchange, error] {
				c, err := s.emulator(ctx)
				if err != nil {
					return every[control.Exchange](nil, err)
				}
				return every(c.Journal(ctx, l.Filter))
			},
		}.command(
			p,
		),
		controlling[control.Verdict]{
			use:   "verify",
			short: "Ask whether calls were made as expected; exit code 1 when not",
			args:  cobra.NoArgs,
			flags: func(cmd *cobra.Command) {
				cmd.Flags().String("operation", "", "operationId; any when not given")
				cmd.Flags().String("filter", "", "query in QQL, such as status:200")
				cmd.Flags().Int("times", -1, "exactly so many; at least one when not given")
			},
			call: func(
				ctx context.Context, c *emulator.Client, cmd *cobra.Command, _ []string,
			) (control.Verdict, error) {
				e := control.Expectation{
					Operation: cmd.Flag("operation").Value.String(),
					Filter:    cmd.Flag("filter").Value.String(),
				}
				if times, err := cmd.Flags().GetInt("times"); err == nil && times >= 0 {
					e.Times = &times
				}
				v, err := c.Verify(ctx, e)
				if err == nil && !v.Met {
					err = fmt.Errorf("there were %d such calls, not %s", v.Matched, v.Expected)
				}
				return v, err
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "clear",
			short: "Forget the calls",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (struct{}, error) {
				return struct{}{}, c.ClearJournal(ctx)
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "har",
			short: "Write the calls as an HTTP archive to standard output",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (struct{}, error) {
				har, err := c.HAR(ctx)
				if err == nil {
					err = json.NewEncoder(p.stdout).Encode(har)
				}
				return struct{}{}, err
			},
		}.command(
			p,
		),
	)
}
