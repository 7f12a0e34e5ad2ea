package main

import (
	"context"
	"errors"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
)

func (p *program) connectorCommand() *cobra.Command {
	return group("connector", "Ways into the accounts of cloud providers",
		group(
			"aws",
			"Amazon",
			getting[api.AWSBase]{
				use:   "base",
				short: "Show whom a role must trust",
				get:   func(ctx context.Context, s *session, _ []string) (api.AWSBase, error) { return s.AWSBase(ctx) },
			}.command(
				p,
			),
			listing[api.Connector]{
				use:     "list",
				short:   "List the connectors",
				whole:   true,
				columns: []string{"arn", "name", "description"},
				list: func(ctx context.Context, s *session, _ []string, _ client.List) iter.Seq2[api.Connector, error] {
					return every(s.ListAWSConnectors(ctx, ""))
				},
			}.command(
				p,
			),
			listing[api.Connector]{
				use:     "of ACCOUNT",
				short:   "List the connectors of an AWS account",
				args:    1,
				whole:   true,
				columns: []string{"arn", "name", "description"},
				list: func(
					ctx context.Context, s *session, args []string, _ client.List,
				) iter.Seq2[api.Connector, error] {
					return every(s.ListAWSConnectors(ctx, args[0]))
				},
			}.command(
				p,
			),
			writing[api.AWSConnectorRequest, api.Connector]{
				use:   "create",
				short: "Add a connector",
				fields: []field[api.AWSConnectorRequest]{
					put("arn", "role", func(r *api.AWSConnectorRequest) *string { return &r.Arn }),
					put("name", "name", func(r *api.AWSConnectorRequest) *string { return &r.Name }),
					put(
						"description", "text",
						func(r *api.AWSConnectorRequest) *string { return &r.Description },
					),
					put(
						"external-id", "external id of the trust policy",
						func(r *api.AWSConnectorRequest) *string { return &r.ExternalID },
					),
				},
				call: func(
					ctx context.Context, s *session, _ []string, r api.AWSConnectorRequest,
				) (api.Connector, error) {
					return api.Connector{
						Arn:         r.Arn,
						Name:        r.Name,
						Description: r.Description,
					}, s.CreateAWSConnector(ctx, r)
				},
			}.command(
				p,
			),
		),
		group(
			"acr",
			"Azure",
			listing[api.ACRConnector]{
				use:     "list",
				short:   "List the connectors",
				whole:   true,
				columns: []string{"acrConnectorId", "name", "applicationId", "description"},
				list: func(
					ctx context.Context, s *session, _ []string, _ client.List,
				) iter.Seq2[api.ACRConnector, error] {
					return every(s.ListACRConnectors(ctx))
				},
			}.command(
				p,
			),
			getting[api.ACRConnector]{
				use:   "get CONNECTOR",
				short: "Show a connector",
				args:  1,
				get: func(ctx context.Context, s *session, args []string) (api.ACRConnector, error) {
					return s.DescribeACRConnector(ctx, args[0])
				},
			}.command(
				p,
			),
			writing[api.ACRConnectorRequest, api.ACRConnector]{
				use:   "create",
				short: "Add a connector",
				fields: []field[api.ACRConnectorRequest]{
					put("name", "name", func(r *api.ACRConnectorRequest) *string { return &r.Name }),
					put(
						"application-id", "application",
						func(r *api.ACRConnectorRequest) *string { return &r.ApplicationID },
					),
					put("description", "text", func(r *api.ACRConnectorRequest) *string { return &r.Description }),
					{
						name:  "client-secret-file",
						usage: "file with the secret of the application; - for standard input",
						set: func(p *program, r *api.ACRConnectorRequest, path string) (err error) {
							r.ClientSecret, err = p.secretFile(path)
							return err
						},
					},
				},
				call: func(
					ctx context.Context, s *session, _ []string, r api.ACRConnectorRequest,
				) (api.ACRConnector, error) {
					id, err := s.CreateACRConnector(ctx, r)
					return api.ACRConnector{ACRConnectorID: id, Name: r.Name}, err
				},
			}.command(
				p,
			),
		),
		group(
			"gcp",
			"Google",
			listing[api.GCPConnector]{
				use:     "list",
				short:   "List the connectors",
				whole:   true,
				columns: []string{"gcpConnectorId", "name", "gcpProjectId", "description"},
				list: func(
					ctx context.Context, s *session, _ []string, _ client.List,
				) iter.Seq2[api.GCPConnector, error] {
					return every(s.ListGCPConnectors(ctx))
				},
			}.command(
				p,
			),
			getting[api.GCPConnector]{
				use:   "get CONNECTOR",
				short: "Show a connector",
				args:  1,
				get: func(ctx context.Context, s *session, args []string) (api.GCPConnector, error) {
					return s.DescribeGCPConnector(ctx, args[0])
				},
			}.command(
				p,
			),
			p.createGCPCommand(),
		))
}

func (p *program) createGCPCommand() *cobra.Command {
	var name, description, key string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Add a connector from the key file of a service account",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" || key == "" {
				return &usageError{"give --name and --key-file"}
			}
			data, err := os.ReadFile(key)
			if err != nil {
				return err
			}
			s, ctx, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s.cancel()
			var raw []byte
			params := api.CreateGCPConnectorParams{Name: name}
			if description != "" {
				params.Description = &description
			}
			id, err := s.CreateGCPConnector(client.WithRawResponse(ctx, &raw), params, data)
			if err != nil {
				return err
			}
			o, err := p.printer(api.GCPConnector{})
			if err != nil {
				return err
			}
			return o.value(api.GCPConnector{GCPConnectorID: id, Name: name}, raw)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name")
	cmd.Flags().StringVar(&description, "description", "", "text")
	cmd.Flags().StringVar(&key, "key-file", "", "key file of the service account (JSON)")
	return cmd
}

func (p *program) imageCommand() *cobra.Command {
	return group(
		"image",
		"Images that scans have found",
		listing[api.Image]{
			use:     "list",
			short:   "List images",
			columns: []string{"imageId", "repo", "scanStatus", "created", "lastScanned"},
			list: func(ctx context.Context, s *session, _ []string, l client.List) iter.Seq2[api.Image, error] {
				return s.ListImages(ctx, l)
			},
		}.command(
			p,
		),
		getting[api.Image]{
			use:   "get SHA",
			short: "Show an image",
			args:  1,
			get: func(ctx context.Context, s *session, args []string) (api.Image, error) {
				return s.DescribeImage(ctx, args[0])
			},
		}.command(
			p,
		),
		listing[api.Vulnerability]{
			use:     "vulnerabilities SHA",
			short:   "List the vulnerabilities of an image",
			args:    1,
			columns: []string{"qid", "severity", "title", "cveids"},
			list: func(
				ctx context.Context, s *session, args []string, l client.List,
			) iter.Seq2[api.Vulnerability, error] {
				return s.ListVulnerabilities(ctx, args[0], l)
			},
		}.command(
			p,
		),
		listing[api.AssociatedRegistry]{
			use:     "registries SHA",
			short:   "List where an image was found",
			args:    1,
			whole:   true,
			columns: []string{"registry", "registryUuid", "repo", "tag"},
			list: func(
				ctx context.Context, s *session, args []string, _ client.List,
			) iter.Seq2[api.AssociatedRegistry, error] {
				return every(s.ListAssociatedRegistries(ctx, args[0]))
			},
		}.command(
			p,
		),
	)
}

func (p *program) reportCommand() *cobra.Command {
	return group(
		"report",
		"Reports of what scans have found",
		listing[api.Report]{
			use:     "list",
			short:   "List reports",
			columns: []string{"reportUuid", "reportName", "templateName", "reportType", "status", "createdAt"},
			list: func(ctx context.Context, s *session, _ []string, l client.List) iter.Seq2[api.Report, error] {
				return s.ListReports(ctx, l)
			},
		}.command(
			p,
		),
		writing[api.ReportRequest, reportReference]{
			use:   "create",
			short: "Ask for a report",
			fields: []field[api.ReportRequest]{
				put("name", "name", func(r *api.ReportRequest) *string { return &r.Name }),
				put(
					"template", "template, such as CS_IMAGE_VULNERABILITY",
					func(r *api.ReportRequest) *string { return (*string)(&r.TemplateName) },
				),
				put("filter", "query of images", func(r *api.ReportRequest) *string { return &r.Filter }),
				put("description", "text", func(r *api.ReportRequest) *string { return &r.Description }),
				{
					name:  "display-columns",
					usage: "columns of the report, such as repo,sha,severity; all when not given",
					set: func(_ *program, r *api.ReportRequest, value string) error {
						r.DisplayColumns = strings.Split(value, ",")
						return nil
					},
				},
			},
			call: func(ctx context.Context, s *session, _ []string, r api.ReportRequest) (reportReference, error) {
				id, err := s.CreateReport(ctx, r)
				return reportReference{id}, err
			},
		}.command(
			p,
		),
		p.downloadCommand(),
		p.deleteReportsCommand(),
		group(
			"schedule",
			"Reports that are made by themselves",
			writing[api.ReportScheduleRequest, api.ReportScheduleReference]{
				use:   "create",
				short: "Schedule reports",
				call: func(
					ctx context.Context, s *session, _ []string, r api.ReportScheduleRequest,
				) (api.ReportScheduleReference, error) {
					id, err := s.CreateReportSchedule(ctx, r)
					return api.ReportScheduleReference{ReportingScheduleID: id}, err
				},
			}.command(
				p,
			),
			writing[api.ReportScheduleRequest, api.ReportScheduleReference]{
				use:   "update SCHEDULE",
				short: "Replace a schedule of reports",
				args:  1,
				call: func(
					ctx context.Context, s *session, args []string, r api.ReportScheduleRequest,
				) (api.ReportScheduleReference, error) {
					return api.ReportScheduleReference{
						ReportingScheduleID: args[0],
					}, s.UpdateReportSchedule(ctx, args[0], r)
				},
			}.command(
				p,
			),
		),
	)
}

// reportReference names a report.
type reportReference struct {
	ReportUUID string `json:"reportUuid"`
}

func (p *program) downloadCommand() *cobra.Command {
	var file string
	var wait bool
	cmd := &cobra.Command{
		Use:   "download REPORT",
		Short: "Download a report as CSV, to standard output or a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, ctx, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s.cancel()
			content, err := s.download(ctx, args[0], wait)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = p.stdout.Write(content)
				return err
			}
			return os.WriteFile(file, content, 0o600)
		},
	}
	cmd.Flags().StringVar(&file, "to", "", "file to write")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is generated")
	return cmd
}

// download gets a report, and waits for one that is not there yet, if it is known.
func (s *session) download(ctx context.Context, id string, wait bool) ([]byte, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		content, err := s.DownloadReport(ctx, id)
		if !wait || !errors.Is(err, client.ErrNotFound) {
			return content, err
		}
		known := false
		for r, err := range s.ListReports(ctx, client.List{PageSize: maxPageSize}) {
			if err != nil {
				return nil, err
			}
			known = known || r.ReportUUID == id
		}
		if !known {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func (p *program) policyCommand() *cobra.Command {
	return group(
		"policy",
		"Rules for containers at run time",
		getting[api.Policy]{
			use:   "get POLICY",
			short: "Show a policy",
			args:  1,
			get: func(ctx context.Context, s *session, args []string) (api.Policy, error) {
				return s.DescribePolicy(ctx, args[0])
			},
		}.command(
			p,
		),
		writing[api.PolicyRequest, api.Policy]{
			use:   "create",
			short: "Add a policy",
			call: func(ctx context.Context, s *session, _ []string, r api.PolicyRequest) (api.Policy, error) {
				return s.CreatePolicy(ctx, r)
			},
		}.command(
			p,
		),
		writing[api.PolicyRequest, api.Policy]{
			use:   "update POLICY",
			short: "Replace a policy",
			args:  1,
			call: func(ctx context.Context, s *session, args []string, r api.PolicyRequest) (api.Policy, error) {
				return s.UpdatePolicy(ctx, args[0], r)
			},
		}.command(
			p,
		),
	)
}

func (p *program) jobCommand() *cobra.Command {
	return group(
		"job",
		"The work behind bulk calls; only the emulator can be asked for it",
		getting[control.Job]{
			use:   "get JOB",
			short: "Show a job",
			args:  1,
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
		}.command(
			p,
		),
		&cobra.Command{
			Use:   "wait JOB...",
			Short: "Wait until jobs are done, and show what they did",
			Args:  cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				s, ctx, err := p.connect(cmd.Context())
				if err != nil {
					return err
				}
				defer s.cancel()
				o, err := p.jobs(true)
				if err != nil {
					return err
				}
				return o.await(ctx, s.Job(args...), "changed")
			},
		},
	)
}
