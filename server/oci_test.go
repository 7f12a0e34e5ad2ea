package server_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/ociregistry"
	"github.com/qcsdev/qcs/server/servertest"
)

// TestRealRegistry checks that a scan lists a registry on an allowed host, with the real digests and
// sizes of its images, and that the scan ends in Error with a code if the registry cannot be listed.
func TestRealRegistry(t *testing.T) {
	t.Parallel()
	origin := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(origin.Close)
	host := strings.TrimPrefix(origin.URL, "http://")
	image, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"team/app:1.0", "team/app:latest", "other:x"} {
		tag, err := name.NewTag(host + "/" + ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(tag, image); err != nil {
			t.Fatal(err)
		}
	}
	id, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Sources = []server.Source{ociregistry.New(ociregistry.Options{Hosts: []string{host}})}
	}))
	c := srv.Client()
	registry := newRegistry(t, c, origin.URL)
	target := base + "/" + registry + "/schedule"
	post(t, srv, target, `{"name":"one","onDemand":true,"filters":[{"repoTags":[{"repo":"team/app","tag":".*"},{"repo":"nosuch"}]}]}`).want(t, http.StatusOK)
	made := post(t, srv, base+"/"+newRegistry(t, c, "https://elsewhere.example.com")+"/schedule", `{"onDemand":true,"filters":[{"repoTags":[{"repo":"made/up","tag":"1"}]}]}`)
	made.want(t, http.StatusOK)
	srv.Advance(time.Hour)
	var got []string
	for i, err := range c.ListImages(t.Context(), client.List{Filter: "repo.registry:`" + host + "`"}) {
		if err != nil || i.Sha != id.Hex || i.Size < 1000 {
			t.Errorf("got %+v, %v, want the image %s", i, err, id.Hex)
		}
		for _, place := range i.Repo {
			got = append(got, place.Repository+":"+place.Tag)
		}
	}
	if diff := cmp.Diff([]string{"team/app:1.0", "team/app:latest"}, sorted(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list := get(t, srv, "/csapi/v1.3/images?filter=repo.repository:%22made/up%22").want(t, http.StatusOK); !strings.Contains(list, `"count":1`) {
		t.Errorf("got %s, want generated contents of a registry on another host", list)
	}
	repositories := get(t, srv, base+"/"+registry+"/repository").want(t, http.StatusOK)
	if details, err := c.DescribeRegistry(t.Context(), registry); err != nil || details.RepoCount != 2 || details.TotalImages != 1 || !strings.Contains(repositories, `"repoName":"other"`) || strings.Contains(repositories, "nosuch") {
		t.Errorf("got %+v, %v, %s", details, err, repositories)
	}
	origin.Close()
	forced := field(t, post(t, srv, target, `{"name":"two","onDemand":true,"filters":[{"repoTags":[{"repo":"team/app"}]}]}`).want(t, http.StatusOK), "scheduleUuid")
	post(t, srv, target, `{"name":"three","onDemand":true,"filters":[{"repoTags":[{"repo":"team/app"}]}]}`).want(t, http.StatusOK)
	srv.Force(registry, forced, api.StatusFinished)
	srv.Advance(time.Hour)
	for _, name := range []string{"two", "three"} {
		if list := get(t, srv, target+"?filter=name:"+name).want(t, http.StatusOK); !strings.Contains(list, `"status":"Error"`) || !strings.Contains(list, `"errorCode":"REGISTRY_UNREACHABLE"`) || strings.Contains(list, "refused") {
			t.Errorf("%s: got %s", name, list)
		}
	}
}
