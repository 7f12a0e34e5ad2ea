package server_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

const reports = "/csapi/v1.3/reports"

func TestReports(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	newSchedule(t, c, newRegistry(t, c, "https://r.example.com"), "scan")
	srv.Advance(time.Hour)
	id, err := c.CreateReport(t.Context(), api.ReportRequest{Name: "weekly", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY, Filter: `repo.repository:"team/app"`, DisplayColumns: []string{"repo", "sha", "severity", "result"}, ExpireAfter: 7})
	if err != nil || id == "" {
		t.Fatalf("got %q, %v", id, err)
	}
	list := func() []api.Report {
		var all []api.Report
		for r, err := range c.ListReports(t.Context(), client.List{Filter: `report.name:weekly`}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	}
	if got := list(); len(got) != 1 || got[0].Status != "GENERATING" || got[0].FileFormat != "csv" || !got[0].Description.IsNull() || !got[0].CreatedAt.Equal(srv.Now()) {
		t.Errorf("at once: got %+v", got)
	}
	if _, err := c.DownloadReport(t.Context(), id); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("download at once: got %v, want ErrNotFound", err)
	}
	srv.Advance(time.Minute)
	if got := list(); len(got) != 1 || got[0].Status != "GENERATED" {
		t.Errorf("later: got %+v", got)
	}
	file, err := c.DownloadReport(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(file))).ReadAll()
	if err != nil || len(rows) < 4 || cmp.Diff([]string{"repo", "sha", "severity", "result"}, rows[0]) != "" {
		t.Fatalf("got %q, %v, want the columns and a line for each finding", rows, err)
	}
	if first := rows[1]; !strings.HasPrefix(first[0], "r.example.com/team/app:") || len(first[1]) != 64 {
		t.Errorf("got %q", first)
	}
	srv.Advance(7 * 24 * time.Hour)
	if got := list(); len(got) != 0 {
		t.Errorf("after it expired: got %+v", got)
	}
	other := field(t, `{"id":`+post(t, srv, reports, `{"name":"n","templateName":"CS_CONTAINER_VULNERABILITY","displayColumns":[]}`).want(t, http.StatusOK)+`}`, "id")
	deleted, err := c.DeleteReports(t.Context(), other, "nosuch")
	if diff := cmp.Diff([]string{other}, deleted); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	post(t, srv, reports, `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","displayColumns":["hostName"]}`).refused(t, http.StatusBadRequest, "rule report-column")
	post(t, srv, reports, `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","filter":"nosuch:x"}`).refused(t, http.StatusBadRequest, "rule filter-token")
	post(t, srv, reports, `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":2}`).refused(t, http.StatusBadRequest, "allowed values")
	send(t, srv, request{method: http.MethodDelete, target: reports}).refused(t, http.StatusBadRequest, "reportUuids")
}

func TestReportSchedules(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	body := api.ReportScheduleRequest{Name: "weekly", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY, ExpireAfter: 7, Action: api.ReportScheduleRequestActionCREATE, EventTime: servertest.Start}
	id, err := c.CreateReportSchedule(t.Context(), body)
	if err != nil || id == "" {
		t.Fatalf("got %q, %v", id, err)
	}
	if err := c.UpdateReportSchedule(t.Context(), id, body); err != nil {
		t.Error(err)
	}
	if err := c.UpdateReportSchedule(t.Context(), "nosuch", body); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if err := c.UpdateReportSchedule(t.Context(), "nosuch", body); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("again: got %v, want ErrNotFound: the first try has left a row", err)
	}
	post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":"2023-02-16T19:30:00Z","reportScheduleDetails":null}`).want(t, http.StatusOK)
	post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":"2030-01-02T00:00:00Z","eventEndTime":"2030-01-01T00:00:00Z"}`).refused(t, http.StatusBadRequest, "rule report-period")
	post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":"today"}`).refused(t, http.StatusBadRequest, "date-time")
}

// TestReportsOfSchedules checks that a schedule makes its reports at the right times, also at the ends
// of months, and none after its end.
func TestReportsOfSchedules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, when string // the test begins on 2026-01-02, a Friday, at 03:04:05
		days       int
		want       []string
	}{
		{"once", `"eventTime":"2026-01-05T12:00:00Z","reportScheduleDetails":null`, 30, []string{"2026-01-05 12:00:00"}},
		{"once, in the past", `"eventTime":"2023-02-16T19:30:00Z"`, 30, []string{"2026-01-02 03:04:05"}},
		{"daily", `"eventTime":"2026-01-02T03:00:00Z","reportScheduleDetails":{"recurrenceType":"DAILY"}`, 3, []string{"2026-01-03 03:00:00", "2026-01-04 03:00:00", "2026-01-05 03:00:00"}},
		{"daily, from now on", `"eventTime":"2026-01-02T03:04:05Z","reportScheduleDetails":{"recurrenceType":"DAILY"}`, 1, []string{"2026-01-02 03:04:05", "2026-01-03 03:04:05"}},
		{"daily until its end", `"eventTime":"2023-02-16T19:30:00Z","eventEndTime":"2026-01-03T19:30:00Z","reportScheduleDetails":{"recurrenceType":"DAILY"}`, 30, []string{"2026-01-02 19:30:00", "2026-01-03 19:30:00"}},
		{"weekly, on the day of its first time", `"eventTime":"2026-01-06T00:00:00Z","reportScheduleDetails":{"recurrenceType":"WEEKLY"}`, 12, []string{"2026-01-06 00:00:00", "2026-01-13 00:00:00"}},
		{"weekly, on two days", `"eventTime":"2026-01-06T08:00:00Z","reportScheduleDetails":{"recurrenceType":"WEEKLY","selectedDayOfWeeks":["MONDAY","WEDNESDAY"]}`, 13, []string{"2026-01-07 08:00:00", "2026-01-12 08:00:00", "2026-01-14 08:00:00"}},
		{"monthly, in months without that day", `"eventTime":"2025-12-31T00:00:00Z","reportScheduleDetails":{"recurrenceType":"MONTHLY"}`, 89, []string{"2026-01-31 00:00:00", "2026-02-28 00:00:00", "2026-03-31 00:00:00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithoutRunner())
			post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":90,"action":"CREATE",`+tt.when+`}`).want(t, http.StatusOK)
			srv.Advance(time.Duration(tt.days) * 24 * time.Hour)
			var got []string
			for r, err := range srv.Client().ListReports(t.Context(), client.List{Sort: "createdAt:asc"}) {
				if err != nil || r.ReportType != "SCHEDULED" {
					t.Errorf("got %+v, %v", r, err)
				}
				got = append(got, r.CreatedAt.UTC().Format(time.DateTime))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReportDataIsOfTheDueTime checks that a report has the data of the time when it was due, even if the
// clock jumps over scan and report, that expired reports are not made, and that a packed one is an
// archive.
func TestReportDataIsOfTheDueTime(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	registry := newRegistry(t, c, "https://r.example.com")
	automatic := scan("nightly", "team/app")
	automatic.OnDemand, automatic.Schedule, automatic.ScheduleScanIntervalInDays = new(false), "12:00", 1
	if _, err := c.CreateSchedule(t.Context(), registry, automatic); err != nil {
		t.Fatal(err)
	}
	post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":1,"action":"CREATE","zip":1,"displayColumns":["repo","updated"],"eventTime":"2026-01-02T11:00:00Z","reportScheduleDetails":{"recurrenceType":"DAILY"}}`).want(t, http.StatusOK)
	for _, tt := range []struct {
		by   time.Duration
		want bool // whether it has a line besides the columns
	}{{9 * time.Hour, false}, {20 * 24 * time.Hour, true}} {
		srv.Advance(tt.by)
		made := all(t, c.ListReports(t.Context(), client.List{}))
		if len(made) != 1 {
			t.Fatalf("got %+v, want the report of the last day", made)
		}
		file, err := c.DownloadReport(t.Context(), made[0].ReportUUID)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil || len(archive.File) != 1 || archive.File[0].Name != made[0].ReportUUID+".csv" {
			t.Fatalf("got %+v, %v, want an archive with one file", archive, err)
		}
		inner, err := archive.Open(archive.File[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(inner).ReadAll()
		if err != nil || len(rows) > 1 != tt.want {
			t.Fatalf("got %q, %v", rows, err)
		}
		for _, row := range rows[1:] {
			if updated, err := strconv.ParseInt(row[1], 10, 64); err != nil || time.UnixMilli(updated).After(made[0].CreatedAt) {
				t.Errorf("got %q in a report of %v", row, made[0].CreatedAt)
			}
		}
	}
}

// TestFreePlanHasNoReports checks that the calls of reports are refused on the Free plan (release notes
// 1.15), without headers of the rate limit and before any other check.
func TestFreePlanHasNoReports(t *testing.T) {
	t.Parallel()
	for plan, status := range map[server.Plan]int{"Free": http.StatusConflict, "Trial": http.StatusOK, "Full": http.StatusOK} {
		srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
			o.Worlds = []server.World{{Name: "w", Plan: plan}}
			o.RateLimit = server.RateLimit{Calls: 100}
		}))
		get(t, srv, reports).want(t, status)
		if plan != "Free" {
			continue
		}
		for _, call := range []request{
			{method: "GET", target: reports + "?undocumented=1"}, {method: "POST", target: reports, contentType: "application/json", body: "{"}, {method: "DELETE", target: reports},
			{method: "GET", target: reports + "/x/download"}, {method: "POST", target: reports + "/schedule"}, {method: "PUT", target: reports + "/schedule/x"},
		} {
			got := send(t, srv, call)
			got.refused(t, http.StatusConflict, "Free version")
			for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Window-Sec", "X-RateLimit-ToWait-Sec", "Retry-After"} {
				if got.header.Get(name) != "" {
					t.Errorf("%s %s has the header %s", call.method, call.target, name)
				}
			}
		}
		send(t, srv, request{method: "GET", target: reports, token: "-"}).refused(t, http.StatusUnauthorized, "")
		get(t, srv, base).want(t, http.StatusOK)
	}
}
