package registry

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ForceSchedule puts a schedule into a status, from which its life cycle continues. If the status
// is that of a successful scan and the registry cannot be listed, the schedule ends in Error.
func (s *Service) ForceSchedule(ctx context.Context, registryID, id string, status api.Status) error {
	f := forcing{service: s, registry: registryID, id: id, status: status}
	if err := s.Store.Read(ctx, call.World(ctx), func(tx *store.Tx) error { return f.read(ctx, tx) }); err != nil {
		return err
	}
	listings := scan.Listings{}
	if endsWell(f.move) && s.Sources.Of(f.uri) != nil {
		listings.Add(f.uri, f.due.Filters)
		listings.Fetch(ctx, s.Sources)
	}
	return s.write(ctx, func(tx *store.Tx) error {
		if err := f.read(ctx, tx); err != nil {
			return err
		}
		m, failure, listed := s.outcome(f.move, f.uri, f.due, listings)
		if !listed {
			return rule.Errorf("", "The registry has changed meanwhile; try again.")
		}
		if err := tx.SetDue(ctx, id); err != nil {
			return err
		}
		due := []store.Due{f.due}
		if endsWell(m) {
			if err := scan.Save(ctx, tx, due, listings); err != nil {
				return err
			}
		}
		err := tx.MoveSchedules(ctx, m, due)
		if err == nil && failure != nil {
			err = tx.SetErrors(ctx, id, failure)
		}
		return err
	})
}

// forcing is a call of ForceSchedule.
type forcing struct {
	service      *Service
	registry, id string
	status       api.Status

	due  store.Due
	move store.Move
	uri  string // of the registry, if there are sources
}

// read reads the schedule and finds the move that puts it into the status.
func (f *forcing) read(ctx context.Context, tx *store.Tx) error {
	row, err := find(ctx, tx, f.registry, f.id)
	if err != nil {
		return err
	}
	f.due = store.Due{RegistryID: f.registry, At: tx.Now, Filters: row.Filters}
	f.due.ID, f.due.Status = f.id, row.Status
	if f.move, err = forced(f.status, row.OnDemand); err != nil || len(f.service.Sources) == 0 {
		return err
	}
	addresses, err := scan.Addresses(ctx, tx, []store.Due{f.due})
	f.uri = addresses[f.registry]
	return err
}
