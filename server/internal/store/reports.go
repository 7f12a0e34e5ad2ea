package store

import (
	"context"

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

// The states of a report. Public material shows the second only.
const (
	ReportGenerating = "GENERATING"
	ReportGenerated  = "GENERATED"
)

// The kinds of a report. Public material shows the first only.
const (
	ReportOnDemand  = "ON_DEMAND"
	ReportScheduled = "SCHEDULED"
)

// Report is a report with what responses do not show.
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
		&r.ReportUUID, &r.ReportName, &r.Text, &r.Filter, asJSON(&r.DisplayColumns), &r.TemplateName,
		&r.Status, &r.Created, &r.ReadyAt, &r.ExpiresAt, &r.ReportType, &r.Packed,
	}
}

// InsertReport adds a report.
func (tx *Tx) InsertReport(ctx context.Context, r Report) error {
	return tx.run(ctx, `INSERT INTO report (world, content, `+reportColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		append([]any{tx.World, r.Content}, r.fields()...)...)
}

// RipenReports updates the reports of the world to its time: it deletes those that have expired,
// and marks those that are ready as generated.
func (tx *Tx) RipenReports(ctx context.Context) error {
	return tx.runAll(ctx, []string{
		`DELETE FROM report WHERE world = $1 AND expires_at <= $2`,
		`UPDATE report SET status = 'GENERATED' WHERE world = $1 AND status = 'GENERATING' AND ready_at <= $2`,
	}, tx.World, tx.Now)
}

// Reports lists reports, and counts all that match.
func (tx *Tx) Reports(ctx context.Context, l List) ([]api.Report, int, error) {
	rows, total, err := listQuery[Report]{
		Reports, ` FROM report WHERE world = $1`, "id", reportColumns, (*Report).fields,
	}.read(ctx, tx, l, tx.World)
	page := make([]api.Report, len(rows))
	for i, r := range rows {
		page[i] = r.Report
		page[i].CreatedAt, page[i].FileFormat = r.Created.Time(), "csv"
		if page[i].Description = nullable.NewNullNullable[string](); r.Text != "" {
			page[i].Description = nullable.NewNullableWithValue(r.Text)
		}
	}
	return page, total, err
}

// Generated reads a report with its file, or returns ErrNotFound if it is not generated yet.
func (tx *Tx) Generated(ctx context.Context, id string) (r Report, err error) {
	err = tx.find(ctx, "report", append(r.fields(), &r.Content), query(`SELECT `+reportColumns+`, content FROM report
		WHERE world = $1 AND id = $2 AND status = 'GENERATED'`, tx.World, id))
	return r, err
}

// DeleteReports deletes reports and returns the ids of those that existed.
func (tx *Tx) DeleteReports(ctx context.Context, ids []string) ([]string, error) {
	list := tx.in(`id`, ids, tx.World)
	return column[string](ctx, tx,
		query(`DELETE FROM report WHERE world = $1 AND `+list.text+` RETURNING id`, list.args...))
}
