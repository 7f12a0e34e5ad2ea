package registry

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListSchedules gives a page of the schedules of a registry. Callers share it: they must not change
// it.
func (s *Service) ListSchedules(ctx context.Context, registryID string, q Query) (api.Schedules, error) {
	return lister[api.Schedules]{
		s,
		&s.pages.schedules,
		s.readSchedules,
	}.page(ctx, asked{q, store.Schedules, registryID})
}

// CreateSchedule adds a schedule in state Created and gives its id.
func (s *Service) CreateSchedule(ctx context.Context, registryID string, body api.ScheduleRequest) (string, error) {
	id := s.id(ctx)
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := tx.HasRegistry(ctx, registryID); err != nil {
			return err
		}
		if err := checkTags(body.Filters); err != nil {
			return err
		}
		schedule, err := timing(body, tx.Now.Time())
		if err != nil {
			return err
		}
		profile, err := s.profile(ctx, tx)
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
		plan(profile, &row, tx.Now.Time())
		return tx.InsertSchedule(ctx, row)
	})
	return id, err
}

// UpdateSchedule changes the timing, the name and forceScan of an automatic schedule.
func (s *Service) UpdateSchedule(ctx context.Context, registryID, id string, body api.ScheduleRequest) error {
	return s.write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, registryID, id)
		if err != nil {
			return err
		}
		if err := updatable(row.Schedule, body); err != nil {
			return err
		}
		permit(ctx, Update, row.Status)
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
		next := store.Schedule{Schedule: change, RunAt: nextRun(change, tx.Now.Time()), DueAt: row.DueAt}
		if row.DueAt != 0 && moves[state{row.Status, row.Phase}] == again {
			next.DueAt = next.RunAt // it waits for its time, which is another now
		}
		return tx.UpdateSchedule(ctx, next)
	})
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
		return broken(openapi.NotAutomatic, "Only automatic schedules can be updated.")
	case !Can(Update, current.Status):
		return broken(openapi.WrongState, "A schedule in state %s cannot be updated.", current.Status)
	case onDemand(body):
		return broken(openapi.FixedField, "onDemand cannot be updated.")
	case !reflect.DeepEqual(plain(current.Filters), plain(body.Filters)):
		return broken(openapi.FixedField, "filters cannot be updated: repo, tag and days must be sent as they are.")
	}
	return nil
}

// selected is one repository of a filter, with null and absent made equal.
type selected struct {
	repo, tag string
	days      int
}

func plain(filters []api.ScheduleFilter) []selected {
	var all []selected
	for _, f := range filters {
		days, _ := f.Days.Get()
		for _, t := range f.RepoTags {
			tag, _ := t.Tag.Get()
			all = append(all, selected{t.Repo, tag, days})
		}
	}
	return all
}

// onDemand decides between a scan at once and an automatic one. Absent, it follows from the other
// fields (our choice; clients with omitempty cannot send false).
func onDemand(body api.ScheduleRequest) bool {
	if body.OnDemand != nil {
		return *body.OnDemand
	}
	return body.Schedule == "" && body.ScheduleScanIntervalInDays == 0 && body.WeekDay == ""
}

// timing applies the conditional rules of a schedule's body (docs: create a registry schedule) and
// fills in what is left out.
func timing(body api.ScheduleRequest, now time.Time) (api.Schedule, error) {
	s := api.Schedule{Name: body.Name, OnDemand: onDemand(body), ForceScan: or(body.ForceScan, false)}
	if s.OnDemand {
		return s, nil // integrations send a start time with it, which means nothing (observed)
	}
	s.Schedule, s.ScheduleScanIntervalInDays, s.WeekDay = body.Schedule, body.ScheduleScanIntervalInDays, body.WeekDay
	switch {
	case s.Schedule == "" && s.ScheduleScanIntervalInDays == 0:
		return s, broken(openapi.IntervalNeeded, "An automatic schedule needs schedule or scheduleScanIntervalInDays.")
	case s.WeekDay != "" && s.ScheduleScanIntervalInDays != 7:
		return s, broken(openapi.WeekDayInterval, "weekDay needs scheduleScanIntervalInDays 7.")
	}
	if s.Schedule == "" {
		s.Schedule = "00:00"
	}
	if s.ScheduleScanIntervalInDays == 0 {
		s.ScheduleScanIntervalInDays = 1
	}
	if s.ScheduleScanIntervalInDays == 7 && s.WeekDay == "" {
		s.WeekDay = weekDay(now)
	}
	return s, nil
}

func weekDay(t time.Time) api.WeekDay {
	return api.WeekDay(strings.ToUpper(t.UTC().Weekday().String()))
}

// CancelSchedule cancels one schedule at once.
func (s *Service) CancelSchedule(ctx context.Context, registryID, id string) error {
	return s.one(ctx, registryID, id, func(tx *store.Tx, row store.Row) error {
		if !Can(Cancel, row.Status) {
			return broken(openapi.WrongState, "A schedule in state %s cannot be canceled.", row.Status)
		}
		permit(ctx, Cancel, row.Status)
		return tx.CancelSchedules(ctx, registryID, []store.Row{row})
	})
}

// DeleteSchedule deletes one schedule at once.
func (s *Service) DeleteSchedule(ctx context.Context, registryID, id string) error {
	return s.one(ctx, registryID, id, func(tx *store.Tx, row store.Row) error {
		if !Can(Delete, row.Status) {
			return broken(openapi.WrongState, "A schedule in state %s cannot be deleted.", row.Status)
		}
		permit(ctx, Delete, row.Status)
		return tx.DeleteSchedules(ctx, registryID, []store.Row{row})
	})
}

func (s *Service) one(ctx context.Context, registryID, id string, f func(*store.Tx, store.Row) error) error {
	return s.write(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, registryID, id)
		if err != nil {
			return err
		}
		return f(tx, store.Row{ID: id, Seq: row.Seq, Status: row.Status})
	})
}

// Select makes a selection: empty ids are dropped and repeated ones folded, and ids win over a
// filter (release notes 1.15).
func Select(ids []string, filter *string) store.Selection {
	var s store.Selection
	seen := map[string]bool{"": true}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			s.IDs = append(s.IDs, id)
		}
	}
	if len(s.IDs) == 0 {
		s.Filter = or(filter, "")
	}
	return s
}

// CancelSchedules starts a job that cancels the selected schedules of a registry and gives its id.
func (s *Service) CancelSchedules(ctx context.Context, registryID string, selection store.Selection) (string, error) {
	return s.bulk(ctx, s.newJob(ctx, control.JobKindCancelSchedules, registryID, selection))
}

// DeleteSchedules starts a job that deletes the selected schedules of a registry and gives its id.
func (s *Service) DeleteSchedules(ctx context.Context, registryID string, selection store.Selection) (string, error) {
	return s.bulk(ctx, s.newJob(ctx, control.JobKindDeleteSchedules, registryID, selection))
}

func (s *Service) bulk(ctx context.Context, job store.Job) (string, error) {
	err := s.write(ctx, func(tx *store.Tx) error {
		counts, err := tx.CountsOf(ctx, job.RegistryUUID)
		if err != nil {
			return err
		}
		total := len(job.Selection.IDs)
		switch {
		case total == 0 && job.Selection.Filter == "":
			return broken(openapi.NoSelection, "Neither scheduleIds nor filter is given.")
		case total == 0:
			f, err := filter(job.Selection.Filter, store.Schedules, qql.Options{Now: int64(tx.Now), Exact: true})
			if err != nil {
				return err
			}
			_, total = store.Extent(counts, f)
		}
		return accept(ctx, tx, &job, total)
	})
	return s.started(ctx, job, err)
}
