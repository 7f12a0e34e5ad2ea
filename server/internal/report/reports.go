// Package report makes reports on images, at once or by a schedule. It knows no HTTP and no SQL
// text.
package report

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
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

// generating is how long it takes until a report can be downloaded; reportLife is how long one is
// kept that does not say (our choices).
const (
	generating = 2 * time.Second
	reportLife = 30
)

// imageReport lists the columns of reports on images (swagger 2021).
var imageReport = []string{
	"repo",
	"imageId",
	"sha",
	"uuid",
	"created",
	"updated",
	"qid",
	"title",
	"severity",
	"cveids",
	"vendorReference",
	"cvssBase",
	"cvssTemporal",
	"cvss3Base",
	"cvss3Temporal",
	"threat",
	"impact",
	"solution",
	"exploitability",
	"associatedMalwares",
	"category",
	"software",
	"result",
}

// containerReport lists those of reports on containers, of which the emulator has none.
var containerReport = append(
	[]string{"name", "containerId", "hostName", "hostIp", "state", "stateChanged"},
	imageReport...)

// defaultColumns are those of a report that asks for none of its own (our choice).
var defaultColumns = []string{"repo", "imageId", "sha", "title", "severity"}

func onImages(t api.ReportTemplate) bool {
	return strings.HasPrefix(strings.ToUpper(string(t)), "CS_IMAGE") || t == api.ReportTemplateCSVULNERABILITIES
}

// columnsOf decides the columns of a report: absent means all, empty the default ones (docs: report
// schedules).
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
			return nil, rule.Errorf(openapi.ReportColumn, "The template has no column %q.", c)
		}
	}
	return wanted, nil
}

// Options of a Service.
type Options struct {
	Store *store.Store
	NewID func() string // gives the ids of reports
	Wake  func()        // is called when a report may have become due
}

// Service is the rules of reports at work on a store. It is safe for concurrent use.
type Service struct{ Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o} }

func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.Store.Write(ctx, call.World(ctx), f)
}

// ListReports returns a page of the reports. Their status depends on the time.
func (s *Service) ListReports(ctx context.Context, q rule.List) (page api.Reports, b rule.Basis, err error) {
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := tx.RipenReports(ctx); err != nil {
			return err
		}
		var l store.List
		if l, b, err = q.Bind(store.Reports, tx); err != nil {
			return err
		}
		b.Timed = true
		page.Data, page.Count, err = tx.Reports(ctx, l)
		return err
	})
	return page, b, err
}

// CreateReport writes down what is known now; it can be downloaded some seconds later.
func (s *Service) CreateReport(ctx context.Context, body api.ReportRequest) (string, error) {
	columns, err := columnsOf(body.TemplateName, body.DisplayColumns)
	if err != nil {
		return "", err
	}
	r := store.Report{Text: body.Description}
	r.ReportUUID = call.ID(ctx, s.NewID)
	r.ReportName = body.Name
	r.Filter = body.Filter
	r.DisplayColumns = columns
	r.TemplateName = body.TemplateName
	r.ReportType = store.ReportOnDemand
	err = s.write(ctx, func(tx *store.Tx) error {
		r.Created = tx.Now
		return generate(ctx, tx, r, body.ExpireAfter)
	})
	return r.ReportUUID, err
}

// generate adds a report on what is known now.
func generate(ctx context.Context, tx *store.Tx, r store.Report, days api.ReportExpiry) error {
	f, err := rule.Filter(r.Filter, store.Images.Schema, qql.Options{Now: int64(r.Created)})
	if err != nil {
		return err
	}
	r.Status, r.ReadyAt, r.ExpiresAt = store.ReportGenerating, r.Created.Add(generating), r.Created.Add(lifeOf(days))
	if r.Content, err = reportFile(ctx, tx, r.Report, f); err != nil {
		return err
	}
	return tx.InsertReport(ctx, r)
}

// lifeOf is how long a report is kept.
func lifeOf(days api.ReportExpiry) time.Duration {
	return time.Duration(cmp.Or(int(days), reportLife)) * 24 * time.Hour
}

// batch is how many images of a report are in memory at a time.
const batch = 1000

// reportFile writes a line for each vulnerability of each image that matches, and one for an image
// without any.
func reportFile(ctx context.Context, tx *store.Tx, r api.Report, f qql.Filter) (string, error) {
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(r.DisplayColumns) // a strings.Builder takes everything
	for page := 1; onImages(r.TemplateName); page++ {
		images, _, err := tx.Images(ctx, store.List{Filter: f, Page: page, Size: batch})
		if err != nil {
			return "", err
		}
		for _, i := range images {
			for _, row := range reportRows(i, r.DisplayColumns) {
				_ = w.Write(row)
			}
		}
		if len(images) < batch {
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
			"repo":    strings.Join(repos, " "),
			"imageId": i.ImageID,
			"sha":     i.Sha,
			"uuid":    i.UUID,
			"created": fmt.Sprint(int64(i.Created)),
			"updated": fmt.Sprint(int64(i.Updated)),
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

// DownloadReport gives the file of a report, in an archive if that was asked for.
func (s *Service) DownloadReport(ctx context.Context, id string) (content []byte, err error) {
	var r store.Report
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := tx.RipenReports(ctx); err != nil {
			return err
		}
		r, err = tx.Generated(ctx, id)
		return err
	})
	if err != nil || !r.Packed {
		return []byte(r.Content), err
	}
	return pack(r)
}

// pack makes an archive of the file of a report.
func pack(r store.Report) ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.CreateHeader(
		&zip.FileHeader{Name: r.ReportUUID + ".csv", Method: zip.Deflate, Modified: r.Created.Time()},
	)
	if err == nil {
		_, err = file.Write([]byte(r.Content))
	}
	err = errors.Join(err, w.Close())
	return archive.Bytes(), err
}
