package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// deletion is a command that deletes things by their ids. Before that, it prints how many of them
// exist and asks for a confirmation.
type deletion struct {
	use, short, what string
	waits            bool // the service starts a job; the command has --wait
	count            func(s *session, ctx context.Context, ids []string) (existing int, err error)
	do               func(ctx context.Context, p *program, s *session, r deletionRun) error
	complete         cobra.CompletionFunc
}

type deletionRun struct {
	ids               []string
	yes, dryRun, wait bool
}

func (d deletion) command(p *program) *cobra.Command {
	var r deletionRun
	cmd := &cobra.Command{
		Use:               d.use,
		Short:             d.short,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: d.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ids = unique(args)
			return p.inSession(cmd, func(ctx context.Context, s *session) error { return d.run(ctx, p, s, r) })
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&r.yes, "yes", "y", false, "do not ask for a confirmation")
	f.BoolVar(&r.dryRun, "dry-run", false, "print how many of them exist, and delete nothing")
	if d.waits {
		f.BoolVar(&r.wait, "wait", false, "wait until the job is done, and print its result")
	}
	return cmd
}

func (d deletion) run(ctx context.Context, p *program, s *session, r deletionRun) error {
	if s.exchange.several = true; p.flags.curl {
		return d.do(ctx, p, s, r)
	}
	existing, err := d.count(s, ctx, r.ids)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "%d of %d selected %s at %s will be deleted.\n", existing, len(r.ids), d.what, s.where())
	if r.dryRun {
		return nil
	}
	if err := p.confirm(ctx, "Delete", r.yes); err != nil {
		return err
	}
	return d.do(ctx, p, s, r)
}

func (p *program) deleteRegistriesCommand() *cobra.Command {
	return deletion{
		use:      "delete REGISTRY...",
		short:    "Delete registries with all that is in them",
		what:     "registries",
		waits:    true,
		complete: p.completeRegistry,
		count: func(s *session, ctx context.Context, ids []string) (existing int, err error) {
			for batch := range slices.Chunk(ids, 100) {
				list := client.List{Filter: qql.In("registryUuid", batch...).String()}
				for _, err := range s.ListRegistries(ctx, list) {
					if err != nil {
						return 0, err
					}
					existing++
				}
			}
			return existing, nil
		},
		do: func(ctx context.Context, p *program, s *session, r deletionRun) error {
			o, err := p.jobs(r.wait) // before the call: wrong columns must not start a job
			if err != nil {
				return err
			}
			var raw []byte
			job, err := s.DeleteRegistries(client.WithRawResponse(ctx, &raw), r.ids...)
			switch {
			case err != nil || p.flags.curl:
				return err
			case r.wait:
				return o.await(ctx, job, "deleted")
			}
			return o.started(job, raw)
		},
	}.command(p)
}

func (p *program) deleteReportsCommand() *cobra.Command {
	return deletion{
		use: "delete REPORT...", short: "Delete reports", what: "reports",
		count: (*session).countReports,
		do: func(ctx context.Context, p *program, s *session, r deletionRun) error {
			o, err := p.printer(api.ReportDeletion{})
			if err != nil {
				return err
			}
			var raw []byte
			gone, err := s.DeleteReports(client.WithRawResponse(ctx, &raw), r.ids...)
			if err != nil || p.flags.curl {
				return err
			}
			// without a body, it is not known which reports existed
			if err := o.value(api.ReportDeletion{Data: gone}, raw); err != nil || len(raw) == 0 ||
				len(gone) == len(r.ids) {
				return err
			}
			return &partialError{fmt.Sprintf("%d of %d reports were deleted", len(gone), len(r.ids))}
		},
	}.command(p)
}
