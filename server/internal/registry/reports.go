package registry

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// generating is how long it takes until a report can be downloaded; reportLife is how long one is kept that does not say (our choices).
const (
	generating = 2 * time.Second
	reportLife = 30
)

// imageReport lists the columns of reports on images (swagger 2021).
var imageReport = []string{
	"repo", "imageId", "sha", "uuid", "created", "updated", "qid", "title", "severity", "cveids", "vendorReference", "cvssBase", "cvssTemporal", "cvss3Base", "cvss3Temporal",
	"threat", "impact", "solution", "exploitability", "associatedMalwares", "category", "software", "result",
}

// containerReport lists those of reports on containers, of which the emulator has none.
var containerReport = append([]string{"name", "containerId", "hostName", "hostIp", "state", "stateChanged"}, imageReport...)

// defaultColumns are those of a report that asks for none of its own (our choice).
var defaultColumns = []string{"repo", "imageId", "sha", "title", "severity"}

func onImages(t api.ReportTemplate) bool {
	return strings.HasPrefix(strings.ToUpper(string(t)), "CS_IMAGE") || t == api.ReportTemplateCSVULNERABILITIES
}

// columnsOf decides the columns of a report: absent means all, empty the default ones (docs: report schedules).
func columnsOf(t api.ReportTemplate, wanted []string) ([]string, error) {
	known := containerReport
	if onImages(t) {
		known = imageReport
	}
	switch {
	case wanted == nil:
		return known, nil
	case len(wanted) == 0:
		return defaultColumns, nil
	}
	for _, c := range wanted {
		if !slices.Contains(known, c) {
			return nil, broken(openapi.ReportColumn, "The template has no column %q.", c)
		}
	}
	return wanted, nil
}

// ListReports gives a page of the reports.
func (s *Service) ListReports(ctx context.Context, q Query) (page api.Reports, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := tx.RipenReports(ctx); err != nil {
			return err
		}
		l, err := list(ctx, q, store.Reports, tx.Now)
		if err != nil {
			return err
		}
		page.Data, page.Count, err = tx.Reports(ctx, l)
		return err
	})
	return page, err
}

// CreateReport writes down what is known now; it can be downloaded some seconds later.
func (s *Service) CreateReport(ctx context.Context, body api.ReportRequest) (string, error) {
	columns, err := columnsOf(body.TemplateName, body.DisplayColumns)
	if err != nil {
		return "", err
	}
	id := s.newID()
	err = s.write(ctx, func(tx *store.Tx) error {
		f, err := filter(body.Filter, store.Images, qql.Options{Now: int64(tx.Now)})
		if err != nil {
			return err
		}
		life := body.ExpireAfter
		if life == 0 {
			life = reportLife
		}
		r := store.Report{Text: body.Description, Created: tx.Now, ReadyAt: tx.Now.Add(generating), ExpiresAt: tx.Now.Add(time.Duration(life) * 24 * time.Hour)}
		r.ReportUUID, r.ReportName, r.Filter, r.DisplayColumns = id, body.Name, body.Filter, columns
		r.TemplateName, r.Status = body.TemplateName, store.ReportGenerating
		if r.Content, err = reportFile(ctx, tx, r.Report, f); err != nil {
			return err
		}
		return tx.InsertReport(ctx, r)
	})
	return id, err
}

// reportFile writes a line for each vulnerability of each image that matches, and one for an image without any.
func reportFile(ctx context.Context, tx *store.Tx, r api.Report, f qql.Filter) (string, error) {
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(r.DisplayColumns) // a strings.Builder takes everything
	for page := 1; onImages(r.TemplateName); page++ {
		images, _, err := tx.Images(ctx, store.List{Filter: f, Page: page, Size: chunk})
		if err != nil {
			return "", err
		}
		for _, i := range images {
			for _, row := range reportRows(i, r.DisplayColumns) {
				_ = w.Write(row)
			}
		}
		if len(images) < chunk {
			break
		}
	}
	w.Flush()
	return text.String(), nil
}

func reportRows(i api.Image, columns []string) [][]string {
	found := vulnerabilities(i.Sha)
	if len(found) == 0 {
		found = []api.Vulnerability{{}}
	}
	var repos []string
	for _, r := range i.Repo {
		repos = append(repos, r.Registry+"/"+r.Repository+":"+r.Tag)
	}
	rows := make([][]string, len(found))
	for n, v := range found {
		cells := map[string]string{
			"repo": strings.Join(repos, " "), "imageId": i.ImageID, "sha": i.Sha, "uuid": i.UUID, "created": fmt.Sprint(int64(i.Created)), "updated": fmt.Sprint(int64(i.Updated)),
		}
		if v.Qid != 0 {
			cells["qid"], cells["title"], cells["severity"], cells["cveids"] = strconv.Itoa(v.Qid), v.Title, strconv.Itoa(v.Severity), strings.Join(v.Cveids, " ")
		}
		for _, c := range columns {
			rows[n] = append(rows[n], cells[c])
		}
	}
	return rows
}

// DeleteReports removes reports and gives the ids of those that there were.
func (s *Service) DeleteReports(ctx context.Context, ids []string) (gone []string, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := tx.RipenReports(ctx); err != nil {
			return err
		}
		gone, err = tx.DeleteReports(ctx, ids)
		return err
	})
	return gone, err
}

// DownloadReport gives the file of a report.
func (s *Service) DownloadReport(ctx context.Context, id string) (content string, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := tx.RipenReports(ctx); err != nil {
			return err
		}
		content, err = tx.ReportContent(ctx, id)
		return err
	})
	return content, err
}

// CreateReportSchedule stores a schedule of reports. None is made by it (our choice).
func (s *Service) CreateReportSchedule(ctx context.Context, body api.ReportScheduleRequest) (string, error) {
	id := s.newID()
	return id, s.putReportSchedule(ctx, id, body, false)
}

// UpdateReportSchedule replaces a schedule of reports.
func (s *Service) UpdateReportSchedule(ctx context.Context, id string, body api.ReportScheduleRequest) error {
	return s.putReportSchedule(ctx, id, body, true)
}

func (s *Service) putReportSchedule(ctx context.Context, id string, body api.ReportScheduleRequest, mustExist bool) error {
	if _, err := columnsOf(body.TemplateName, body.DisplayColumns); err != nil {
		return err
	}
	return s.write(ctx, func(tx *store.Tx) error {
		if _, err := filter(body.Filter, store.Images, qql.Options{Now: int64(tx.Now)}); err != nil {
			return err
		}
		existed, err := tx.PutReportSchedule(ctx, id, body)
		if err == nil && mustExist && !existed {
			return fmt.Errorf("schedule of reports: %w", store.ErrNotFound)
		}
		return err
	})
}
