package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

func (p *program) reportCommand() *cobra.Command {
	reference := func(id string) reportReference { return reportReference{id} }
	return group("report", "Reports on the results of scans",
		listing[api.Report]{
			use:     "list",
			short:   "List reports",
			columns: []string{"reportUuid", "reportName", "templateName", "reportType", "status", "createdAt"},
			list:    list((*client.Client).ListReports),
		}.command(p),
		writing[api.ReportRequest, reportReference]{
			use:    "create",
			short:  "Request a report",
			fields: reportFields,
			call:   create((*client.Client).CreateReport, reference),
		}.command(p),
		p.downloadCommand(),
		p.deleteReportsCommand(),
		p.reportScheduleCommand(),
	)
}

func (p *program) reportScheduleCommand() *cobra.Command {
	reference := func(id string) api.ReportScheduleReference {
		return api.ReportScheduleReference{ReportingScheduleID: id}
	}
	return group("schedule", "Automatic reports",
		writing[api.ReportScheduleRequest, api.ReportScheduleReference]{
			use:   "create",
			short: "Schedule reports",
			call:  create((*client.Client).CreateReportSchedule, reference),
		}.command(p),
		writing[api.ReportScheduleRequest, api.ReportScheduleReference]{
			use:   "update SCHEDULE",
			short: "Replace a schedule of reports",
			call:  update((*client.Client).UpdateReportSchedule, reference),
		}.command(p),
	)
}

// reportFields are the flags for the fields of a report.
func reportFields(r *api.ReportRequest) []field {
	return []field{
		put("name", "name", &r.Name),
		put("template", "template, such as CS_IMAGE_VULNERABILITY", &r.TemplateName),
		put("filter", "query of images", &r.Filter),
		put("description", "text", &r.Description),
		{
			name:  "display-columns",
			usage: "columns of the report, such as repo,sha,severity; all when not given",
			set: func(_ *program, value string) error {
				r.DisplayColumns = strings.Split(value, ",")
				return nil
			},
		},
	}
}

// reportReference is the id of a new report.
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
			return p.inSession(cmd, func(ctx context.Context, s *session) error {
				content, err := s.download(ctx, args[0], wait)
				if err == nil && file != "" {
					return os.WriteFile(file, content, 0o600)
				}
				if err == nil {
					_, err = p.stdout.Write(content)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&file, "to", "", "file to write")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is generated")
	return cmd
}

// countReports counts the reports that exist.
func (s *session) countReports(ctx context.Context, ids []string) (existing int, err error) {
	for r, err := range s.ListReports(ctx, client.List{PageSize: maxPageSize}) {
		if err != nil {
			return 0, err
		}
		if slices.Contains(ids, r.ReportUUID) {
			existing++
		}
	}
	return existing, nil
}

// download gets a report. With wait, it waits until an existing report is generated.
func (s *session) download(ctx context.Context, id string, wait bool) ([]byte, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		content, err := s.DownloadReport(ctx, id)
		if !wait || !errors.Is(err, client.ErrNotFound) {
			return content, err
		}
		if existing, failed := s.countReports(ctx, []string{id}); failed != nil || existing == 0 {
			return nil, cmp.Or(failed, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
