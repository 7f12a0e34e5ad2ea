package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
)

func planFlag(cmd *cobra.Command) { cmd.Flags().String("plan", "", "Free, Trial or Full") }

// worldFlags are the flags of a command that fills a world.
func worldFlags(cmd *cobra.Command) {
	planFlag(cmd)
	cmd.Flags().String("seed", "", "seed to load, such as release-notes")
	cmd.Flags().String("scenario", "", "file with a scenario to load (JSON or YAML); - for standard input")
}

// worldRequest reads the flags of worldFlags, and the name of the world from the arguments.
func (p *program) worldRequest(cmd *cobra.Command, args []string) (r control.WorldRequest, err error) {
	if len(args) > 0 {
		r.Name = args[0]
	}
	r.Plan, r.Seed = control.Plan(cmd.Flag("plan").Value.String()), cmd.Flag("seed").Value.String()
	if file := cmd.Flag("scenario").Value.String(); file != "" {
		err = p.readBody(file, &r.Scenario)
	}
	return r, err
}

func (p *program) worldCommand() *cobra.Command {
	world := func(use, short string, flags func(*cobra.Command), call controlCall) *cobra.Command {
		return controlling{use: use, short: short, worlds: true, flags: flags, call: call}.command(p)
	}
	return group("world", "Worlds: separate subscriptions. Set QCS_CONTROL_TOKEN if the emulator has a control token",
		controlling{
			use:     "list",
			short:   "List the worlds",
			worlds:  true,
			columns: []string{"name", "plan", "users"},
			call:    give((*emulator.Client).ListWorlds),
		}.command(p),
		world("create [NAME]", "Create a world, and show how to log in to it", worldFlags, p.createWorld),
		world("clone WORLD [NAME]", "Copy a world", worldFlags, p.cloneWorld),
		world("update WORLD", "Change the plan of a world", planFlag, updateWorld),
		world("reset WORLD", "Empty a world", worldFlags, p.resetWorld),
		world("drop WORLD", "Remove a world with all its data", nil, doOn((*emulator.Client).DropWorld)),
		world("expire-tokens WORLD", "Let all tokens of a world expire", nil, doOn((*emulator.Client).ExpireTokens)),
	)
}

// createWorld creates a world with the values of the flags.
func (p *program) createWorld(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
	r, err := p.worldRequest(cmd, args)
	if err != nil {
		return nil, err
	}
	return c.CreateWorld(ctx, r)
}

// cloneWorld copies a world and then applies the flags.
func (p *program) cloneWorld(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
	r, err := p.worldRequest(cmd, args[1:])
	if err != nil {
		return nil, err
	}
	return c.CloneWorld(ctx, args[0], r)
}

func updateWorld(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
	plan := control.Plan(cmd.Flag("plan").Value.String())
	return c.UpdateWorld(ctx, args[0], control.WorldUpdate{Plan: plan})
}

// resetWorld empties a world and loads the seed or scenario of the flags.
func (p *program) resetWorld(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
	r, err := p.worldRequest(cmd, nil)
	if err != nil {
		return nil, err
	}
	return nil, c.ResetWorld(ctx, args[0], control.WorldReset{Seed: r.Seed, Scenario: r.Scenario})
}

// clockSetting is a command that sets the clock as its arguments say.
func (p *program) clockSetting(
	use, short string, parse func(args []string) (control.ClockSetting, error),
) *cobra.Command {
	return p.control(use, short, func(
		ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string,
	) (any, error) {
		setting, err := parse(args)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		return c.SetClock(ctx, setting)
	})
}

// clockMode gives a clock setting with the time of the first argument, if there is one.
func clockMode(mode control.ClockMode) func(args []string) (control.ClockSetting, error) {
	return func(args []string) (control.ClockSetting, error) {
		setting := control.ClockSetting{Mode: mode}
		if len(args) == 0 {
			return setting, nil
		}
		now, err := time.Parse(time.RFC3339, args[0])
		setting.Now = control.Millis(now.UnixMilli())
		return setting, err
	}
}

func (p *program) clockCommand() *cobra.Command {
	return group("clock", "The time of the world",
		p.control("get", "Show the clock", give((*emulator.Client).Clock)),
		p.clockSetting(
			"freeze [TIME]", "Stop the clock, now or at a time such as 2026-01-02T03:04:05Z",
			clockMode(control.ClockModeFrozen),
		),
		p.clockSetting(
			"set TIME", "Set the clock to another time; it keeps running", clockMode(control.ClockModeOffset),
		),
		p.clockSetting(
			"scale RATE", "Run the clock faster by a factor",
			func(args []string) (control.ClockSetting, error) {
				rate, err := strconv.ParseFloat(args[0], 64)
				return control.ClockSetting{Mode: control.ClockModeScaled, Rate: rate}, err
			},
		),
		p.clockSetting("real", "Use the time of the machine", clockMode(control.ClockModeReal)),
		controlling{
			use:   "advance DURATION",
			short: "Move the clock forward, such as 1h30m, and show what happened",
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
				d, err := time.ParseDuration(args[0])
				if err != nil {
					return nil, &usageError{err.Error()}
				}
				return c.Advance(ctx, d)
			},
		}.command(p),
	)
}
