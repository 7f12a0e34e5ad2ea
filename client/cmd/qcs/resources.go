package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
)

func (p *program) imageCommand() *cobra.Command {
	return group("image", "Images that scans have found",
		listing[api.Image]{
			use:     "list",
			short:   "List images",
			columns: []string{"imageId", "repo", "scanStatus", "created", "lastScanned"},
			list:    list((*client.Client).ListImages),
		}.command(p),
		describing("get SHA", "Show an image", (*client.Client).DescribeImage).command(p),
		listing[api.Vulnerability]{
			use:     "vulnerabilities SHA",
			short:   "List the vulnerabilities of an image",
			columns: []string{"qid", "severity", "title", "cveids"},
			list:    listOf((*client.Client).ListVulnerabilities),
		}.command(p),
		listing[api.AssociatedRegistry]{
			use:     "registries SHA",
			short:   "List where an image was found",
			whole:   true,
			columns: []string{"registry", "registryUuid", "repo", "tag"},
			list:    listAllOf((*client.Client).ListAssociatedRegistries),
		}.command(p),
	)
}

func (p *program) policyCommand() *cobra.Command {
	return group("policy", "Rules for containers at run time",
		describing("get POLICY", "Show a policy", (*client.Client).DescribePolicy).command(p),
		writing[api.PolicyRequest, api.Policy]{
			use:   "create",
			short: "Add a policy",
			call: func(ctx context.Context, s *session, _ []string, r api.PolicyRequest) (api.Policy, error) {
				return s.CreatePolicy(ctx, r)
			},
		}.command(p),
		writing[api.PolicyRequest, api.Policy]{
			use:   "update POLICY",
			short: "Replace a policy",
			call: func(ctx context.Context, s *session, args []string, r api.PolicyRequest) (api.Policy, error) {
				return s.UpdatePolicy(ctx, args[0], r)
			},
		}.command(p),
	)
}

func (p *program) jobCommand() *cobra.Command {
	return group("job", "Jobs of bulk calls; only the emulator reports their state",
		getting[control.Job]{
			use:   "get JOB",
			short: "Show a job",
			get: func(ctx context.Context, s *session, args []string) (control.Job, error) {
				states, err := s.Job(args[0]).States(ctx)
				if errors.Is(err, client.ErrNotFound) && !s.exchange.emulator {
					err = client.ErrNotWaitable
				}
				if err != nil {
					return control.Job{}, err
				}
				return states[0], nil
			},
		}.command(p),
		&cobra.Command{
			Use:   "wait JOB...",
			Short: "Wait until jobs are done, and print their result",
			Args:  cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				o, err := p.jobs(true)
				if err != nil {
					return err
				}
				return p.inSession(cmd, func(ctx context.Context, s *session) error {
					return o.await(ctx, s.Job(args...), "changed")
				})
			},
		},
	)
}
