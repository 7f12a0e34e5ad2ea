// Package report has the rules of reports on images, which are made by a call or by a schedule. The
// package must not import net/http and contains no SQL text.
package report

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// A report is ready after some time, and is kept for a number of days by default (our choices).
const (
	generationTime = 2 * time.Second
	defaultDays    = 30
)

// imageReport has the columns of reports on images (swagger 2021).
var imageReport = []string{
	"repo", "imageId", "sha", "uuid", "created", "updated", "qid", "title", "severity", "cveids",
	"vendorReference", "cvssBase", "cvssTemporal", "cvss3Base", "cvss3Temporal", "threat", "impact", "solution",
	"exploitability", "associatedMalwares", "category", "software", "result",
}

// containerReport has the columns of reports on containers, of which the emulator has none.
var containerReport = append(
	[]string{"name", "containerId", "hostName", "hostIp", "state", "stateChanged"}, imageReport...)

// defaultColumns are the columns of a report whose list of columns is empty (our choice).
var defaultColumns = []string{"repo", "imageId", "sha", "title", "severity"}

func onImages(t api.ReportTemplate) bool {
	return strings.HasPrefix(strings.ToUpper(string(t)), "CS_IMAGE") || t == api.ReportTemplateCSVULNERABILITIES
}

// columnsOf returns the columns of a report for the list of a request: all if the list is absent,
// the default ones if it is empty (docs: report schedules).
func columnsOf(t api.ReportTemplate, requested []string) ([]string, error) {
	known := containerReport
	if onImages(t) {
		known = imageReport
	}
	switch {
	case requested == nil:
		return known, nil
	case len(requested) == 0:
		return defaultColumns, nil
	}
	for _, c := range requested {
		if !slices.Contains(known, c) {
			return nil, rule.Errorf(openapi.ReportColumn, "The template has no column %q.", c)
		}
	}
	return requested, nil
}

// Options of a Service.
type Options struct {
	Store  *store.Store
	NewID  func() string // returns a new id for a report
	Wake   func()        // called when a report may have become due
	Logger *slog.Logger
}

// Service applies the rules of reports to a store. It is safe for concurrent use.
type Service struct{ Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o} }

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Write(ctx, call.World(ctx), f)
}

// writeRipe runs f after the states of the reports have been updated to the time of the world.
func (s *Service) writeRipe(ctx context.Context, f func(*store.Tx) error) error {
	return s.write(ctx, func(tx *store.Tx) error {
		if err := tx.RipenReports(ctx); err != nil {
			return err
		}
		return f(tx)
	})
}

// ListReports returns a page of the reports. The response depends on the time.
func (s *Service) ListReports(ctx context.Context, q rule.List) (page api.Reports, b rule.Basis, err error) {
	err = s.writeRipe(ctx, func(tx *store.Tx) error {
		b = rule.Basis{Timed: true}
		l, err := q.Bind(store.Reports, tx, &b)
		if err != nil {
			return err
		}
		page.Data, page.Count, err = tx.Reports(ctx, l)
		return err
	})
	return page, b, err
}

// CreateReport adds a report on the present data, which is ready some seconds later.
func (s *Service) CreateReport(ctx context.Context, body api.ReportRequest) (string, error) {
	r := store.Report{Text: body.Description, Report: api.Report{
		ReportUUID: call.ID(ctx, s.NewID), ReportName: body.Name, ReportType: store.ReportOnDemand,
		Filter: body.Filter, DisplayColumns: body.DisplayColumns, TemplateName: body.TemplateName,
	}}
	err := s.write(ctx, func(tx *store.Tx) error {
		r.Created = tx.Now
		return generate(ctx, tx, r, body.ExpireAfter)
	})
	return r.ReportUUID, err
}

// generate adds a report on the present data.
func generate(ctx context.Context, tx *store.Tx, r store.Report, days api.ReportExpiry) error {
	columns, err := columnsOf(r.TemplateName, r.DisplayColumns)
	if err != nil {
		return err
	}
	r.DisplayColumns = columns
	f, err := rule.Filter(r.Filter, store.Images.Schema, qql.Options{Now: int64(r.Created)})
	if err != nil {
		return err
	}
	r.Status = store.ReportGenerating
	r.ReadyAt, r.ExpiresAt = r.Created.Add(generationTime), r.Created.Add(lifeOf(days))
	if r.Content, err = reportFile(ctx, tx, r.Report, f); err != nil {
		return err
	}
	return tx.InsertReport(ctx, r)
}

// lifeOf returns how long a report is kept.
func lifeOf(days api.ReportExpiry) time.Duration {
	return time.Duration(cmp.Or(int(days), defaultDays)) * 24 * time.Hour
}

// imagePage is how many images of a report are in memory at a time.
const imagePage = 1000

// reportFile returns a CSV file with a line for each vulnerability of each image that matches, and
// a line for each image without vulnerabilities.
func reportFile(ctx context.Context, tx *store.Tx, r api.Report, f qql.Filter) (string, error) {
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(r.DisplayColumns) // writing to a strings.Builder cannot fail
	for page := 1; onImages(r.TemplateName); page++ {
		images, _, err := tx.Images(ctx, store.List{Filter: f, Page: page, Size: imagePage})
		if err != nil {
			return "", err
		}
		for _, i := range images {
			for _, row := range reportRows(i, r.DisplayColumns) {
				_ = w.Write(row)
			}
		}
		if len(images) < imagePage {
			break
		}
	}
	w.Flush()
	return text.String(), nil
}

func reportRows(i api.Image, columns []string) [][]string {
	found := scan.Vulnerabilities(i.Sha)
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
			"repo": strings.Join(repos, " "), "imageId": i.ImageID, "sha": i.Sha, "uuid": i.UUID,
			"created": fmt.Sprint(int64(i.Created)), "updated": fmt.Sprint(int64(i.Updated)),
		}
		if v.Qid != 0 {
			cells["qid"] = strconv.Itoa(v.Qid)
			cells["title"] = v.Title
			cells["severity"] = strconv.Itoa(v.Severity)
			cells["cveids"] = strings.Join(v.Cveids, " ")
		}
		for _, c := range columns {
			rows[n] = append(rows[n], cells[c])
		}
	}
	return rows
}

// DeleteReports deletes reports and returns the ids of those that existed.
func (s *Service) DeleteReports(ctx context.Context, ids []string) (deleted []string, err error) {
	err = s.writeRipe(ctx, func(tx *store.Tx) error {
		deleted, err = tx.DeleteReports(ctx, ids)
		return err
	})
	return deleted, err
}

// DownloadReport returns the file of a report, in a ZIP archive if its schedule requires one.
func (s *Service) DownloadReport(ctx context.Context, id string) (content []byte, err error) {
	var r store.Report
	err = s.writeRipe(ctx, func(tx *store.Tx) error {
		r, err = tx.Generated(ctx, id)
		return err
	})
	if err != nil || !r.Packed {
		return []byte(r.Content), err
	}
	return pack(r)
}

// pack returns a ZIP archive with the file of a report.
func pack(r store.Report) ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: r.ReportUUID + ".csv", Method: zip.Deflate, Modified: r.Created.Time()}
	file, err := w.CreateHeader(header)
	if err == nil {
		_, err = file.Write([]byte(r.Content))
	}
	err = errors.Join(err, w.Close())
	return archive.Bytes(), err
}
