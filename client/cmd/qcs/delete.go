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

// deletion is a command that deletes things by their ids, after it has shown how many there are,
// and where, and asked.
type deletion struct {
	use, short, what string
	waits            bool // the service starts a job, for which --wait waits
	count            func(ctx context.Context, s *session, ids []string) (there int, err error)
	do               func(ctx context.Context, p *program, s *session, r deletionRun) error
	complete         func(*program) cobra.CompletionFunc
}

type deletionRun struct {
	ids               []string
	yes, dryRun, wait bool
}

func (d deletion) command(p *program) *cobra.Command {
	var r deletionRun
	cmd := &cobra.Command{
		Use:   d.use,
		Short: d.short,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, ctx, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s.cancel()
			r.ids = slices.Compact(slices.Sorted(slices.Values(args)))
			if s.exchange.several = true; p.flags.curl {
				return d.do(ctx, p, s, r)
			}
			there, err := d.count(ctx, s, r.ids)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.stderr, "%d of %d selected %s at %s will be deleted.\n", there, len(r.ids), d.what, s.where())
			if r.dryRun {
				return nil
			}
			if !r.yes {
				if err := p.confirm(ctx, "Delete"); err != nil {
					return err
				}
			}
			return d.do(ctx, p, s, r)
		},
	}
	if d.complete != nil {
		cmd.ValidArgsFunction = d.complete(p)
	}
	f := cmd.Flags()
	f.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&r.dryRun, "dry-run", false, "show how many there are, and do nothing")
	if d.waits {
		f.BoolVar(&r.wait, "wait", false, "wait until the job is done, and show what it did")
	}
	return cmd
}

func (p *program) deleteRegistriesCommand() *cobra.Command {
	return deletion{
		use:      "delete REGISTRY...",
		short:    "Delete registries with all that is in them",
		what:     "registries",
		waits:    true,
		complete: completeRegistry,
		count: func(ctx context.Context, s *session, ids []string) (there int, err error) {
			for part := range slices.Chunk(ids, 100) {
				list := client.List{Filter: qql.In("registryUuid", part...).String()}
				for _, err := range s.ListRegistries(ctx, list) {
					if err != nil {
						return 0, err
					}
					there++
				}
			}
			return there, nil
		},
		do: func(ctx context.Context, p *program, s *session, r deletionRun) error {
			o, err := p.jobs(r.wait) // before anything is done
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
			case len(job.IDs) > 1:
				raw = nil
			}
			return o.value(jobReference{job.IDs}, raw)
		},
	}.command(p)
}

func (p *program) deleteReportsCommand() *cobra.Command {
	return deletion{
		use: "delete REPORT...", short: "Delete reports", what: "reports",
		count: func(ctx context.Context, s *session, ids []string) (there int, err error) {
			for r, err := range s.ListReports(ctx, client.List{PageSize: maxPageSize}) {
				if err != nil {
					return 0, err
				}
				if slices.Contains(ids, r.ReportUUID) {
					there++
				}
			}
			return there, nil
		},
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
			// without a body the service does not say what was there
			if err := o.value(api.ReportDeletion{Data: gone}, raw); err != nil || len(raw) == 0 ||
				len(gone) == len(r.ids) {
				return err
			}
			return &partialError{fmt.Sprintf("%d of %d reports were deleted", len(gone), len(r.ids))}
		},
	}.command(p)
}
