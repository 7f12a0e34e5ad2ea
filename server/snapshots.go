package server

import (
	"context"

	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// ListSnapshots answers the snapshots of the world.
func (c *controls) ListSnapshots(
	ctx context.Context, _ controlserver.ListSnapshotsRequestObject,
) (controlserver.ListSnapshotsResponseObject, error) {
	all, err := c.registry.ListSnapshots(ctx)
	return controlserver.ListSnapshots200JSONResponse(all), err
}

// SaveSnapshot keeps the world under a name.
func (c *controls) SaveSnapshot(
	ctx context.Context, r controlserver.SaveSnapshotRequestObject,
) (controlserver.SaveSnapshotResponseObject, error) {
	snapshot, err := c.registry.SaveSnapshot(ctx, r.Snapshot)
	return controlserver.SaveSnapshot200JSONResponse(snapshot), err
}

// RestoreSnapshot makes the world what it was.
func (c *controls) RestoreSnapshot(
	ctx context.Context, r controlserver.RestoreSnapshotRequestObject,
) (controlserver.RestoreSnapshotResponseObject, error) {
	plan, err := c.registry.RestoreSnapshot(ctx, r.Snapshot)
	if err == nil {
		w := c.server.authority.world(registry.WorldOf(ctx))
		w.Plan = plan
		c.server.authority.put(w)
	}
	return controlserver.RestoreSnapshot204Response{}, err
}

// DeleteSnapshot removes a snapshot.
func (c *controls) DeleteSnapshot(
	ctx context.Context, r controlserver.DeleteSnapshotRequestObject,
) (controlserver.DeleteSnapshotResponseObject, error) {
	return controlserver.DeleteSnapshot204Response{}, c.registry.DeleteSnapshot(ctx, r.Snapshot)
}

// ExportSnapshot answers a snapshot as one document.
func (c *controls) ExportSnapshot(
	ctx context.Context, r controlserver.ExportSnapshotRequestObject,
) (controlserver.ExportSnapshotResponseObject, error) {
	file, err := c.registry.ExportSnapshot(ctx, r.Snapshot)
	return controlserver.ExportSnapshot200JSONResponse(file), err
}

// ImportSnapshot keeps an exported snapshot.
func (c *controls) ImportSnapshot(
	ctx context.Context, r controlserver.ImportSnapshotRequestObject,
) (controlserver.ImportSnapshotResponseObject, error) {
	snapshot, err := c.registry.ImportSnapshot(ctx, r.Snapshot, *r.Body)
	return controlserver.ImportSnapshot200JSONResponse(snapshot), err
}
