package world

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListSnapshots returns the snapshots of the world.
func (s *Service) ListSnapshots(ctx context.Context) ([]control.Snapshot, error) {
	return read(ctx, s, func(tx *store.Tx) ([]control.Snapshot, error) { return tx.Snapshots(ctx) })
}

// SaveSnapshot stores the world as a snapshot.
func (s *Service) SaveSnapshot(ctx context.Context, name string) (control.Snapshot, error) {
	return write(ctx, s, func(tx *store.Tx) (control.Snapshot, error) { return tx.SaveSnapshot(ctx, name) })
}

// RestoreSnapshot replaces the data, the clock and the plan of the world by those of a snapshot.
func (s *Service) RestoreSnapshot(ctx context.Context, name string) error {
	err := s.write(ctx, func(tx *store.Tx) error { return tx.RestoreSnapshot(ctx, name) })
	if err == nil {
		s.Wake()
	}
	return err
}

// DeleteSnapshot deletes a snapshot of the world.
func (s *Service) DeleteSnapshot(ctx context.Context, name string) error {
	return s.write(ctx, func(tx *store.Tx) error { return tx.DeleteSnapshot(ctx, name) })
}

// ExportSnapshot returns a snapshot of the world as one document.
func (s *Service) ExportSnapshot(ctx context.Context, name string) (control.SnapshotFile, error) {
	return read(ctx, s, func(tx *store.Tx) (control.SnapshotFile, error) { return tx.ExportSnapshot(ctx, name) })
}

// ImportSnapshot stores an exported document as a snapshot.
func (s *Service) ImportSnapshot(
	ctx context.Context, name string, file control.SnapshotFile,
) (control.Snapshot, error) {
	snapshot, err := write(ctx, s, func(tx *store.Tx) (control.Snapshot, error) {
		return tx.ImportSnapshot(ctx, name, file)
	})
	return snapshot, fileViolation(err)
}

// fileViolation makes an error of an exported document a violation, whose message the caller sees.
func fileViolation(err error) error {
	var e *store.FileError
	if errors.As(err, &e) {
		return rule.Errorf("", "%s", e.Msg)
	}
	return err
}

// ExportState returns the world as one document, and its snapshots. It sets the clock to the
// present time, so that the clock of a world made from the document shows the same times.
func (s *Service) ExportState(
	ctx context.Context,
) (file control.SnapshotFile, snapshots map[string]control.SnapshotFile, err error) {
	snapshots = map[string]control.SnapshotFile{}
	err = s.write(ctx, func(tx *store.Tx) error {
		clock, err := tx.Clock(ctx)
		if err == nil && clock != store.RealClock() {
			err = tx.SetClock(ctx, tx.Now, clock.Rate)
		}
		if err != nil {
			return err
		}
		all, err := tx.Snapshots(ctx)
		if err != nil {
			return err
		}
		for _, snapshot := range all {
			if snapshots[snapshot.Name], err = tx.ExportSnapshot(ctx, snapshot.Name); err != nil {
				return err
			}
		}
		file, err = tx.ExportState(ctx)
		return err
	})
	return file, snapshots, err
}
