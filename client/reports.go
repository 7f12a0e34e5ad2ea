package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
)

// ListReports lists the reports: GET /csapi/v1.3/reports (swagger 2021). In a subscription with the
// Free version, this and all other calls on reports fail with ErrConflict (release notes 1.15).
func (c *Client) ListReports(ctx context.Context, l List) iter.Seq2[api.Report, error] {
	fetch := func(q query) (*http.Response, error) {
		return c.wire.ListReports(ctx, (*api.ListReportsParams)(&q))
	}
	return pages(l, fetch, func(r api.Report) string { return r.ReportUUID })
}

// CreateReport requests a report and gives its id, or "" when the response has none: POST
// /csapi/v1.3/reports (swagger 2021).
func (c *Client) CreateReport(ctx context.Context, r api.ReportRequest) (string, error) {
	response, err := c.wire.CreateReport(ctx, r)
	return idOf(response, err, "reportUuid")
}

// DeleteReports deletes reports and gives the ids of those that existed: DELETE
// /csapi/v1.3/reports?reportUuids=… (swagger 2021).
func (c *Client) DeleteReports(ctx context.Context, reportUUIDs ...string) ([]string, error) {
	if reportUUIDs = unique(reportUUIDs); len(reportUUIDs) == 0 {
		return nil, errNothingSelected
	}
	gone, err := decode[api.ReportDeletion](
		c.wire.DeleteReports(ctx, &api.DeleteReportsParams{ReportUuids: reportUUIDs}),
	)
	return gone.Data, err
}

// DownloadReport gives a report as CSV: GET /csapi/v1.3/reports/{reportUuid}/download (swagger
// 2021). ErrNotFound until the report is generated (a choice of the emulator).
func (c *Client) DownloadReport(ctx context.Context, reportUUID string) ([]byte, error) {
	a, err := read(c.wire.DownloadReport(ctx, reportUUID, ids(reportUUID)))
	return a.body, err
}

// CreateReportSchedule schedules reports and gives the id of the schedule, or "" when the response
// has none: POST /csapi/v1.3/reports/schedule (docs: report schedules).
func (c *Client) CreateReportSchedule(ctx context.Context, r api.ReportScheduleRequest) (string, error) {
	response, err := c.wire.CreateReportSchedule(ctx, r)
	return idOf(response, err, "reportingScheduleId")
}

// UpdateReportSchedule replaces a schedule of reports: PUT
// /csapi/v1.3/reports/schedule/{reportingScheduleID} (docs: report schedules).
func (c *Client) UpdateReportSchedule(
	ctx context.Context, reportingScheduleID string, r api.ReportScheduleRequest,
) error {
	_, err := read(c.wire.UpdateReportSchedule(ctx, reportingScheduleID, r, ids(reportingScheduleID)))
	return err
}
