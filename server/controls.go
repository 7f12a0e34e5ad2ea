package server

import (
	"context"

	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// controls answer the operations of the control document.
type controls struct{ registry *registry.Service }

// DescribeJob answers the state of a bulk job.
func (c *controls) DescribeJob(ctx context.Context, r controlserver.DescribeJobRequestObject) (controlserver.DescribeJobResponseObject, error) {
	job, err := c.registry.DescribeJob(ctx, r.JobID)
	return controlserver.DescribeJob200JSONResponse(job), err
}
