package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
)

// subscriptionFlags are the flags of a command that changes a world itself.
func subscriptionFlags(cmd *cobra.Command) {
	cmd.Flags().String("plan", "", "Free, Trial or Full")
	cmd.Flags().String("tokens", "", "clock by which tokens expire: real, that of the machine, or world, "+
		"for tests of the expiry")
}

// worldFlags are the flags of a command that creates a world.
func worldFlags(cmd *cobra.Command) {
	subscriptionFlags(cmd)
	contentFlags(cmd)
}

// contentFlags are the flags of a command that fills a world.
func contentFlags(cmd *cobra.Command) {
	cmd.Flags().String("seed", "", "seed to load, such as release-notes")
	cmd.Flags().String("scenario", "", "file with a scenario to load (JSON or YAML); - for standard input")
}

// flagValue is the value of a flag; "" if the command has no such flag.
func flagValue(cmd *cobra.Command, name string) string {
	if f := cmd.Flag(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// fill is a call with the values of worldFlags or contentFlags.
func (p *program) fill(
	call func(ctx context.Context, c *emulator.Client, args []string, r control.WorldRequest) (any, error),
) controlCall {
	return func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
		r := control.WorldRequest{
			Plan:   control.Plan(flagValue(cmd, "plan")),
			Tokens: control.TokenClock(flagValue(cmd, "tokens")),
			Seed:   flagValue(cmd, "seed"),
		}
		if file := flagValue(cmd, "scenario"); file != "" {
			if err := p.readBody(file, &r.Scenario); err != nil {
				return nil, err
			}
		}
		return call(ctx, c, args, r)
	}
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
			columns: []string{"name", "plan", "tokens", "users"},
			call:    give((*emulator.Client).ListWorlds),
		}.command(p),
		world("create [NAME]", "Create a world, and show how to log in to it", worldFlags, p.fill(createWorld)),
		world("clone WORLD [NAME]", "Copy a world", worldFlags, p.fill(cloneWorld)),
		world("update WORLD", "Change the plan of a world, or the clock of its tokens", subscriptionFlags, updateWorld),
		world("reset WORLD", "Empty a world", contentFlags, p.fill(resetWorld)),
		world("drop WORLD", "Remove a world with all its data", nil, doOn((*emulator.Client).DropWorld)),
		world("expire-tokens WORLD", "Expire all tokens of a world", nil, doOn((*emulator.Client).ExpireTokens)),
	)
}

func createWorld(ctx context.Context, c *emulator.Client, args []string, r control.WorldRequest) (any, error) {
	if len(args) > 0 {
		r.Name = args[0]
	}
	return c.CreateWorld(ctx, r)
}

func cloneWorld(ctx context.Context, c *emulator.Client, args []string, r control.WorldRequest) (any, error) {
	if len(args) > 1 {
		r.Name = args[1]
	}
	return c.CloneWorld(ctx, args[0], r)
}

func resetWorld(ctx context.Context, c *emulator.Client, args []string, r control.WorldRequest) (any, error) {
	return nil, c.ResetWorld(ctx, args[0], control.WorldReset{Seed: r.Seed, Scenario: r.Scenario})
}

func updateWorld(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
	return c.UpdateWorld(ctx, args[0], control.WorldUpdate{
		Plan: control.Plan(flagValue(cmd, "plan")), Tokens: control.TokenClock(flagValue(cmd, "tokens")),
	})
}

// setClock sets a mode of the clock, with the time of the first argument if there is one.
func setClock(mode control.ClockMode) controlCall {
	return func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
		setting := control.ClockSetting{Mode: mode}
		if len(args) > 0 {
			now, err := time.Parse(time.RFC3339, args[0])
			if err != nil {
				return nil, &usageError{err.Error()}
			}
			setting.Now = new(openapi.MillisOf(now))
		}
		return c.SetClock(ctx, setting)
	}
}

func scaleClock(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
	rate, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return c.SetClock(ctx, control.ClockSetting{Mode: control.ClockModeScaled, Rate: rate})
}

func advanceClock(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return c.Advance(ctx, d)
}

func (p *program) clockCommand() *cobra.Command {
	return group("clock", "The time of the world",
		p.control("get", "Show the clock", give((*emulator.Client).Clock)),
		p.control(
			"freeze [TIME]", "Stop the clock, now or at a time such as 2026-01-02T03:04:05Z",
			setClock(control.ClockModeFrozen),
		),
		p.control("set TIME", "Set the clock to another time; it keeps running", setClock(control.ClockModeOffset)),
		p.control("scale RATE", "Run the clock faster by a factor", scaleClock),
		p.control("real", "Use the time of the machine", setClock(control.ClockModeReal)),
		p.control("advance DURATION", "Move the clock forward, such as 1h30m, and show what happened", advanceClock),
	)
}
