package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// TestWholeFlow makes the calls of the integrations: connector, registry, schedule, then the image,
// its vulnerabilities and a report on them.
func TestWholeFlow(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	c := srv.Client()
	const arn = "arn:aws:iam::123456789012:role/scan-role"
	if err := c.CreateAWSConnector(t.Context(), api.AWSConnectorRequest{Arn: arn}); err != nil {
		t.Fatal(err)
	}
	registry := getOrCreate(t, c, arn)
	created := post(t, srv, base+"/"+registry+"/schedule", `{"filters":[{"repoTags":[{"repo":"team/app","tag":"build-18"}],"days":null}],"name":"ECR-app","onDemand":true,"schedule":"00:00","forceScan":true,"registryType":"AWS"}`)
	created.want(t, http.StatusOK)
	const list = "/csapi/v1.3/images?filter=repo.repository:%22team/app%22&pageSize=50&pageNumber=1"
	if got := get(t, srv, list).want(t, http.StatusOK); got != `{"count":0,"data":[]}` {
		t.Errorf("before the end of the scan: got %s", got)
	}
	srv.Advance(time.Hour)
	got := get(t, srv, list).want(t, http.StatusOK)
	for _, want := range []string{`"count":1`, `"repo":[{"registry":"123456789012.dkr.ecr.us-east-1.amazonaws.com","repository":"team/app","tag":"build-18"}]`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want it to contain %s", got, want)
		}
	}
	var sha string
	for i, err := range c.ListImages(t.Context(), client.List{Filter: "lastScanned: [now-2h ... now]"}) {
		if err != nil {
			t.Fatal(err)
		}
		sha = i.Sha
	}
	image, err := c.DescribeImage(t.Context(), sha)
	if err != nil || image.ScanStatus != "SUCCESS" || image.ImageID != sha[:12] || image.LastScanned == 0 {
		t.Errorf("got %+v, %v", image, err)
	}
	places, err := c.ListAssociatedRegistries(t.Context(), sha)
	if diff := cmp.Diff([]api.AssociatedRegistry{{Registry: "123456789012.dkr.ecr.us-east-1.amazonaws.com", RegistryUUID: registry, Repo: "team/app", Tag: "build-18"}}, places); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	details, err := c.DescribeRegistry(t.Context(), registry)
	if err != nil || details.RepoCount != 1 || details.TotalImages != 1 || details.TotalScannedImages != 1 || details.LastScanned != image.LastScanned {
		t.Errorf("got %+v, %v", details, err)
	}
	if _, err := c.DescribeImage(t.Context(), "nosuch"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	reported(t, srv, sha)
	if _, err := c.DeleteRegistry(t.Context(), registry); err != nil {
		t.Fatal(err)
	}
	srv.Settle()
	if _, err := c.DescribeImage(t.Context(), sha); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("after the registry was deleted: got %v, want ErrNotFound", err)
	}
}

// reported compares the report on an image with the list of its vulnerabilities.
func reported(t *testing.T, srv *servertest.Server, sha string) {
	t.Helper()
	c := srv.Client()
	want := []string{"qid,severity,sha"}
	for _, v := range all(t, c.ListVulnerabilities(t.Context(), sha, client.List{Sort: "qid:asc"})) {
		want = append(want, fmt.Sprintf("%d,%d,%s", v.Qid, v.Severity, sha))
	}
	id := must(c.CreateReport(t.Context(), api.ReportRequest{Name: "n", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY, Filter: "sha:" + sha, DisplayColumns: []string{"qid", "severity", "sha"}}))(t)
	srv.Advance(time.Minute)
	got := strings.Split(strings.TrimSpace(string(must(c.DownloadReport(t.Context(), id))(t))), "\n")
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" || len(want) < 2 {
		t.Errorf("the report (-vulnerabilities +report):\n%s", diff)
	}
}

// getOrCreate creates a registry as five parallel integrations do, which search it by its address
// first and again if they are refused: exactly one must exist in the end.
func getOrCreate(t *testing.T, c *client.Client, arn string) string {
	t.Helper()
	const uri = "https://123456789012.dkr.ecr.us-east-1.amazonaws.com"
	find := func() string {
		id := ""
		for r, err := range c.ListRegistries(t.Context(), client.List{Filter: fmt.Sprintf("registryUri:%q", uri)}) {
			if err != nil {
				t.Error(err)
			}
			if id != "" {
				t.Error("there are two registries")
			}
			id = r.RegistryUUID
		}
		return id
	}
	ids := make([]string, 5)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			if ids[i] = find(); ids[i] != "" {
				return
			}
			var err error
			body := api.RegistryRequest{RegistryType: api.RegistryTypeAWS, CredentialType: api.CredentialTypeAWS, RegistryURI: uri, AWS: api.AWSRequest{Arn: arn, Region: "us-east-1"}}
			if ids[i], err = c.CreateRegistry(t.Context(), body); errors.Is(err, client.ErrInvalid) {
				ids[i] = find()
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("got ids %q, want one", ids)
		}
	}
	return ids[0]
}

func TestTagsOfSchedules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tag  string // as JSON
		want []string
	}{
		{`null`, []string{"1.0.0", "1.1.0", "1.2.0", "latest", "stable"}},
		{`".*"`, []string{"1.0.0", "1.1.0", "1.2.0", "latest", "stable"}},
		{`"latest"`, []string{"latest"}},
		{`"v1.2-rc.1"`, []string{"v1.2-rc.1"}}, // dots and dashes do not make an expression
		{`"latest, 1.0.0,new"`, []string{"1.0.0", "latest", "new"}},
		{`"1\\.[01].*"`, []string{"1.0.0", "1.1.0"}},
		{`"(stable|latest)"`, []string{"latest", "stable"}},
		{`"[a-z]{6}"`, []string{"latest", "stable"}},
	} {
		srv := newServer(t, servertest.WithoutRunner())
		c := srv.Client()
		target := base + "/" + newRegistry(t, c, "https://r.example.com") + "/schedule"
		post(t, srv, target, `{"onDemand":true,"filters":[{"repoTags":[{"repo":"a","tag":`+tt.tag+`}]}]}`).want(t, http.StatusOK)
		srv.Advance(time.Hour)
		var got []string
		shas := map[string]bool{}
		for i, err := range c.ListImages(t.Context(), client.List{}) {
			if err != nil {
				t.Fatal(err)
			}
			shas[i.Sha] = true
			for _, place := range i.Repo {
				got = append(got, place.Tag)
			}
		}
		if diff := cmp.Diff(sorted(tt.want), sorted(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.tag, diff)
		}
		if len(tt.want) == 5 && len(shas) != 3 {
			t.Errorf("%s: got %d images, want 3: latest and stable point to versions, too", tt.tag, len(shas))
		}
		for bad, detail := range map[string]string{"(": "rule tag-expression", "a{5000}": "rule tag-expression"} {
			post(t, srv, target, `{"onDemand":true,"filters":[{"repoTags":[{"repo":"a","tag":"`+bad+`"}]}]}`).refused(t, http.StatusBadRequest, detail)
		}
	}
}

func TestDaysOfSchedules(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	count := func(days string) int {
		target := base + "/" + newRegistry(t, c, "https://r"+days+".example.com") + "/schedule"
		var repos []string
		for i := range 40 {
			repos = append(repos, fmt.Sprintf(`{"repo":"a%d","tag":"latest"}`, i))
		}
		post(t, srv, target, `{"onDemand":true,"filters":[{"days":`+days+`,"repoTags":[`+strings.Join(repos, ",")+`]}]}`).want(t, http.StatusOK)
		srv.Advance(time.Hour)
		n := 0
		for i, err := range c.ListImages(t.Context(), client.List{Filter: `repo.registry:r` + days + `.example.com`}) {
			if err != nil {
				t.Fatal(err)
			}
			if age := srv.Now().Sub(i.Created.Time()); days == "7" && age > 8*24*time.Hour {
				t.Errorf("an image is %v old", age)
			}
			n++
		}
		return n
	}
	if all, week := count("null"), count("7"); all != 40 || week == 0 || week > 25 {
		t.Errorf("got %d images and %d of the last week, want 40 and some", all, week)
	}
}

// TestInventory checks that a registry has exactly the contents that the inventory lists.
func TestInventory(t *testing.T) {
	t.Parallel()
	made := servertest.Start.AddDate(0, 0, -3)
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Sources = []server.Source{server.Inventory{"https://r.example.com": {"team/app": {"1.0": {Created: made, Size: 1000}, "latest": {Version: "1.0", Created: made, Size: 1000}, "old": {Created: made.AddDate(-1, 0, 0)}}, "team/empty": {}}}}
	}))
	c := srv.Client()
	target := base + "/" + newRegistry(t, c, "https://r.example.com") + "/schedule"
	post(t, srv, target, `{"onDemand":true,"filters":[{"days":7,"repoTags":[{"repo":"team/app"},{"repo":"team/empty"},{"repo":"nosuch","tag":"latest"}]}]}`).want(t, http.StatusOK)
	post(t, srv, target, `{"onDemand":true,"filters":[{"repoTags":[{"repo":"team/app","tag":"nosuch,latest"}]}]}`).want(t, http.StatusOK)
	srv.Advance(time.Hour)
	var got []string
	for i, err := range c.ListImages(t.Context(), client.List{}) {
		if err != nil {
			t.Fatal(err)
		}
		if !i.Created.Time().Equal(made) || i.Size != 1000 {
			t.Errorf("got %+v", i)
		}
		for _, place := range i.Repo {
			got = append(got, place.Repository+":"+place.Tag)
		}
	}
	if diff := cmp.Diff([]string{"team/app:1.0", "team/app:latest"}, sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVulnerabilitiesAreStable(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	r := newRegistry(t, c, "https://r.example.com")
	for i := range 5 {
		newSchedule(t, c, r, fmt.Sprint(i))
	}
	srv.Advance(time.Hour)
	total, severe := 0, 0
	for i, err := range c.ListImages(t.Context(), client.List{}) {
		if err != nil {
			t.Fatal(err)
		}
		target := "/csapi/v1.3/images/" + i.Sha + "/vuln?pageNumber=1&pageSize=100"
		if a, b := get(t, srv, target).want(t, http.StatusOK), get(t, srv, target).want(t, http.StatusOK); a != b || strings.Contains(a, "qid") && !strings.Contains(a, "Synthetic") {
			t.Errorf("got %s, then %s", a, b)
		}
		before := 6
		for v, err := range c.ListVulnerabilities(t.Context(), i.Sha, client.List{PageSize: 2, Sort: "severity:desc"}) {
			if err != nil || v.Severity > before {
				t.Errorf("got severity %d after %d, %v", v.Severity, before, err)
			}
			before = v.Severity
			total++
			if v.Severity >= 4 {
				severe++
			}
		}
		for v, err := range c.ListVulnerabilities(t.Context(), i.Sha, client.List{Filter: "severity>=4"}) {
			if err != nil || v.Severity < 4 {
				t.Errorf("got %+v, %v", v, err)
			}
			severe--
		}
	}
	if total == 0 || severe != 0 {
		t.Errorf("got %d vulnerabilities, and %d more severe ones in the list than by filter", total, severe)
	}
	get(t, srv, "/csapi/v1.3/images/nosuch/vuln").refused(t, http.StatusNotFound, "image: not found")
	get(t, srv, "/csapi/v1.3/images?filter=nosuch:x").refused(t, http.StatusBadRequest, "rule filter-token")
}

func sorted(texts []string) []string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return texts
}
