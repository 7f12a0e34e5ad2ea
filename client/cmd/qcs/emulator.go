package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
)

func (p *program) emulatorCommand() *cobra.Command {
	return group(
		"emulator",
		"Worlds, clock, faults, snapshots, journal and recordings; not available on the vendor's platforms",
		p.worldCommand(),
		p.clockCommand(),
		p.faultCommand(),
		p.snapshotCommand(),
		p.journalCommand(),
		p.recordingCommand(),
		p.addRepositoryCommand(),
		p.control("force REGISTRY SCHEDULE STATUS", "Put a schedule into a status", force),
		controlling{
			use:     "evidence",
			short:   "List what the emulator's behaviour is based on",
			columns: []string{"kind", "name", "class", "source"},
			call:    give((*emulator.Client).Evidence),
		}.command(p),
	)
}

func force(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
	return nil, c.Force(ctx, args[0], args[1], args[2])
}

func (p *program) faultCommand() *cobra.Command {
	return group("fault", "Calls that fail on purpose",
		controlling{
			use:     "list",
			short:   "List the faults",
			columns: []string{"faultId", "operation", "when", "effect", "calls", "hits"},
			call:    give((*emulator.Client).Faults),
		}.command(p),
		controlling{
			use:   "add -f FILE",
			short: "Add a fault from a file (JSON or YAML): operation, user, match, when, and effect or sequence",
			flags: func(cmd *cobra.Command) { cmd.Flags().StringP("file", "f", "", "file; - for standard input") },
			call: func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, _ []string) (any, error) {
				var r control.FaultRequest
				if err := p.readBody(cmd.Flag("file").Value.String(), &r); err != nil {
					return nil, err
				}
				return c.AddFault(ctx, r)
			},
		}.command(p),
		p.control("remove FAULT", "Remove a fault", doOn((*emulator.Client).RemoveFault)),
		p.control("clear", "Remove all faults", do((*emulator.Client).ClearFaults)),
	)
}

func (p *program) snapshotCommand() *cobra.Command {
	return group("snapshot", "Saved states of the world",
		controlling{
			use:     "list",
			short:   "List the snapshots",
			columns: []string{"name", "taken", "rows"},
			call:    give((*emulator.Client).Snapshots),
		}.command(p),
		p.control("save NAME", "Save the world under a name", giveOf((*emulator.Client).Save)),
		p.control("restore NAME", "Restore the world from a snapshot", doOn((*emulator.Client).Restore)),
		p.control("delete NAME", "Remove a snapshot", doOn((*emulator.Client).DeleteSnapshot)),
		p.control("export NAME", "Write a snapshot to standard output", p.export(giveOf((*emulator.Client).Export))),
		p.control("import NAME FILE", "Save an exported snapshot under a name; - for standard input", p.load),
	)
}

// load imports a snapshot from a file.
func (p *program) load(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
	var file control.SnapshotFile
	if err := p.readJSON(args[1], &file); err != nil {
		return nil, err
	}
	return c.Import(ctx, args[0], file)
}

func (p *program) journalCommand() *cobra.Command {
	return group("journal", "Requests and responses of the world",
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
		}.command(p),
		p.verifyCommand(),
		controlling{
			use:     "unmatched",
			short:   "List the last calls that match no operation or no user, the newest first",
			worlds:  true,
			columns: []string{"seq", "at", "method", "path", "status", "nearest", "detail"},
			call:    give((*emulator.Client).Unmatched),
		}.command(p),
		p.control("clear", "Delete the journal", do((*emulator.Client).ClearJournal)),
		p.control(
			"har", "Write the calls as an HTTP archive to standard output",
			p.export(give((*emulator.Client).HAR)),
		),
	)
}

func (p *program) verifyCommand() *cobra.Command {
	var e control.Expectation
	var times int
	return controlling{
		use:   "verify",
		short: "Check whether the journal has the expected calls; exit code 1 if not",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&e.Operation, "operation", "", "operationId, with * for any text; any when not given")
			cmd.Flags().StringVar(&e.User, "user", "", "user who made the calls")
			cmd.Flags().StringVar(&e.Match.Path, "path", "", "path, with * for any text")
			cmd.Flags().StringSliceVar(&e.Match.IDs, "id", nil,
				"id that the calls contain: in the path, the query or the body")
			cmd.Flags().StringVar(&e.Filter, "filter", "", "query in QQL, such as status:200")
			cmd.Flags().IntVar(&times, "times", -1, "expected number of calls; without it, at least one")
		},
		call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (any, error) {
			if times >= 0 {
				e.Times = &times
			}
			v, err := c.Verify(ctx, e)
			if err == nil && !v.Met {
				err = fmt.Errorf("there were %d such calls, not %s%s", v.Matched, v.Expected, emulator.Unmet(v))
			}
			return v, err
		},
	}.command(p)
}

func (p *program) addRepositoryCommand() *cobra.Command {
	var images control.ScenarioImages
	return controlling{
		use:   "add-repository REGISTRY REPOSITORY",
		short: "Add a repository to a registry, or images to a repository",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&images.Tag, "tag", "", "tag of an image in it; {n} is its number")
			cmd.Flags().IntVar(&images.Count, "count", 1, "number of images to add")
		},
		call: func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
			r := control.ScenarioRepository{RepoName: args[1]}
			if images.Tag != "" {
				r.Images = []control.ScenarioImages{images}
			}
			return c.AddRepository(ctx, args[0], r)
		},
	}.command(p)
}
