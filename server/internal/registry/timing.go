package registry

import (
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/rule"
)

// onDemand reports whether a schedule is on demand, not automatic. If the field is absent, the
// other fields decide (our choice: clients that omit empty fields cannot send false).
func onDemand(body api.ScheduleRequest) bool {
	if body.OnDemand != nil {
		return *body.OnDemand
	}
	return body.Schedule == "" && body.ScheduleScanIntervalInDays == 0 && body.WeekDay == ""
}

// timing applies the rules of timing (docs: create a registry schedule) and fills in defaults.
func timing(body api.ScheduleRequest, now time.Time) (api.Schedule, error) {
	s := api.Schedule{Name: body.Name, OnDemand: onDemand(body), ForceScan: rule.Or(body.ForceScan, false)}
	if s.OnDemand {
		return s, nil // integrations send a start time, which has no effect (observed)
	}
	s.Schedule, s.ScheduleScanIntervalInDays, s.WeekDay = body.Schedule, body.ScheduleScanIntervalInDays, body.WeekDay
	switch {
	case s.Schedule == "" && s.ScheduleScanIntervalInDays == 0:
		return s, rule.Errorf(openapi.IntervalNeeded,
			"An automatic schedule needs schedule or scheduleScanIntervalInDays.")
	case s.WeekDay != "" && s.ScheduleScanIntervalInDays != 7:
		return s, rule.Errorf(openapi.WeekDayInterval, "weekDay needs scheduleScanIntervalInDays 7.")
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

// NextRun returns the first time after now at which an automatic schedule runs: at HH:MM UTC, on
// its day of the week if it has one.
func NextRun(s api.Schedule, now time.Time) openapi.Millis {
	at, err := time.Parse("15:04", s.Schedule)
	if err != nil {
		return 0 // on demand
	}
	now = now.UTC()
	run := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	for !run.After(now) || s.WeekDay != "" && weekDay(run) != s.WeekDay {
		run = run.AddDate(0, 0, 1)
	}
	return openapi.MillisOf(run)
}
