package registry

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/store"
)

// NewWorld says what a world that is made begins with.
type NewWorld struct {
	store.World
	Accounts []store.Account
	Content  control.Scenario
	From     string // a world to copy data, plan and clock of; none when empty
}

// CreateWorld makes a world with users and data, all or nothing. It gives the world, whose plan may
// be that of another.
func (s *Service) CreateWorld(ctx context.Context, n NewWorld) (store.World, error) {
	w := n.World
	if w.Plan == "" && HasState(n.Content) {
		w.Plan = store.PlanOf(n.Content.State)
	}
	err := s.store.Write(ctx, "", func(tx *store.Tx) error {
		if n.From != "" {
			if _, err := tx.In(ctx, n.From); err != nil { // nobody changes it while it is copied
				return err
			}
			other, err := tx.WorldNamed(ctx, n.From)
			if err != nil {
				return err
			}
			if w.Plan == "" {
				w.Plan = other.Plan
			}
		}
		if w.Plan == "" {
			w.Plan = store.PlanFull
		}
		if err := tx.NewWorld(ctx, w.Name, w.Plan); err != nil {
			return taken(err, "world", w.Name)
		}
		for _, a := range n.Accounts {
			if err := tx.InsertAccount(ctx, a); err != nil {
				return taken(err, "user", a.Name)
			}
		}
		tx, err := tx.In(ctx, w.Name)
		if err == nil && n.From != "" {
			err = tx.CopyFrom(ctx, n.From)
		}
		if err == nil {
			err = s.load(ctx, tx, n.Content)
		}
		return err
	})
	return w, err
}

func taken(err error, what, name string) error {
	if errors.Is(err, store.ErrDuplicate) {
		return broken("", "The name %s of the %s is taken.", name, what)
	}
	return err
}

// UpdateWorld changes the plan of a world and the roles of its users, all or nothing.
func (s *Service) UpdateWorld(
	ctx context.Context, name string, change func(*store.World), roles map[string]string,
) (w store.World, err error) {
	err = s.store.Write(ctx, name, func(tx *store.Tx) error {
		if w, err = tx.WorldNamed(ctx, name); err != nil {
			return err
		}
		change(&w)
		for user, role := range roles {
			if err := tx.SetRole(ctx, user, role); err != nil {
				return err
			}
		}
		return tx.UpdateWorld(ctx, w)
	})
	return w, err
}

// DropWorld removes a world with all that belongs to it.
func (s *Service) DropWorld(ctx context.Context, name string) error {
	defer s.pages.forget()
	return s.store.Write(ctx, name, func(tx *store.Tx) error { return tx.DropWorld(ctx) })
}

// ListSnapshots gives the snapshots of the world.
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

// RestoreSnapshot makes the world what it was, and gives the plan that it had then.
func (s *Service) RestoreSnapshot(ctx context.Context, name string) (plan store.Plan, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		plan, err = tx.RestoreSnapshot(ctx, name)
		return err
	})
	if err == nil {
		s.wake()
	}
	return plan, err
}

// DeleteSnapshot removes a snapshot of the world.
func (s *Service) DeleteSnapshot(ctx context.Context, name string) error {
	return s.write(ctx, func(tx *store.Tx) error { return tx.DeleteSnapshot(ctx, name) })
}

// ExportSnapshot gives a snapshot of the world as one document.
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
		return broken("", "%s", wrong.Msg)
	}
	return err
}

// ExportState gives the world as it is as one document, with its snapshots. The line of its clock
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
