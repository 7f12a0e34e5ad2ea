package controlapi

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/controlserver"
)

// DescribeJob answers the state of a bulk job.
func (h *Handlers) DescribeJob(
	ctx context.Context, r controlserver.DescribeJobRequestObject,
) (controlserver.DescribeJobResponseObject, error) {
	job, err := h.Registry.DescribeJob(ctx, r.JobID)
	return controlserver.DescribeJob200JSONResponse(job), err
}

// DescribeClock answers the clock of the world.
func (h *Handlers) DescribeClock(
	ctx context.Context, _ controlserver.DescribeClockRequestObject,
) (controlserver.DescribeClockResponseObject, error) {
	clock, err := h.Worlds.DescribeClock(ctx)
	return controlserver.DescribeClock200JSONResponse(clock), err
}

// SetClock makes the clock of the world run in another way.
func (h *Handlers) SetClock(
	ctx context.Context, r controlserver.SetClockRequestObject,
) (controlserver.SetClockResponseObject, error) {
	clock, err := h.Worlds.SetClock(ctx, *r.Body)
	return controlserver.SetClock200JSONResponse(clock), err
}

// AdvanceClock moves the clock of the world on.
func (h *Handlers) AdvanceClock(
	ctx context.Context, r controlserver.AdvanceClockRequestObject,
) (controlserver.AdvanceClockResponseObject, error) {
	clock, err := h.Worlds.AdvanceClock(ctx, r.Body.By)
	return controlserver.AdvanceClock200JSONResponse(clock), err
}

// DescribeScanProfile answers how scans of the world go.
func (h *Handlers) DescribeScanProfile(
	ctx context.Context, _ controlserver.DescribeScanProfileRequestObject,
) (controlserver.DescribeScanProfileResponseObject, error) {
	profile, err := h.Scans.DescribeScanProfile(ctx)
	return controlserver.DescribeScanProfile200JSONResponse(profile), err
}

// SetScanProfile says how scans of the world go.
func (h *Handlers) SetScanProfile(
	ctx context.Context, r controlserver.SetScanProfileRequestObject,
) (controlserver.SetScanProfileResponseObject, error) {
	err := h.Scans.SetScanProfile(ctx, *r.Body)
	return controlserver.SetScanProfile200JSONResponse(*r.Body), err
}

// AddRepository adds a repository, or images to it.
func (h *Handlers) AddRepository(
	ctx context.Context, r controlserver.AddRepositoryRequestObject,
) (controlserver.AddRepositoryResponseObject, error) {
	added, err := h.Scans.AddRepository(ctx, r.RegistryID, *r.Body)
	return controlserver.AddRepository200JSONResponse(added), err
}

// ForceSchedule puts a schedule into a status.
func (h *Handlers) ForceSchedule(
	ctx context.Context, r controlserver.ForceScheduleRequestObject,
) (controlserver.ForceScheduleResponseObject, error) {
	err := h.Registry.ForceSchedule(ctx, r.RegistryID, r.ScheduleID, api.Status(r.Body.Status))
	return controlserver.ForceSchedule200JSONResponse(*r.Body), err
}
