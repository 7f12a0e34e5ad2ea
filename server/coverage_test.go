package server_test

import (
	"cmp"
	"database/sql"
	"iter"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// unreached has the reasons why no test gets some documented statuses, by operation and status; *
// stands for all operations.
var unreached = map[string]string{
	"* 201": "the swagger has it besides 200; integrations require 200, so it is never sent",
	"* 204": "the swagger has it besides 200; the response has the id of a job, so it is never sent",
	"* 404": "the swagger has it for each operation; this one refers to nothing that can be missing",

	"ListAWSConnectorsOfAccount 404": "an account without connectors has an empty list",
}

// reasonOf returns the key of the reason why no test gets a status of an operation, if there is one.
func reasonOf(o *contract.Operation, status string) (key string, ok bool) {
	if key := o.ID + " " + status; unreached[key] != "" {
		return key, true
	}
	switch {
	case status == "404" && strings.Contains(o.Path, "{"), status == "204" && o.Method == http.MethodGet, status == "201" && o.ID == "CreateToken":
		return "", false
	}
	return "* " + status, unreached["* "+status] != ""
}

// coverage has the pairs of operation and status that were received.
type coverage struct {
	mu       sync.Mutex
	document *contract.Document
	seen     map[string]bool
}

func (c *coverage) note(t *testing.T, r *http.Request, status int) {
	t.Helper()
	m, err := c.document.Find(r.Method, r.URL)
	if err != nil {
		return // the control API
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[m.ID+" "+strconv.Itoa(status)] = true
}

// recording is a transport that notes operation and status of each call.
type recording struct {
	t        *testing.T
	coverage *coverage
	next     http.RoundTripper
}

func (r recording) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil {
		r.coverage.note(r.t, request, response.StatusCode)
	}
	return response, err
}

// TestEveryOperationAndStatus calls every operation through the SDK, and provokes each of its
// documented statuses, except for those in unreached.
func TestEveryOperationAndStatus(t *testing.T) {
	t.Parallel()
	d, err := contract.Load(openapi.JSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &coverage{document: d, seen: map[string]bool{}}
	t.Run("calls", func(t *testing.T) {
		t.Run("SDK", func(t *testing.T) {
			t.Parallel()
			everyMethod(t, c)
		})
		t.Run("without the database", func(t *testing.T) {
			t.Parallel()
			everyCallWithoutDatabase(t, c)
		})
		for _, o := range d.Operations() {
			t.Run(o.ID, func(t *testing.T) {
				t.Parallel()
				for _, status := range o.Statuses() {
					provoke(t, c, o, status)
				}
			})
		}
	})
	documented := 0
	used := map[string]bool{}
	for _, o := range d.Operations() {
		for _, status := range o.Statuses() {
			documented++
			key, excused := reasonOf(o, status)
			if reached := c.seen[o.ID+" "+status]; reached == excused {
				t.Errorf("%s %s: reached is %v, excused is %v", o.ID, status, reached, excused)
			}
			used[key] = true
		}
	}
	for key := range unreached {
		if !used[key] {
			t.Errorf("unreached has %q, which is not needed", key)
		}
	}
	t.Logf("%d operations, %d pairs of operation and status in the document, %d reached", len(d.Operations()), documented, len(c.seen))
}

// provoke gets a status from a new emulator, with the example call of the document.
func provoke(t *testing.T, c *coverage, o *contract.Operation, status string) {
	t.Helper()
	call := o.Example()
	r := request{method: call.Method, target: call.Target, contentType: call.ContentType, body: call.Body}
	if o.Public {
		r.token = "-"
	}
	options := []servertest.Option{servertest.WithoutRunner()}
	with := func(change func(*server.Options)) { options = append(options, servertest.WithOptions(change)) }
	var prepare func(*servertest.Server)
	again := func(srv *servertest.Server) { send(t, srv, r) }
	switch status {
	case "400":
		r.target += map[bool]string{true: "&", false: "?"}[strings.Contains(r.target, "?")] + "undocumented=1"
	case "401":
		r.token = "-"
	case "403":
		with(func(o *server.Options) {
			o.Users = append(o.Users, server.User{Name: "sub", Password: "p", Role: server.SubUser})
		})
		prepare = func(srv *servertest.Server) {
			r.token = "Bearer " + login(t, srv, "sub", "p").want(t, http.StatusCreated)
		}
	case "404": // nothing that the example names exists
	case "409":
		with(func(o *server.Options) { o.RateLimit = server.RateLimit{Calls: 1, Classic: true} })
		prepare = again
	case "413":
		r.contentType, r.body = cmp.Or(r.contentType, "application/json"), strings.Repeat(" ", 2<<20)
	case "415":
		r.contentType, r.body = "text/xml", "<a/>"
	case "429":
		with(func(o *server.Options) { o.RateLimit = server.RateLimit{Calls: 1} })
		prepare = again
	case "500":
		folder := t.TempDir()
		var calls, broken atomic.Int64 // calls of the clock since it is broken
		with(func(o *server.Options) {
			now := o.Now
			o.Data, o.Now = folder, func() time.Time {
				if broken.Load() > 0 && calls.Add(1) == 3 { // the calls before are for the request id and the log
					panic("a clock that is broken")
				}
				return now()
			}
		})
		prepare = func(srv *servertest.Server) {
			if r.token = "Bearer " + srv.Token(); o.Public {
				r.token, r.body = "-", url.Values{"username": {servertest.User}, "password": {servertest.Password}, "token": {"true"}}.Encode()
			}
			if damage(t, folder); o.ID == "CreateToken" || o.ID == "DescribeAWSBase" { // they do not read a table
				broken.Store(1)
			}
		}
	default:
		return // the SDK gets it, or a call without the database
	}
	srv := newServer(t, options...)
	if prepare != nil {
		prepare(srv)
	}
	got := send(t, srv, r)
	target, err := url.Parse(r.target)
	if err != nil {
		t.Fatal(err)
	}
	c.note(t, &http.Request{Method: r.method, URL: target}, got.status)
	if strconv.Itoa(got.status) == status {
		got.refused(t, got.status, "")
	} else if _, excused := reasonOf(o, status); !excused {
		t.Errorf("got %d %s %s, want %s", got.status, got.header.Get("X-QCS-Detail"), got.body, status)
	}
	if got.status == http.StatusInternalServerError && (got.header.Get("X-QCS-Detail") != "" || strings.Contains(got.body, "world")) {
		t.Errorf("an internal error shows its cause: %q %s", got.header.Get("X-QCS-Detail"), got.body)
	}
}

// damage drops the tables of a database.
func damage(t *testing.T, folder string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, "qcs.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range []string{"world", "registry", "connector", "image", "policy", "report", "schedule"} {
		if _, err := db.ExecContext(t.Context(), `ALTER TABLE `+table+` RENAME TO gone_`+table); err != nil {
			t.Fatal(err)
		}
	}
}

// everyMethod calls all methods of the SDK; each must succeed.
func everyMethod(t *testing.T, seen *coverage) {
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.EmptyListStatus = http.StatusNoContent }))
	login200 := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.AuthStatus = http.StatusOK }))
	over := func(s *servertest.Server) *client.Client {
		return s.Client(client.WithHTTPClient(&http.Client{Transport: recording{t, seen, s.HTTP().Transport}}))
	}
	c, ctx := over(srv), t.Context()
	must(over(login200).Token(ctx))(t)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	aws := api.AWSConnectorRequest{Arn: "arn:aws:iam::123456789012:role/r", Name: "n", Description: "d", ExternalID: "1"}
	ok(c.CreateAWSConnector(ctx, aws))
	must(c.AWSBase(ctx))(t)
	must(c.ListAWSConnectors(ctx, ""))(t)
	must(c.ListAWSConnectors(ctx, "123456789012"))(t)
	acr := must(c.CreateACRConnector(ctx, api.ACRConnectorRequest{Name: "n", Description: "d", ApplicationID: "a", ClientSecret: "s"}))(t)
	must(c.ListACRConnectors(ctx))(t)
	must(c.DescribeACRConnector(ctx, acr))(t)
	gcp := must(c.CreateGCPConnector(ctx, api.CreateGCPConnectorParams{Name: "n"}, []byte(serviceAccount)))(t)
	must(c.ListGCPConnectors(ctx))(t)
	must(c.DescribeGCPConnector(ctx, gcp))(t)

	body := api.RegistryRequest{RegistryType: api.RegistryTypeV2, RegistryURI: "https://r.example.com", CredentialType: api.CredentialTypeNone}
	must(c.ValidateRegistry(ctx, body))(t)
	r := must(c.CreateRegistry(ctx, body))(t)
	ok(c.UpdateRegistry(ctx, r, body))
	must(c.DescribeRegistry(ctx, r))(t)
	automatic := scan("automatic", "team/app")
	automatic.OnDemand, automatic.Schedule, automatic.ScheduleScanIntervalInDays = new(false), "01:00", 1
	a := must(c.CreateSchedule(ctx, r, automatic))(t)
	ok(c.UpdateSchedule(ctx, r, a, automatic))
	ok(c.CancelSchedule(ctx, r, must(c.CreateSchedule(ctx, r, scan("s", "team/app")))(t)))
	ok(c.DeleteSchedule(ctx, r, must(c.CreateSchedule(ctx, r, scan("s", "team/app")))(t)))
	must(c.CreateSchedule(ctx, r, scan("s", "team/app")))(t)
	srv.Advance(time.Hour)
	all(t, c.ListRegistries(ctx, client.List{}), c.ListRegistries(ctx, client.List{Page: 99}))
	all(t, c.ListRepositories(ctx, r, client.List{}), c.ListRepositories(ctx, r, client.List{Page: 99}))
	all(t, c.ListSchedules(ctx, r, client.List{}), c.ListSchedules(ctx, r, client.List{Page: 99}))
	shas := map[string]bool{}
	for _, i := range all(t, c.ListImages(ctx, client.List{}), c.ListImages(ctx, client.List{Page: 99})) {
		shas[i.Sha] = true
	}
	for sha := range shas {
		must(c.DescribeImage(ctx, sha))(t)
		must(c.ListAssociatedRegistries(ctx, sha))(t)
		all(t, c.ListVulnerabilities(ctx, sha, client.List{}), c.ListVulnerabilities(ctx, sha, client.List{Page: 99}))
	}
	everyReport(t, srv, c)
	must(c.CancelSchedules(ctx, r, client.All()))(t)
	must(c.DeleteSchedulesByBody(ctx, r, a))(t) //nolint:staticcheck // the deprecated operation is tested, too
	must(c.DeleteSchedules(ctx, r, client.All()))(t)
	must(c.DeleteRegistry(ctx, r))(t)
	must(c.DeleteRegistries(ctx, r))(t)
	for _, o := range seen.document.Operations() {
		if success := strings.Replace(o.Statuses()[0], "201", "200", 1); !seen.has(o.ID + " " + success) {
			t.Errorf("the SDK does not get %s from %s", success, o.ID)
		}
	}
}

func (c *coverage) has(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[key]
}

// everyReport calls the methods for reports and policies.
func everyReport(t *testing.T, srv *servertest.Server, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	report := must(c.CreateReport(ctx, api.ReportRequest{Name: "n", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY}))(t)
	srv.Advance(time.Minute)
	all(t, c.ListReports(ctx, client.List{}), c.ListReports(ctx, client.List{Page: 99}))
	must(c.DownloadReport(ctx, report))(t)
	must(c.DeleteReports(ctx, report))(t)
	plan := api.ReportScheduleRequest{Name: "n", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY, ExpireAfter: 7, Action: api.ReportScheduleRequestActionCREATE, EventTime: servertest.Start}
	id := must(c.CreateReportSchedule(ctx, plan))(t)
	if err := c.UpdateReportSchedule(ctx, id, plan); err != nil {
		t.Error(err)
	}
	rules := api.PolicyRequest{PolicyMode: api.PolicyModeACTIVE, DefaultNetworkAction: api.PolicyActionDENY, DefaultExecuteAction: api.PolicyActionALLOW, DefaultFileAction: api.PolicyActionALLOW}
	made := must(c.CreatePolicy(ctx, rules))(t)
	must(c.DescribePolicy(ctx, made.ID))(t)
	must(c.UpdatePolicy(ctx, made.ID, rules))(t)
}

// must returns the value of a call that must succeed: must(c.Call(…))(t).
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return value
	}
}

// all reads a list, which must succeed.
func all[T any](t *testing.T, lists ...iter.Seq2[T, error]) []T {
	t.Helper()
	var items []T
	for _, list := range lists {
		for item, err := range list {
			if err != nil {
				t.Error(err)
			}
			items = append(items, item)
		}
	}
	return items
}
