package registry

import (
	"context"
	"reflect"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/rules"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListSchedules returns a page of the schedules of a registry.
func (s *Service) ListSchedules(
	ctx context.Context, registryID string, q rule.List,
) (api.Schedules, rule.Basis, error) {
	return rule.Read(ctx, s.Store, func(tx *store.Tx, b *rule.Basis) (page api.Schedules, err error) {
		if err := tx.HasRegistry(ctx, registryID); err != nil {
			return page, err
		}
		l, err := q.Bind(store.Schedules, tx, b)
		if err == nil {
			page.Data, page.Count, err = tx.Schedules(ctx, registryID, l)
		}
		return page, err
	})
}

// CreateSchedule adds a schedule in state Created and returns its id.
func (s *Service) CreateSchedule(ctx context.Context, registryID string, body api.ScheduleRequest) (string, error) {
	id := call.ID(ctx, s.NewID)
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := tx.HasRegistry(ctx, registryID); err != nil {
			return err
		}
		if err := scan.CheckTags(body.Filters); err != nil {
			return err
		}
		schedule, err := timing(body, tx.Now.Time())
		if err != nil {
			return err
		}
		profile, err := s.Scans.Profile(ctx, tx)
		if err != nil {
			return err
		}
		schedule.ScheduleUUID, schedule.Status, schedule.Filters = id, api.StatusCreated, body.Filters
		if !schedule.OnDemand {
			schedule.Status = api.StatusBaselineCreated
		}
		schedule.RegistryType = canonicalType(body.RegistryType)
		schedule.Created, schedule.Updated = tx.Now, tx.Now
		row := store.Schedule{Schedule: schedule, RegistryID: registryID}
		row.RunAt = NextRun(schedule, tx.Now.Time())
		scan.Plan(profile, &row)
		return tx.InsertSchedule(ctx, row)
	})
	return id, err
}

// UpdateSchedule changes the timing, the name and forceScan of an automatic schedule.
func (s *Service) UpdateSchedule(
	ctx context.Context, registryID, id string, body api.ScheduleRequest,
) (b rule.Basis, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, registryID, id)
		if err != nil {
			return err
		}
		if err := updatable(row.Schedule, body); err != nil {
			return err
		}
		b = basisOf(rules.Update, row.Status)
		if body.Schedule == "" {
			body.Schedule = row.Schedule.Schedule
		}
		if body.ScheduleScanIntervalInDays == 0 && body.WeekDay == "" {
			body.ScheduleScanIntervalInDays, body.WeekDay = row.ScheduleScanIntervalInDays, row.WeekDay
		}
		change, err := timing(body, row.Created.Time()) // interval 7 without a day means the day of creation
		if err != nil {
			return err
		}
		if body.Name == "" {
			change.Name = row.Name
		}
		if body.ForceScan == nil {
			change.ForceScan = row.ForceScan
		}
		change.ScheduleUUID = id
		next := store.Schedule{Schedule: change, RunAt: row.RunAt, DueAt: row.DueAt}
		if sameTiming(change, row.Schedule) {
			return tx.UpdateSchedule(ctx, next)
		}
		next.RunAt = NextRun(change, tx.Now.Time())
		if row.DueAt != 0 && lifecycle[state{row.Status, row.Phase}] == nextScan {
			next.DueAt = next.RunAt // it waits for its next run, whose time has changed
		}
		return tx.UpdateSchedule(ctx, next)
	})
	return b, err
}

// sameTiming reports whether two automatic schedules run at the same times.
func sameTiming(a, b api.Schedule) bool {
	return a.Schedule == b.Schedule && a.WeekDay == b.WeekDay &&
		a.ScheduleScanIntervalInDays == b.ScheduleScanIntervalInDays
}

// find reads a schedule of a registry that exists and is not being deleted.
func find(ctx context.Context, tx *store.Tx, registryID, id string) (store.Schedule, error) {
	if err := tx.HasRegistry(ctx, registryID); err != nil {
		return store.Schedule{}, err
	}
	return tx.Schedule(ctx, registryID, id)
}

// updatable applies the rules of an update. Docs: only automatic schedules; onDemand, repo, tag and
// days cannot be changed; not while Running.
func updatable(current api.Schedule, body api.ScheduleRequest) error {
	switch {
	case current.OnDemand:
		return rule.Errorf(openapi.NotAutomatic, "Only automatic schedules can be updated.")
	case !rules.Can(rules.Update, current.Status):
		return rule.Errorf(openapi.WrongState, "A schedule in state %s cannot be updated.", current.Status)
	case rule.Or(body.OnDemand, false):
		return rule.Errorf(openapi.FixedField, "onDemand cannot be updated.")
	case !reflect.DeepEqual(scan.Targets(current.Filters), scan.Targets(body.Filters)):
		return rule.Errorf(openapi.FixedField,
			"filters cannot be updated: repo, tag and days must be sent as they are.")
	}
	return nil
}

// CancelSchedule cancels one schedule at once.
func (s *Service) CancelSchedule(ctx context.Context, registryID, id string) (rule.Basis, error) {
	return s.apply(ctx, registryID, id, singleAction{rules.Cancel, "canceled", (*store.Tx).CancelSchedules})
}

// DeleteSchedule deletes one schedule at once.
func (s *Service) DeleteSchedule(ctx context.Context, registryID, id string) (rule.Basis, error) {
	return s.apply(ctx, registryID, id, singleAction{rules.Delete, "deleted", (*store.Tx).DeleteSchedules})
}

// singleAction is an action on one schedule.
type singleAction struct {
	action rules.Action
	done   string // past participle of the action, for the message of a refusal
	do     func(tx *store.Tx, ctx context.Context, registryID string, rows []store.Row) error
}

// apply applies an action to one schedule.
func (s *Service) apply(ctx context.Context, registryID, id string, a singleAction) (b rule.Basis, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, registryID, id)
		if err != nil {
			return err
		}
		if !rules.Can(a.action, row.Status) {
			return rule.Errorf(openapi.WrongState, "A schedule in state %s cannot be %s.", row.Status, a.done)
		}
		b = basisOf(a.action, row.Status)
		return a.do(tx, ctx, registryID, []store.Row{{ID: id, Seq: row.Seq, Status: row.Status}})
	})
	return b, err
}

// basisOf returns the basis of the response to an action.
func basisOf(a rules.Action, s api.Status) (b rule.Basis) {
	if rules.ClassOf(a, s) == openapi.Chosen {
		b.Chosen("%s of a schedule in state %s", a, s)
	}
	return b
}

// Select drops empty and repeated ids. Ids win over a filter (release notes 1.15).
func Select(ids []string, filter *string) store.Selection {
	var s store.Selection
	selected := map[string]bool{"": true}
	for _, id := range ids {
		if !selected[id] {
			selected[id] = true
			s.IDs = append(s.IDs, id)
		}
	}
	if len(s.IDs) == 0 {
		s.Filter = rule.Or(filter, "")
	}
	return s
}

// CancelSchedules starts a job that cancels schedules of a registry, and returns its id.
func (s *Service) CancelSchedules(ctx context.Context, registryID string, selection store.Selection) (string, error) {
	return s.bulk(ctx, s.newJob(ctx, control.JobKindCancelSchedules, registryID, selection))
}

// DeleteSchedules starts a job that deletes schedules of a registry, and returns its id.
func (s *Service) DeleteSchedules(ctx context.Context, registryID string, selection store.Selection) (string, error) {
	return s.bulk(ctx, s.newJob(ctx, control.JobKindDeleteSchedules, registryID, selection))
}

// bulk inserts and starts a job on schedules.
func (s *Service) bulk(ctx context.Context, job store.Job) (string, error) {
	err := s.write(ctx, func(tx *store.Tx) error {
		counts, err := tx.CountsOf(ctx, job.RegistryUUID)
		if err != nil {
			return err
		}
		total := len(job.Selection.IDs)
		switch {
		case total == 0 && job.Selection.Filter == "":
			return rule.Errorf(openapi.NoSelection, "Neither scheduleIds nor filter is given.")
		case total == 0:
			o := qql.Options{Now: int64(tx.Now), Exact: true}
			f, err := rule.Filter(job.Selection.Filter, store.Schedules.Schema, o)
			if err != nil {
				return err
			}
			_, total = store.Estimate(counts, f)
		}
		return accept(ctx, tx, &job, total)
	})
	return s.started(ctx, job, err)
}
