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

// CreateReportSchedule adds a schedule by which reports are made, and returns its id.
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
		r := store.ReportSchedule{ReportScheduleRequest: body, ID: id, DueAt: firstReport(body, tx.Now.Time())}
		existed, err := tx.PutReportSchedule(ctx, r)
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

// firstReport returns when the first report of a schedule is made. A schedule without recurrence
// whose time has passed makes its report at once (our choice).
func firstReport(body api.ReportScheduleRequest, now time.Time) openapi.Millis {
	if body.ReportScheduleDetails.IsNull() || !body.ReportScheduleDetails.IsSpecified() {
		return max(openapi.MillisOf(body.EventTime), openapi.MillisOf(now))
	}
	return nextReport(body, now.Add(-time.Millisecond))
}

// nextReport returns when the first report after a time is made; 0 if there is none. The time of
// day is that of eventTime, in UTC. Weekly reports are made on the selected days, or on that of
// eventTime; monthly ones on the day of eventTime, or on the last day of a shorter month (our
// choice).
func nextReport(body api.ReportScheduleRequest, after time.Time) openapi.Millis {
	recurrence, err := body.ReportScheduleDetails.Get()
	if err != nil {
		return 0 // a schedule without recurrence
	}
	monthly := recurrence.RecurrenceType == api.ReportRecurrenceRecurrenceTypeMONTHLY
	first := body.EventTime.UTC()
	run, months := first, 0
	if after.After(first) { // begin shortly before the result
		months = (after.Year()-first.Year())*12 + int(after.Month()-first.Month()) - 1
		if !monthly {
			run = first.AddDate(0, 0, int(after.Sub(first)/(24*time.Hour)))
		}
	}
	for !run.After(after) || !matches(recurrence, first, run) {
		if monthly {
			run = inMonth(first, months)
			months++
		} else {
			run = run.AddDate(0, 0, 1)
		}
	}
	if end := body.EventEndTime; !end.IsZero() && run.After(end) {
		return 0
	}
	return openapi.MillisOf(run)
}

// matches reports whether a recurrence has a report on the day of a time.
func matches(r api.ReportRecurrence, first, run time.Time) bool {
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

// inMonth returns the same day and time some months later, or the last day of that month.
func inMonth(first time.Time, months int) time.Time {
	month := first.AddDate(0, months, 1-first.Day())
	last := month.AddDate(0, 1, -1).Day()
	return month.AddDate(0, 0, min(first.Day(), last)-1)
}

// Make makes the report of a schedule that is due, unless the report would have expired already or
// this version does not accept its filter or columns. Then it sets the time of the next report.
func (s *Service) Make(ctx context.Context, tx *store.Tx, due store.ReportSchedule) error {
	created, oldest := due.DueAt, tx.Now.Add(-lifeOf(due.ExpireAfter))
	if created > oldest {
		r := store.Report{Text: due.Description, Created: created, Packed: due.Zip == 1, Report: api.Report{
			ReportUUID: call.ID(ctx, s.NewID), ReportName: due.Name, ReportType: store.ReportScheduled,
			Filter: due.Filter, DisplayColumns: due.DisplayColumns, TemplateName: due.TemplateName,
		}}
		err := generate(ctx, tx, r, due.ExpireAfter)
		if rule.IsViolation(err) {
			s.Logger.Warn("a scheduled report is not made", "world", tx.World, "schedule", due.ID, "error", err)
		} else if err != nil {
			return err
		}
	}
	due.DueAt = nextReport(due.ReportScheduleRequest, max(created, oldest).Time())
	_, err := tx.PutReportSchedule(ctx, due)
	return err
}
