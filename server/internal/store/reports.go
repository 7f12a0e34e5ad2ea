package store

import (
	"context"
	"fmt"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Reports are the tokens of the list of reports. Swagger 2021 names reportName and status, release
// 1.42 report.name; the others are our choice.
var Reports = resource("status:desc", nil, []token{
	{qql.Field{Token: "reportName", Kind: qql.Text}, "name"},
	{qql.Field{Token: "report.name", Kind: qql.Text}, "name"},
	{qql.Field{Token: "status", Kind: qql.Word}, "status"},
	{qql.Field{Token: "templateName", Kind: qql.Word}, "template"},
	{qql.Field{Token: "createdAt", Kind: qql.Time}, "created"},
}).shown(openapi.Documented, "reportName", "report.name", "status")

// The states of a report. Only the second is seen in public.
const (
	ReportGenerating = "GENERATING"
	ReportGenerated  = "GENERATED"
)

// The kinds of a report. Only the first is seen in public.
const (
	ReportOnDemand  = "ON_DEMAND"
	ReportScheduled = "SCHEDULED"
)

// Report is a report with what the wire never shows.
type Report struct {
	api.Report
	Text               string // its description; empty for none
	Created            openapi.Millis
	ReadyAt, ExpiresAt openapi.Millis
	Content            string // the file
	Packed             bool   // it is downloaded as a ZIP archive
}

const reportColumns = `id, name, description, filter, columns, template, status, created, ready_at,
	expires_at, kind, packed`

func (r *Report) fields() []any {
	return []any{
		&r.ReportUUID,
		&r.ReportName,
		&r.Text,
		&r.Filter,
		asJSON(&r.DisplayColumns),
		&r.TemplateName,
		&r.Status,
		&r.Created,
		&r.ReadyAt,
		&r.ExpiresAt,
		&r.ReportType,
		&r.Packed,
	}
}

// InsertReport adds a report.
func (tx *Tx) InsertReport(ctx context.Context, r Report) error {
	_, err := tx.Exec(
		ctx,
		`INSERT INTO report (world, content, `+reportColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		append([]any{tx.World, r.Content}, r.fields()...)...)
	return err
}

// RipenReports brings the reports of the world up to its time: those that are due are generated,
// those that have expired are gone.
func (tx *Tx) RipenReports(ctx context.Context) error {
	if _, err := tx.Exec(
		ctx, `DELETE FROM report WHERE world = $1 AND expires_at <= $2`, tx.World, tx.Now,
	); err != nil {
		return err
	}
	_, err := tx.Exec(
		ctx,
		`UPDATE report SET status = 'GENERATED' WHERE world = $1 AND status = 'GENERATING' AND ready_at <= $2`,
		tx.World, tx.Now,
	)
	return err
}

// Reports lists reports, and the number of all that match.
func (tx *Tx) Reports(ctx context.Context, l List) ([]api.Report, int, error) {
	where := tx.condition(Reports, l.Filter, tx.World)
	from := ` FROM report WHERE world = $1 AND ` + where.text
	var total int
	if err := tx.Scan(ctx, []any{&total}, `SELECT COUNT(*)`+from, where.args...); err != nil {
		return nil, 0, err
	}
	rows, err := collect(
		ctx, tx, (*Report).fields,
		statement{`SELECT ` + reportColumns + from + l.page(Reports, "id"), where.args},
	)
	all := make([]api.Report, len(rows))
	for i, r := range rows {
		all[i] = r.Report
		all[i].CreatedAt, all[i].FileFormat = r.Created.Time(), "csv"
		if all[i].Description = nullable.NewNullNullable[string](); r.Text != "" {
			all[i].Description = nullable.NewNullableWithValue(r.Text)
		}
	}
	return all, total, err
}

// Generated reads a report with its file, or gives ErrNotFound while there is none.
func (tx *Tx) Generated(ctx context.Context, id string) (Report, error) {
	var r Report
	if err := tx.Scan(
		ctx, append(r.fields(), &r.Content),
		`SELECT `+reportColumns+`, content FROM report WHERE world = $1 AND id = $2 AND status = 'GENERATED'`,
		tx.World, id,
	); err != nil {
		return r, fmt.Errorf("report: %w", err)
	}
	return r, nil
}

// DeleteReports removes reports and gives the ids of those that there were.
func (tx *Tx) DeleteReports(ctx context.Context, ids []string) ([]string, error) {
	list := tx.in(`id`, ids, tx.World)
	return collect(
		ctx, tx, func(id *string) []any { return []any{id} },
		statement{`DELETE FROM report WHERE world = $1 AND ` + list.text + ` RETURNING id`, list.args},
	)
}
