package ociregistry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/ociregistry"
)

var made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// start serves a registry; wrap may change its responses.
func start(t *testing.T, wrap func(http.Handler) http.Handler) (uri, host string) {
	t.Helper()
	h := fake.New(fake.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		h = wrap(h)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL, strings.TrimPrefix(srv.URL, "http://")
}

func push(t *testing.T, host, ref string, image remote.Taggable, options ...remote.Option) {
	t.Helper()
	tag, err := name.NewTag(host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(tag, image, options...); err != nil {
		t.Fatal(err)
	}
}

// picture returns an image and the item that a listing shows for it.
func picture(t *testing.T) (v1.Image, scan.Item) {
	t.Helper()
	image, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.CreatedAt(image, v1.Time{Time: made}); err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	item := scan.Item{Digest: manifest.Config.Digest.Hex, Created: made, Size: manifest.Config.Size}
	for _, l := range manifest.Layers {
		item.Size += l.Size
	}
	return image, item
}

func source(logged io.Writer, keys authn.Keychain, hosts ...string) *ociregistry.Source {
	return ociregistry.New(ociregistry.Options{Hosts: hosts, Keychain: keys, Logger: slog.New(slog.NewTextHandler(logged, nil))})
}

func TestList(t *testing.T) {
	t.Parallel()
	uri, host := start(t, nil)
	first, one := picture(t)
	second, two := picture(t)
	push(t, host, "team/app:1.0", first)
	push(t, host, "team/app:latest", first)
	push(t, host, "team/app:2.0", second)
	push(t, host, "other:x", second)
	platforms := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: second, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: first, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	push(t, host, "many:latest", platforms)
	push(t, host, "many:windows", mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: second, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "windows", Architecture: "amd64"}}}))
	push(t, host, "many:chart", mutate.ConfigMediaType(second, types.MediaType("application/vnd.cncf.helm.config.v1+json")))
	s := source(io.Discard, authn.NewMultiKeychain(), host)
	if !s.Handles(uri) || s.Handles("https://registry.example.com") {
		t.Errorf("got %v and %v, want that only registries on the allowed hosts are handled", s.Handles(uri), s.Handles("https://registry.example.com"))
	}
	got, err := s.List(t.Context(), uri, []scan.Selector{{Repo: "team/app"}, {Repo: "many", Tag: ".*"}, {Repo: "nosuch"}, {Repo: "NOT A NAME"}})
	want := scan.Contents{"team/app": {"1.0": one, "latest": one, "2.0": two}, "other": {}, "many": {"latest": one}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = s.List(t.Context(), uri, []scan.Selector{{Repo: "team/app", Tag: "2.0, nosuch"}, {Repo: "team/app", Tag: "1.*"}})
	want = scan.Contents{"team/app": {"1.0": one, "2.0": two}, "other": {}, "many": {}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// keys is a keychain with one password.
type keys struct{ password string }

func (k keys) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: "robot", Password: k.password}, nil
}

func TestCredentialsComeFromTheKeychain(t *testing.T) {
	t.Parallel()
	const password = "s3cret-of-the-keychain"
	uri, host := start(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, given, _ := r.BasicAuth(); given != password {
				w.Header().Set("Www-Authenticate", `Basic realm="r"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	image, item := picture(t)
	push(t, host, "app:1", image, remote.WithAuthFromKeychain(keys{password}))
	selected := []scan.Selector{{Repo: "app"}}
	var logged bytes.Buffer
	got, err := source(&logged, keys{password}, host).List(t.Context(), uri, selected)
	if diff := cmp.Diff(scan.Contents{"app": {"1": item}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	wantCode(t, source(&logged, keys{"wrong-" + password}, host), uri, "REGISTRY_UNAUTHORIZED")
	if strings.Contains(logged.String(), password) || !strings.Contains(logged.String(), "could not be listed") {
		t.Errorf("got log %s", logged.String())
	}
}

func wantCode(t *testing.T, s *ociregistry.Source, uri, code string) {
	t.Helper()
	_, err := s.List(t.Context(), uri, []scan.Selector{{Repo: "app"}})
	if failed := (*scan.Error)(nil); !errors.As(err, &failed) || failed.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// TestOnlyAllowedHosts checks that neither a redirect nor a token service leads to a call to another host.
func TestOnlyAllowedHosts(t *testing.T) {
	t.Parallel()
	var called bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	t.Cleanup(other.Close)
	redirecting, host := start(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, other.URL+"/storage", http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	image, _ := picture(t)
	push(t, host, "app:1", image)
	wantCode(t, source(io.Discard, authn.NewMultiKeychain(), host), redirecting, "REGISTRY_HOST_NOT_ALLOWED")
	asking, host := start(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Www-Authenticate", `Bearer realm="https://token.example.com/token",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
	})
	wantCode(t, source(io.Discard, authn.NewMultiKeychain(), host), asking, "REGISTRY_HOST_NOT_ALLOWED")
	if called {
		t.Error("another host was called")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	broken, host := start(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	})
	wantCode(t, source(io.Discard, authn.NewMultiKeychain(), host), broken, "REGISTRY_UNREACHABLE")
	closed := httptest.NewServer(nil)
	closed.Close()
	wantCode(t, source(io.Discard, authn.NewMultiKeychain(), strings.TrimPrefix(closed.URL, "http://")), closed.URL, "REGISTRY_UNREACHABLE")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := source(io.Discard, authn.NewMultiKeychain(), host).List(ended, broken, nil)
	if failed := (*scan.Error)(nil); !errors.As(err, &failed) || failed.Code != "REGISTRY_TIMEOUT" {
		t.Errorf("got %v, want REGISTRY_TIMEOUT", err)
	}
}

// TestNoCatalogue checks that a registry without a catalogue is listed by the selected repositories.
func TestNoCatalogue(t *testing.T) {
	t.Parallel()
	uri, host := start(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/_catalog" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	image, item := picture(t)
	push(t, host, "app:1", image)
	got, err := source(io.Discard, authn.NewMultiKeychain(), host).List(t.Context(), uri, []scan.Selector{{Repo: "app"}})
	if diff := cmp.Diff(scan.Contents{"app": {"1": item}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
