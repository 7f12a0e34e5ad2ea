package store

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
)

// ReportSchedule is a schedule by which reports are made.
type ReportSchedule struct {
	api.ReportScheduleRequest
	ID    string
	DueAt openapi.Millis // when the next report is made; 0 for never
}

func (r *ReportSchedule) fields() []any {
	return []any{&r.ID, asJSON(&r.ReportScheduleRequest), &r.DueAt}
}

// PutReportSchedule adds or replaces a schedule of reports, and reports whether it existed.
func (tx *Tx) PutReportSchedule(ctx context.Context, r ReportSchedule) (existed bool, err error) {
	args := append([]any{tx.World}, r.fields()...)
	n, err := tx.Exec(ctx, `UPDATE report_schedule SET body = $3, due_at = $4 WHERE world = $1 AND id = $2`, args...)
	if err != nil || n > 0 {
		return n > 0, err
	}
	return false, tx.run(ctx, `INSERT INTO report_schedule (world, id, body, due_at) VALUES ($1, $2, $3, $4)`, args...)
}

// DueReportSchedule reads the schedule of reports that is due first, if any is due.
func (tx *Tx) DueReportSchedule(ctx context.Context) (r ReportSchedule, found bool, err error) {
	found, err = tx.first(ctx, r.fields(), `SELECT id, body, due_at FROM report_schedule
		WHERE world = $1 AND due_at > 0 AND due_at <= $2 ORDER BY due_at, id LIMIT 1`, tx.World, tx.Now)
	return r, found, err
}
