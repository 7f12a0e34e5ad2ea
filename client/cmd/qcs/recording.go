package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
)

func (p *program) recordingCommand() *cobra.Command {
	return group(
		"recording",
		"Calls of the world that can be made again, with the same answers",
		controlling[struct{}]{
			use:   "start",
			short: "Begin to record the world",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (struct{}, error) {
				return struct{}{}, c.StartRecording(ctx)
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "export",
			short: "Write the recording to standard output, as a scenario",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (struct{}, error) {
				scenario, err := c.Recording(ctx)
				if err == nil {
					err = json.NewEncoder(p.stdout).Encode(scenario)
				}
				return struct{}{}, err
			},
		}.command(
			p,
		),
		controlling[struct{}]{
			use:   "stop",
			short: "End the recording and forget it",
			args:  cobra.NoArgs,
			call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (struct{}, error) {
				return struct{}{}, c.StopRecording(ctx)
			},
		}.command(
			p,
		),
		p.replayCommand(),
	)
}

func (p *program) replayCommand() *cobra.Command {
	return controlling[control.Replay]{
		use:   "replay FILE",
		short: "Make the calls of a recording again; exit code 1 when an answer differs; - for standard input",
		args:  cobra.ExactArgs(1),
		call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (control.Replay, error) {
			in, err := p.input(args[0])
			if err != nil {
				return control.Replay{}, &usageError{err.Error()}
			}
			defer in.Close()
			var scenario control.Scenario
			if err := json.NewDecoder(in).Decode(&scenario); err != nil {
				return control.Replay{}, &usageError{fmt.Sprintf("%s: %v", args[0], err)}
			}
			replay, err := c.Replay(ctx, scenario)
			if err == nil && len(replay.Differences) > 0 {
				d := replay.Differences[0]
				err = fmt.Errorf(
					"%d of %d answers are the same; call %d, %s %s, differs in %s: recorded %q, replayed %q",
					replay.Same, replay.Calls, d.Call, d.Method, d.Path, d.What, d.Recorded, d.Replayed,
				)
			}
			return replay, err
		},
	}.command(
		p,
	)
}

func (p *program) addRepositoryCommand() *cobra.Command {
	var images control.ScenarioImages
	return controlling[control.ScenarioRepository]{
		use:   "add-repository REGISTRY REPOSITORY",
		short: "Give a registry a repository, or more images in it",
		args:  cobra.ExactArgs(2),
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&images.Tag, "tag", "", "tag of an image in it; {n} is its number")
			cmd.Flags().IntVar(&images.Count, "count", 1, "how many such images")
		},
		call: func(
			ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string,
		) (control.ScenarioRepository, error) {
			r := control.ScenarioRepository{RepoName: args[1]}
			if images.Tag != "" {
				r.Images = []control.ScenarioImages{images}
			}
			return c.AddRepository(ctx, args[0], r)
		},
	}.command(
		p,
	)
}
