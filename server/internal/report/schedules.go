package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// CreateReportSchedule says when reports are made, by themselves.
func (s *Service) CreateReportSchedule(ctx context.Context, body api.ReportScheduleRequest) (string, error) {
	id := call.ID(ctx, s.NewID)
	return id, s.putReportSchedule(ctx, id, body, false)
}

// UpdateReportSchedule replaces a schedule of reports.
func (s *Service) UpdateReportSchedule(ctx context.Context, id string, body api.ReportScheduleRequest) error {
	return s.putReportSchedule(ctx, id, body, true)
}

func (s *Service) putReportSchedule(
	ctx context.Context, id string, body api.ReportScheduleRequest, mustExist bool,
) error {
	if _, err := columnsOf(body.TemplateName, body.DisplayColumns); err != nil {
		return err
	}
	if end := body.EventEndTime; !end.IsZero() && end.Before(body.EventTime) {
		return rule.Errorf(openapi.ReportPeriod, "eventEndTime is before eventTime.")
	}
	err := s.write(ctx, func(tx *store.Tx) error {
		if _, err := rule.Filter(body.Filter, store.Images.Schema, qql.Options{Now: int64(tx.Now)}); err != nil {
			return err
		}
		existed, err := tx.PutReportSchedule(
			ctx,
			store.ReportSchedule{ReportScheduleRequest: body, ID: id, DueAt: firstReport(body, tx.Now.Time())},
		)
		if err == nil && mustExist && !existed {
			return fmt.Errorf("schedule of reports: %w", store.ErrNotFound)
		}
		return err
	})
	if err == nil {
		s.Wake()
	}
	return err
}

// firstReport is when the first report of a schedule is made. A single one whose time has passed is
// made at once (our choice).
func firstReport(body api.ReportScheduleRequest, now time.Time) openapi.Millis {
	if body.ReportScheduleDetails.IsNull() || !body.ReportScheduleDetails.IsSpecified() {
		return max(openapi.MillisOf(body.EventTime), openapi.MillisOf(now))
	}
	return nextReport(body, now.Add(-time.Millisecond))
}

// nextReport is when the first report after a time is made; 0 when there is none. The time of day
// is that of eventTime, in UTC. A week has the selected days, or that of eventTime; a month the day
// of eventTime, or its last when it is shorter (our choice).
func nextReport(body api.ReportScheduleRequest, after time.Time) openapi.Millis {
	recurrence, err := body.ReportScheduleDetails.Get()
	if err != nil {
		return 0 // once
	}
	first := body.EventTime.UTC()
	months := 0
	if after.After(first) {
		months = (after.Year()-first.Year())*12 + int(after.Month()-first.Month()) - 1
	}
	run := first
	if recurrence.RecurrenceType != api.ReportRecurrenceRecurrenceTypeMONTHLY && after.After(first) {
		run = first.AddDate(0, 0, int(after.Sub(first)/(24*time.Hour)))
	}
	for !run.After(after) || !fits(recurrence, first, run) {
		if recurrence.RecurrenceType != api.ReportRecurrenceRecurrenceTypeMONTHLY {
			run = run.AddDate(0, 0, 1)
			continue
		}
		run = inMonth(first, months)
		months++
	}
	if end := body.EventEndTime; !end.IsZero() && run.After(end) {
		return 0
	}
	return openapi.MillisOf(run)
}

// fits reports whether a schedule of reports has a run on a day.
func fits(r api.ReportRecurrence, first, run time.Time) bool {
	switch {
	case run.Before(first):
		return false
	case r.RecurrenceType != api.ReportRecurrenceRecurrenceTypeWEEKLY:
		return true
	case len(r.SelectedDayOfWeeks) == 0:
		return run.Weekday() == first.Weekday()
	}
	return slices.Contains(r.SelectedDayOfWeeks, api.WeekDay(strings.ToUpper(run.Weekday().String())))
}

// inMonth is the day of a time some months later, or the last day of that month.
func inMonth(first time.Time, months int) time.Time {
	month := time.Date(
		first.Year(), first.Month()+time.Month(months), 1, first.Hour(), first.Minute(), first.Second(),
		first.Nanosecond(), time.UTC,
	)
	last := month.AddDate(0, 1, -1).Day()
	return month.AddDate(0, 0, min(first.Day(), last)-1)
}

// Make makes the report of a schedule that is due, with what is known at that time, unless it
// would be gone by now.
func (s *Service) Make(ctx context.Context, tx *store.Tx, due store.ReportSchedule) error {
	columns, err := columnsOf(due.TemplateName, due.DisplayColumns)
	if err != nil {
		return err
	}
	made := due.DueAt
	if life := lifeOf(due.ExpireAfter); made.Add(life) > tx.Now {
		r := store.Report{Text: due.Description, Created: made, Packed: due.Zip == 1}
		r.ReportUUID = call.ID(ctx, s.NewID)
		r.ReportName = due.Name
		r.Filter = due.Filter
		r.DisplayColumns = columns
		r.TemplateName = due.TemplateName
		r.ReportType = store.ReportScheduled
		if err := generate(ctx, tx, r, due.ExpireAfter); err != nil {
			return err
		}
		due.DueAt = nextReport(due.ReportScheduleRequest, made.Time())
	} else {
		due.DueAt = nextReport(due.ReportScheduleRequest, tx.Now.Add(-life).Time())
	}
	_, err = tx.PutReportSchedule(ctx, due)
	return err
}
