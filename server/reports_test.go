package server_test

import (
	"encoding/csv"
	"errors"
	"net/http"
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
	srv := servertest.New(t, servertest.WithoutRunner())
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
	gone, err := c.DeleteReports(t.Context(), other, "nosuch")
	if diff := cmp.Diff([]string{other}, gone); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	post(t, srv, reports, `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","displayColumns":["hostName"]}`).refused(t, http.StatusBadRequest, "rule report-column")
	post(t, srv, reports, `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","filter":"nosuch:x"}`).refused(t, http.StatusBadRequest, "rule filter-token")
	post(t, srv, reports, `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":2}`).refused(t, http.StatusBadRequest, "allowed values")
	send(t, srv, request{method: http.MethodDelete, target: reports}).refused(t, http.StatusBadRequest, "reportUuids")
}

func TestReportSchedules(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithoutRunner())
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
		t.Errorf("again: got %v, want ErrNotFound: the first try left something behind", err)
	}
	post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":"2023-02-16T19:30:00Z","reportScheduleDetails":null}`).want(t, http.StatusOK)
	post(t, srv, reports+"/schedule", `{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":"today"}`).refused(t, http.StatusBadRequest, "date-time")
}

// TestNoReportsOnTheFreeVersion: release notes 1.15. Without rate headers, whatever the limits are, and before anything else is looked at.
func TestNoReportsOnTheFreeVersion(t *testing.T) {
	t.Parallel()
	for plan, status := range map[server.Plan]int{"Free": http.StatusConflict, "Trial": http.StatusOK, "Full": http.StatusOK} {
		srv := servertest.New(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
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
					t.Errorf("%s %s carries %s", call.method, call.target, name)
				}
			}
		}
		send(t, srv, request{method: "GET", target: reports, token: "-"}).refused(t, http.StatusUnauthorized, "")
		get(t, srv, base).want(t, http.StatusOK)
	}
}
