package registry

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Moved is called after a move, with the schedules that made it.
type Moved func(m store.Move, rows []store.Due)

// Step does a part of the background work: in one transaction the moves of schedules that are due,
// up to a bound, and in another transaction a batch of the oldest job. It reports whether there was
// any work.
func (s *Service) Step(ctx context.Context) (didWork bool, err error) {
	scope, done := s.paused.scope()
	defer done()
	return s.step(ctx, scope, nil)
}

// Settle does the background work of the world of a call until there is none left. It calls moved,
// unless that is nil, after each move.
func (s *Service) Settle(ctx context.Context, moved Moved) error {
	for {
		worked, err := s.step(ctx, store.Scope{Only: call.World(ctx)}, moved)
		if err != nil || !worked {
			return err
		}
	}
}

func (s *Service) step(ctx context.Context, scope store.Scope, moved Moved) (didWork bool, err error) {
	lived, lifeErr := s.stepLife(ctx, scope, moved)
	worked, jobErr := s.stepJob(ctx, scope)
	err = errors.Join(lifeErr, jobErr)
	return (lived || worked) && err == nil, err
}

// StepLife makes moves that are due, up to a bound, and reports whether there were any.
func (s *Service) StepLife(ctx context.Context) (moved bool, err error) {
	scope, done := s.paused.scope()
	defer done()
	return s.stepLife(ctx, scope, nil)
}

// stepLife reads whether a move is due before it begins to write, as usually none is.
func (s *Service) stepLife(ctx context.Context, scope store.Scope, moved Moved) (worked bool, err error) {
	var due bool
	err = s.Store.Query(ctx, "", func(tx *store.Tx) error {
		_, due, err = tx.DueWorld(ctx, scope)
		return err
	})
	if err != nil || !due {
		return false, err
	}
	listings, err := s.list(ctx, scope)
	if err != nil {
		return false, err
	}
	var made moves
	err = s.Store.Write(ctx, "", func(tx *store.Tx) (err error) {
		made, worked, err = s.makeDueMoves(ctx, tx, scope, listings)
		return err
	})
	if err == nil && moved != nil {
		for _, m := range made.order {
			moved(m, made.rows[m])
		}
	}
	return worked, err
}

// list returns the listings of the registries whose scans end now and that a source handles. Scans
// that become due meanwhile wait for the next step.
func (s *Service) list(ctx context.Context, scope store.Scope) (scan.Listings, error) {
	if len(s.Sources) == 0 {
		return nil, nil
	}
	listings := scan.Listings{}
	err := s.Store.Read(ctx, "", func(tx *store.Tx) error {
		d, err := dueNow(ctx, tx, scope)
		if err != nil {
			return err
		}
		ending := slices.DeleteFunc(d.schedules, func(d store.Due) bool {
			m, ok := moveOf(d)
			return !ok || !endsWell(m)
		})
		addresses, err := scan.Addresses(ctx, d.tx, ending)
		if err != nil {
			return err
		}
		for _, d := range ending {
			if uri := addresses[d.RegistryID]; s.Sources.Of(uri) != nil {
				listings.Add(uri, d.Filters)
			}
		}
		return nil
	})
	if err == nil {
		listings.Fetch(ctx, s.Sources)
	}
	return listings, err
}

// OpenJobs returns the jobs that have not ended and on which no replica works.
func (s *Service) OpenJobs(ctx context.Context) ([]store.JobKey, error) {
	return store.ReadValue(ctx, s.Store, "", func(tx *store.Tx) ([]store.JobKey, error) { return tx.OpenJobs(ctx) })
}

// StepJob works on a batch of a job, and reports whether there is more to do.
func (s *Service) StepJob(ctx context.Context, k store.JobKey) (more bool, err error) {
	scope, done := s.paused.scope()
	defer done()
	if slices.Contains(scope.Except, k.World) {
		return false, nil
	}
	return s.workJob(ctx, k, scope)
}

// WorkJob works on a job for some time, batch by batch, and reports whether there is more to do.
func (s *Service) WorkJob(ctx context.Context, k store.JobKey, d time.Duration) (more bool, err error) {
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		if more, err = s.StepJob(ctx, k); err != nil || !more {
			return more, err
		}
		select {
		case <-ctx.Done():
			return true, nil
		case <-end.C:
			return true, nil
		default:
		}
	}
}

// stepJob works on a batch of the oldest job, and reports whether there is a job. A job that
// another replica has just ended counts too, as there may be others.
func (s *Service) stepJob(ctx context.Context, scope store.Scope) (found bool, err error) {
	var k store.JobKey
	err = s.Store.Query(ctx, "", func(tx *store.Tx) error {
		k, found, err = tx.NextJob(ctx, scope)
		return err
	})
	if err == nil && found {
		_, err = s.workJob(ctx, k, scope)
	}
	return found, err
}

// workJob is StepJob for the worlds of a scope.
func (s *Service) workJob(ctx context.Context, k store.JobKey, scope store.Scope) (more bool, err error) {
	began := time.Now() //nolint:forbidigo // how long other writers wait, not the time of a world
	done, err := s.workBatch(ctx, k, scope)
	switch {
	case err == nil && done.adapt:
		s.batch.adapt(time.Since(began), done.changed, s.Store.Shared())
	case err != nil && done.open && ctx.Err() == nil && !store.Busy(err):
		err = errors.Join(err, s.countFailure(ctx, k))
	}
	return done.more, err
}
