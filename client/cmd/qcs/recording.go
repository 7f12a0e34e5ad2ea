package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
)

func (p *program) recordingCommand() *cobra.Command {
	return group("recording", "Recorded calls of the world, for replay",
		p.control("start", "Start a recording of the world", do((*emulator.Client).StartRecording)),
		p.control(
			"export", "Write the recording to standard output, as a scenario",
			p.export(give((*emulator.Client).Recording)),
		),
		p.control("stop", "Stop and delete the recording", do((*emulator.Client).StopRecording)),
		p.control(
			"replay FILE",
			"Send the calls of a recording again; exit code 1 when a response differs; - for standard input", p.replay,
		),
	)
}

// replay replays a recording; the error names the first difference.
func (p *program) replay(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
	var recording control.Scenario
	if err := p.readJSON(args[0], &recording); err != nil {
		return nil, err
	}
	r, err := c.Replay(ctx, recording)
	if err != nil || len(r.Differences) == 0 {
		return r, err
	}
	d := r.Differences[0]
	return r, fmt.Errorf(
		"%d of %d answers are the same; call %d, %s %s, differs in %s: recorded %q, replayed %q",
		r.Same, r.Calls, d.Call, d.Method, d.Path, d.What, d.Recorded, d.Replayed,
	)
}
