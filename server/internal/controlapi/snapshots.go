package controlapi

import (
	"context"

	"github.com/qcsdev/qcs/gen/controlserver"
)

// ListSnapshots answers the snapshots of the world.
func (h *Handlers) ListSnapshots(
	ctx context.Context, _ controlserver.ListSnapshotsRequestObject,
) (controlserver.ListSnapshotsResponseObject, error) {
	all, err := h.Worlds.ListSnapshots(ctx)
	return controlserver.ListSnapshots200JSONResponse(all), err
}

// SaveSnapshot keeps the world under a name.
func (h *Handlers) SaveSnapshot(
	ctx context.Context, r controlserver.SaveSnapshotRequestObject,
) (controlserver.SaveSnapshotResponseObject, error) {
	snapshot, err := h.Worlds.SaveSnapshot(ctx, r.Snapshot)
	return controlserver.SaveSnapshot200JSONResponse(snapshot), err
}

// RestoreSnapshot makes the world what it was.
func (h *Handlers) RestoreSnapshot(
	ctx context.Context, r controlserver.RestoreSnapshotRequestObject,
) (controlserver.RestoreSnapshotResponseObject, error) {
	return controlserver.RestoreSnapshot204Response{}, h.Worlds.RestoreSnapshot(ctx, r.Snapshot)
}

// DeleteSnapshot removes a snapshot.
func (h *Handlers) DeleteSnapshot(
	ctx context.Context, r controlserver.DeleteSnapshotRequestObject,
) (controlserver.DeleteSnapshotResponseObject, error) {
	return controlserver.DeleteSnapshot204Response{}, h.Worlds.DeleteSnapshot(ctx, r.Snapshot)
}

// ExportSnapshot answers a snapshot as one document.
func (h *Handlers) ExportSnapshot(
	ctx context.Context, r controlserver.ExportSnapshotRequestObject,
) (controlserver.ExportSnapshotResponseObject, error) {
	file, err := h.Worlds.ExportSnapshot(ctx, r.Snapshot)
	return controlserver.ExportSnapshot200JSONResponse(file), err
}

// ImportSnapshot keeps an exported snapshot.
func (h *Handlers) ImportSnapshot(
	ctx context.Context, r controlserver.ImportSnapshotRequestObject,
) (controlserver.ImportSnapshotResponseObject, error) {
	snapshot, err := h.Worlds.ImportSnapshot(ctx, r.Snapshot, *r.Body)
	return controlserver.ImportSnapshot200JSONResponse(snapshot), err
}
