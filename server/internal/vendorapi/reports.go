package vendorapi

import (
	"bytes"
	"context"

	"github.com/qcsdev/qcs/gen/apiserver"
)

// ListReports returns a page of reports.
func (h *Handlers) ListReports(
	ctx context.Context, r apiserver.ListReportsRequestObject,
) (apiserver.ListReportsResponseObject, error) {
	p := r.Params
	page, b, err := h.Reports.ListReports(ctx, list(p.Filter, p.Sort, p.PageNumber, p.PageSize))
	if restsOn(ctx, b); err == nil && h.isEmpty(len(page.Data)) {
		return apiserver.ListReports204Response{}, nil
	}
	return apiserver.ListReports200JSONResponse(page), err
}

// CreateReport starts a report.
func (h *Handlers) CreateReport(
	ctx context.Context, r apiserver.CreateReportRequestObject,
) (apiserver.CreateReportResponseObject, error) {
	id, err := h.Reports.CreateReport(ctx, *r.Body)
	return apiserver.CreateReport200JSONResponse(id), err
}

// DeleteReports deletes reports.
func (h *Handlers) DeleteReports(
	ctx context.Context, r apiserver.DeleteReportsRequestObject,
) (apiserver.DeleteReportsResponseObject, error) {
	deleted, err := h.Reports.DeleteReports(ctx, r.Params.ReportUuids)
	return apiserver.DeleteReports200JSONResponse{Message: "Reports deleted.", Data: deleted}, err
}

// DownloadReport returns the file of a report.
func (h *Handlers) DownloadReport(
	ctx context.Context, r apiserver.DownloadReportRequestObject,
) (apiserver.DownloadReportResponseObject, error) {
	content, err := h.Reports.DownloadReport(ctx, r.ReportUUID)
	return apiserver.DownloadReport200ApplicationOctetStreamResponse{
		Body:          bytes.NewReader(content),
		ContentLength: int64(len(content)),
	}, err
}

// CreateReportSchedule adds a schedule of reports.
func (h *Handlers) CreateReportSchedule(
	ctx context.Context, r apiserver.CreateReportScheduleRequestObject,
) (apiserver.CreateReportScheduleResponseObject, error) {
	id, err := h.Reports.CreateReportSchedule(ctx, *r.Body)
	return apiserver.CreateReportSchedule200JSONResponse{ReportingScheduleID: id}, err
}

// UpdateReportSchedule replaces a schedule of reports.
func (h *Handlers) UpdateReportSchedule(
	ctx context.Context, r apiserver.UpdateReportScheduleRequestObject,
) (apiserver.UpdateReportScheduleResponseObject, error) {
	err := h.Reports.UpdateReportSchedule(ctx, r.ReportingScheduleID, *r.Body)
	return apiserver.UpdateReportSchedule200JSONResponse{ReportingScheduleID: r.ReportingScheduleID}, err
}
