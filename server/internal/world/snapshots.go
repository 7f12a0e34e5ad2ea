package world

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListSnapshots returns the snapshots of the world.
func (s *Service) ListSnapshots(ctx context.Context) (all []control.Snapshot, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		all, err = tx.Snapshots(ctx)
		return err
	})
	return all, err
}

// SaveSnapshot keeps the world under a name.
func (s *Service) SaveSnapshot(ctx context.Context, name string) (snapshot control.Snapshot, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		snapshot, err = tx.SaveSnapshot(ctx, name)
		return err
	})
	return snapshot, err
}

// RestoreSnapshot makes the world what it was, with the plan that it had then.
func (s *Service) RestoreSnapshot(ctx context.Context, name string) error {
	err := s.write(ctx, func(tx *store.Tx) error { return tx.RestoreSnapshot(ctx, name) })
	if err == nil {
		s.Wake()
	}
	return err
}

// DeleteSnapshot removes a snapshot of the world.
func (s *Service) DeleteSnapshot(ctx context.Context, name string) error {
	return s.write(ctx, func(tx *store.Tx) error { return tx.DeleteSnapshot(ctx, name) })
}

// ExportSnapshot returns a snapshot of the world as one document.
func (s *Service) ExportSnapshot(ctx context.Context, name string) (file control.SnapshotFile, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		file, err = tx.ExportSnapshot(ctx, name)
		return err
	})
	return file, err
}

// ImportSnapshot keeps an exported snapshot under a name.
func (s *Service) ImportSnapshot(
	ctx context.Context, name string, file control.SnapshotFile,
) (snapshot control.Snapshot, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		snapshot, err = tx.ImportSnapshot(ctx, name, file)
		return err
	})
	return snapshot, wrongFile(err)
}

// wrongFile tells the caller what is wrong with an exported document.
func wrongFile(err error) error {
	var wrong *store.FileError
	if errors.As(err, &wrong) {
		return rule.Errorf("", "%s", wrong.Msg)
	}
	return err
}

// ExportState returns the world as it is as one document, with its snapshots. The line of its clock
// begins anew, so that a world made from the document shows the same times.
func (s *Service) ExportState(
	ctx context.Context,
) (file control.SnapshotFile, snapshots map[string]control.SnapshotFile, err error) {
	snapshots = map[string]control.SnapshotFile{}
	err = s.write(ctx, func(tx *store.Tx) error {
		line, err := tx.Clock(ctx)
		if err == nil && line != store.RealClock() {
			err = tx.SetClock(ctx, tx.Now, line.Rate)
		}
		if err != nil {
			return err
		}
		kept, err := tx.Snapshots(ctx)
		if err != nil {
			return err
		}
		for _, k := range kept {
			if snapshots[k.Name], err = tx.ExportSnapshot(ctx, k.Name); err != nil {
				return err
			}
		}
		file, err = tx.ExportState(ctx)
		return err
	})
	return file, snapshots, err
}
