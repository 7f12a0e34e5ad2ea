package server

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// controls answer the operations of the control document.
type controls struct {
	registry *registry.Service
	server   *Server
}

// DescribeJob answers the state of a bulk job.
func (c *controls) DescribeJob(
	ctx context.Context, r controlserver.DescribeJobRequestObject,
) (controlserver.DescribeJobResponseObject, error) {
	job, err := c.registry.DescribeJob(ctx, r.JobID)
	return controlserver.DescribeJob200JSONResponse(job), err
}

// DescribeClock answers the clock of the world.
func (c *controls) DescribeClock(
	ctx context.Context, _ controlserver.DescribeClockRequestObject,
) (controlserver.DescribeClockResponseObject, error) {
	clock, err := c.registry.DescribeClock(ctx)
	return controlserver.DescribeClock200JSONResponse(clock), err
}

// SetClock makes the clock of the world run in another way.
func (c *controls) SetClock(
	ctx context.Context, r controlserver.SetClockRequestObject,
) (controlserver.SetClockResponseObject, error) {
	clock, err := c.registry.SetClock(ctx, *r.Body)
	return controlserver.SetClock200JSONResponse(clock), err
}

// AdvanceClock moves the clock of the world on.
func (c *controls) AdvanceClock(
	ctx context.Context, r controlserver.AdvanceClockRequestObject,
) (controlserver.AdvanceClockResponseObject, error) {
	clock, err := c.registry.AdvanceClock(ctx, r.Body.By)
	return controlserver.AdvanceClock200JSONResponse(clock), err
}

// DescribeScanProfile answers how scans of the world go.
func (c *controls) DescribeScanProfile(
	ctx context.Context, _ controlserver.DescribeScanProfileRequestObject,
) (controlserver.DescribeScanProfileResponseObject, error) {
	profile, err := c.registry.DescribeScanProfile(ctx)
	return controlserver.DescribeScanProfile200JSONResponse(profile), err
}

// SetScanProfile says how scans of the world go.
func (c *controls) SetScanProfile(
	ctx context.Context, r controlserver.SetScanProfileRequestObject,
) (controlserver.SetScanProfileResponseObject, error) {
	err := c.registry.SetScanProfile(ctx, *r.Body)
	return controlserver.SetScanProfile200JSONResponse(*r.Body), err
}

// AddRepository adds a repository, or images to it.
func (c *controls) AddRepository(
	ctx context.Context, r controlserver.AddRepositoryRequestObject,
) (controlserver.AddRepositoryResponseObject, error) {
	added, err := c.registry.AddRepository(ctx, r.RegistryID, *r.Body)
	return controlserver.AddRepository200JSONResponse(added), err
}

// ForceSchedule puts a schedule into a status.
func (c *controls) ForceSchedule(
	ctx context.Context, r controlserver.ForceScheduleRequestObject,
) (controlserver.ForceScheduleResponseObject, error) {
	err := c.registry.ForceSchedule(ctx, r.RegistryID, r.ScheduleID, api.Status(r.Body.Status))
	return controlserver.ForceSchedule200JSONResponse(*r.Body), err
}
