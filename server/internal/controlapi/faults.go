package controlapi

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListFaults answers the faults of the world.
func (h *Handlers) ListFaults(
	ctx context.Context, _ controlserver.ListFaultsRequestObject,
) (controlserver.ListFaultsResponseObject, error) {
	return controlserver.ListFaults200JSONResponse(h.Faults.List(call.World(ctx))), nil
}

// AddFault adds a fault to the world.
func (h *Handlers) AddFault(
	ctx context.Context, r controlserver.AddFaultRequestObject,
) (controlserver.AddFaultResponseObject, error) {
	users, err := h.users(ctx)
	if err == nil {
		err = fault.Check(*r.Body, users)
	}
	if err != nil {
		return nil, err
	}
	return controlserver.AddFault200JSONResponse(h.Faults.Add(call.World(ctx), *r.Body)), nil
}

// users lists the names of the users of the world.
func (h *Handlers) users(ctx context.Context) (names []string, err error) {
	all, err := h.Authority.Users(ctx)
	for _, a := range all {
		if a.World == call.World(ctx) {
			names = append(names, a.Name)
		}
	}
	return names, err
}

// ClearFaults removes the faults of the world.
func (h *Handlers) ClearFaults(
	ctx context.Context, _ controlserver.ClearFaultsRequestObject,
) (controlserver.ClearFaultsResponseObject, error) {
	h.Faults.Clear(call.World(ctx))
	return controlserver.ClearFaults204Response{}, nil
}

// RemoveFault removes a fault of the world.
func (h *Handlers) RemoveFault(
	ctx context.Context, r controlserver.RemoveFaultRequestObject,
) (controlserver.RemoveFaultResponseObject, error) {
	if !h.Faults.Remove(call.World(ctx), r.FaultID) {
		return nil, fmt.Errorf("fault: %w", store.ErrNotFound)
	}
	return controlserver.RemoveFault204Response{}, nil
}
