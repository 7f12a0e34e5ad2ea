package vendorapi

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// reference has the id of a schedule under both names that clients read (observed).
func reference(id string) api.ScheduleReference {
	return api.ScheduleReference{ScheduleUUID: id, ScheduleID: id}
}

// ListSchedules returns a page of schedules.
func (h *Handlers) ListSchedules(
	ctx context.Context, r apiserver.ListSchedulesRequestObject,
) (apiserver.ListSchedulesResponseObject, error) {
	p := r.Params
	page, b, err := h.Registry.ListSchedules(ctx, r.RegistryID, list(p.Filter, p.Sort, p.PageNumber, p.PageSize))
	if restsOn(ctx, b); err == nil && h.isEmpty(len(page.Data)) {
		return apiserver.ListSchedules204Response{}, nil
	}
	return schedulesResponse(page), err
}

// CreateSchedule adds a schedule.
func (h *Handlers) CreateSchedule(
	ctx context.Context, r apiserver.CreateScheduleRequestObject,
) (apiserver.CreateScheduleResponseObject, error) {
	id, err := h.Registry.CreateSchedule(ctx, r.RegistryID, *r.Body)
	return apiserver.CreateSchedule200JSONResponse(reference(id)), err
}

// UpdateSchedule changes an automatic schedule.
func (h *Handlers) UpdateSchedule(
	ctx context.Context, r apiserver.UpdateScheduleRequestObject,
) (apiserver.UpdateScheduleResponseObject, error) {
	b, err := h.Registry.UpdateSchedule(ctx, r.RegistryID, r.ScheduleID, *r.Body)
	restsOn(ctx, b)
	return apiserver.UpdateSchedule200JSONResponse(reference(r.ScheduleID)), err
}

// CancelSchedule cancels one schedule.
func (h *Handlers) CancelSchedule(
	ctx context.Context, r apiserver.CancelScheduleRequestObject,
) (apiserver.CancelScheduleResponseObject, error) {
	b, err := h.Registry.CancelSchedule(ctx, r.RegistryID, r.ScheduleID)
	restsOn(ctx, b)
	return apiserver.CancelSchedule200JSONResponse(reference(r.ScheduleID)), err
}

// DeleteSchedule deletes one schedule.
func (h *Handlers) DeleteSchedule(
	ctx context.Context, r apiserver.DeleteScheduleRequestObject,
) (apiserver.DeleteScheduleResponseObject, error) {
	b, err := h.Registry.DeleteSchedule(ctx, r.RegistryID, r.ScheduleID)
	restsOn(ctx, b)
	return apiserver.DeleteSchedule200JSONResponse(reference(r.ScheduleID)), err
}

// CancelSchedules starts a job that cancels the selected schedules.
func (h *Handlers) CancelSchedules(
	ctx context.Context, r apiserver.CancelSchedulesRequestObject,
) (apiserver.CancelSchedulesResponseObject, error) {
	job, err := h.Registry.CancelSchedules(ctx, r.RegistryID, registry.Select(r.Params.ScheduleIds, r.Params.Filter))
	return apiserver.CancelSchedules200JSONResponse{CancelJobID: job}, err
}

// DeleteSchedules starts a job that deletes the selected schedules.
func (h *Handlers) DeleteSchedules(
	ctx context.Context, r apiserver.DeleteSchedulesRequestObject,
) (apiserver.DeleteSchedulesResponseObject, error) {
	job, err := h.Registry.DeleteSchedules(ctx, r.RegistryID, registry.Select(r.Params.ScheduleIds, r.Params.Filter))
	return apiserver.DeleteSchedules200JSONResponse{DeletionJobID: job}, err
}

// DeleteSchedulesByBody starts a job of the same kind, which skips only schedules in state Running
// and BaselineRunning.
func (h *Handlers) DeleteSchedulesByBody(
	ctx context.Context, r apiserver.DeleteSchedulesByBodyRequestObject,
) (apiserver.DeleteSchedulesByBodyResponseObject, error) {
	var ids []string
	if r.Body != nil {
		ids = scheduleIDs(*r.Body)
	}
	selection := registry.Select(ids, nil)
	selection.ByBody = true
	job, err := h.Registry.DeleteSchedules(ctx, r.RegistryID, selection)
	return apiserver.DeleteSchedulesByBody200JSONResponse{DeletionJobID: job}, err
}

// scheduleIDs reads the two forms of the body; no body, {} and [] mean no ids.
func scheduleIDs(body api.ScheduleDeletion) []string {
	if list, err := body.AsIDList(); err == nil {
		return list
	}
	object, _ := body.AsScheduleIDObject() // empty without a body
	return object.ScheduleIds
}
