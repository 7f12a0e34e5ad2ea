package store

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
)

// ReportSchedule says when reports are made.
type ReportSchedule struct {
	api.ReportScheduleRequest
	ID    string
	DueAt openapi.Millis // when the next report is made; 0 for never
}

func (r *ReportSchedule) fields() []any {
	return []any{&r.ID, asJSON(&r.ReportScheduleRequest), &r.DueAt}
}

// PutReportSchedule adds a schedule of reports, or replaces one that exists; it reports whether
// there was one.
func (tx *Tx) PutReportSchedule(ctx context.Context, r ReportSchedule) (existed bool, err error) {
	n, err := tx.Exec(
		ctx,
		`UPDATE report_schedule SET body = $3, due_at = $4 WHERE world = $1 AND id = $2`,
		append([]any{tx.World}, r.fields()...)...)
	if err != nil || n > 0 {
		return n > 0, err
	}
	_, err = tx.Exec(
		ctx,
		`INSERT INTO report_schedule (world, id, body, due_at) VALUES ($1, $2, $3, $4)`,
		append([]any{tx.World}, r.fields()...)...)
	return false, err
}

// DueReportSchedule reads the schedule of reports of the world that is due first; there is none
// when the second result is false.
func (tx *Tx) DueReportSchedule(ctx context.Context) (r ReportSchedule, found bool, err error) {
	err = tx.Scan(
		ctx,
		r.fields(),
		`SELECT id, body, due_at FROM report_schedule WHERE world = $1 AND due_at > 0 AND due_at <= $2
			ORDER BY due_at, id LIMIT 1`,
		tx.World,
		tx.Now,
	)
	if errors.Is(err, ErrNotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}
