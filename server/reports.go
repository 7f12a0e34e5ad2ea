package server

import (
	"bytes"
	"context"

	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// ListReports answers a page of reports.
func (h *handlers) ListReports(
	ctx context.Context, r apiserver.ListReportsRequestObject,
) (apiserver.ListReportsResponseObject, error) {
	page, err := h.registry.ListReports(ctx, registry.Query(r.Params))
	if err == nil && h.empty(len(page.Data)) {
		return apiserver.ListReports204Response{}, nil
	}
	return apiserver.ListReports200JSONResponse(page), err
}

// CreateReport starts a report.
func (h *handlers) CreateReport(
	ctx context.Context, r apiserver.CreateReportRequestObject,
) (apiserver.CreateReportResponseObject, error) {
	id, err := h.registry.CreateReport(ctx, *r.Body)
	return apiserver.CreateReport200JSONResponse(id), err
}

// DeleteReports deletes reports.
func (h *handlers) DeleteReports(
	ctx context.Context, r apiserver.DeleteReportsRequestObject,
) (apiserver.DeleteReportsResponseObject, error) {
	gone, err := h.registry.DeleteReports(ctx, r.Params.ReportUuids)
	return apiserver.DeleteReports200JSONResponse{Message: "Reports deleted.", Data: gone}, err
}

// DownloadReport answers the file of a report.
func (h *handlers) DownloadReport(
	ctx context.Context, r apiserver.DownloadReportRequestObject,
) (apiserver.DownloadReportResponseObject, error) {
	content, err := h.registry.DownloadReport(ctx, r.ReportUUID)
	return apiserver.DownloadReport200ApplicationOctetStreamResponse{
		Body:          bytes.NewReader(content),
		ContentLength: int64(len(content)),
	}, err
}

// CreateReportSchedule says when reports are made.
func (h *handlers) CreateReportSchedule(
	ctx context.Context, r apiserver.CreateReportScheduleRequestObject,
) (apiserver.CreateReportScheduleResponseObject, error) {
	id, err := h.registry.CreateReportSchedule(ctx, *r.Body)
	return apiserver.CreateReportSchedule200JSONResponse{ReportingScheduleID: id}, err
}

// UpdateReportSchedule replaces a schedule of reports.
func (h *handlers) UpdateReportSchedule(
	ctx context.Context, r apiserver.UpdateReportScheduleRequestObject,
) (apiserver.UpdateReportScheduleResponseObject, error) {
	err := h.registry.UpdateReportSchedule(ctx, r.ReportingScheduleID, *r.Body)
	return apiserver.UpdateReportSchedule200JSONResponse{ReportingScheduleID: r.ReportingScheduleID}, err
}
