// Package ociregistry lists real registries by the OCI distribution protocol: catalogue, tags,
// digests and sizes. Its Source is one of the sources in the options of package server. It sends
// requests to allowed hosts only, also for redirects and token services, and takes credentials from
// the keychain of the machine (the configuration file of Docker or Podman, and credential helpers).
// It downloads manifests and image configurations, never layers. It is apart from package server so
// that programs that do not use it do not link go-containerregistry.
package ociregistry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/qcsdev/qcs/server/internal/scan"
)

// Bounds of one listing, so that one registry does not delay the others.
const (
	timeout         = 30 * time.Second
	parallel        = 4
	maxTags         = 1000 // of a repository
	maxRepositories = 10_000
	pageSize        = 1000
)

// The codes of scans that end in Error (our choice).
const (
	codeUnreachable  = "REGISTRY_UNREACHABLE"
	codeUnauthorized = "REGISTRY_UNAUTHORIZED"
	codeTimeout      = "REGISTRY_TIMEOUT"
	codeForbidden    = "REGISTRY_HOST_NOT_ALLOWED"
)

// Options of a Source.
type Options struct {
	Hosts    []string          // host or host:port of the registries, and of redirect targets
	Keychain authn.Keychain    // default: that of the machine
	Network  http.RoundTripper // default: http.DefaultTransport
	Logger   *slog.Logger      // gets the causes of failed listings; default: discards them
}

// Source lists the registries on the allowed hosts. It is a server.Source.
type Source struct{ options Options }

// New returns a Source.
func New(o Options) *Source {
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.Network == nil {
		o.Network = http.DefaultTransport
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Source{o}
}

// allowedHosts is the transport of one listing. It blocks requests to other hosts, also if a
// registry redirects to them or names them as its token service.
type allowedHosts struct {
	hosts   []string
	next    http.RoundTripper
	blocked atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (a *allowedHosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(a.hosts, r.URL.Host) {
		a.blocked.Store(true)
		return nil, fmt.Errorf("host %s is not allowed", r.URL.Host)
	}
	return a.next.RoundTrip(r)
}

// Handles implements server.Source.
func (s *Source) Handles(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && slices.Contains(s.options.Hosts, u.Host)
}

// List implements server.Source. It lists the repositories of the catalogue, if the registry has
// one, and the selected tags of the selected repositories.
func (s *Source) List(ctx context.Context, uri string, selected []scan.Selector) (scan.Contents, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	network := &allowedHosts{hosts: s.options.Hosts, next: s.options.Network}
	contents, err := s.list(ctx, network, uri, selected)
	if err == nil {
		return contents, nil
	}
	// The error contains no address and no text of the registry; the log has the cause.
	e := &scan.Error{Code: codeUnreachable, Msg: "The registry could not be listed."}
	switch code := status(err); {
	case network.blocked.Load():
		e = &scan.Error{Code: codeForbidden, Msg: "The registry leads to a host that the emulator may not call."}
	case ctx.Err() != nil:
		e = &scan.Error{Code: codeTimeout, Msg: "The registry did not answer in time."}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		e = &scan.Error{Code: codeUnauthorized, Msg: "The registry refused the credentials."}
	}
	s.options.Logger.Warn("a registry could not be listed", "registry", uri, "code", e.Code, "cause", err)
	return nil, e
}

func (s *Source) list(
	ctx context.Context, network http.RoundTripper, uri string, selected []scan.Selector,
) (scan.Contents, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	var insecure []name.Option
	if u.Scheme == "http" {
		insecure = append(insecure, name.Insecure)
	}
	registry, err := name.NewRegistry(u.Host, insecure...)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(
		remote.WithTransport(network), remote.WithAuthFromKeychain(s.options.Keychain), remote.WithPageSize(pageSize),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithUserAgent("qcsd"),
	)
	if err != nil {
		return nil, err
	}
	l := &listing{puller: puller, log: s.options.Logger, contents: scan.Contents{}, items: map[v1.Hash]scan.Item{}}
	if err := l.catalogue(ctx, registry); err != nil {
		return nil, err
	}
	for _, selector := range selected {
		if err := l.repository(ctx, registry.Repo(strings.Trim(u.Path, "/"), selector.Repo), selector); err != nil {
			return nil, err
		}
	}
	return l.contents, nil
}

// listing is a call of List. It reads an image once if several tags point to it.
type listing struct {
	puller   *remote.Puller
	log      *slog.Logger
	contents scan.Contents
	mu       sync.Mutex
	items    map[v1.Hash]scan.Item
}

// catalogue adds the repositories of the catalogue. It is no error if the registry has no
// catalogue, or does not show it to the user.
func (l *listing) catalogue(ctx context.Context, registry name.Registry) error {
	pages, err := l.puller.Catalogger(ctx, registry)
	for err == nil && pages.HasNext() && len(l.contents) < maxRepositories {
		var page *remote.Catalogs
		if page, err = pages.Next(ctx); err == nil {
			for _, repo := range page.Repos {
				l.contents[repo] = scan.Tags{}
			}
		}
	}
	if code := status(err); code >= http.StatusBadRequest && code < http.StatusInternalServerError {
		return nil
	}
	return err
}

// repository adds the selected tags of a repository. A repository that does not exist is left out.
func (l *listing) repository(ctx context.Context, repo name.Repository, s scan.Selector) error {
	names, err := l.puller.List(ctx, repo)
	if code := status(err); code == http.StatusNotFound || code == http.StatusBadRequest {
		return nil // there is no such repository, or its name is not valid
	}
	if err != nil {
		return err
	}
	tags := s.Select(names)
	slices.Sort(tags)
	if len(tags) > maxTags {
		l.log.Warn("a repository has more tags than are listed",
			"repository", repo.Name(), "tags", len(tags), "bound", maxTags)
		tags = tags[:maxTags]
	}
	if l.contents[s.Repo] == nil {
		l.contents[s.Repo] = scan.Tags{}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, tag := range tags {
		group.Go(func() error { return l.tag(ctx, repo.Tag(tag), s.Repo) })
	}
	return group.Wait()
}

// tag adds the image of a tag; of an image for several platforms, the one for linux/amd64. A tag of
// something else, such as a chart or a signature, is left out.
func (l *listing) tag(ctx context.Context, ref name.Tag, repo string) error {
	d, err := l.puller.Get(ctx, ref)
	if status(err) == http.StatusNotFound {
		return nil // the tag was deleted after it was listed
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	item, known := l.items[d.Digest]
	l.mu.Unlock()
	if !known {
		if item, err = describe(d); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items[d.Digest] = item
	if item.Digest != "" {
		l.contents[repo][ref.TagStr()] = item
	}
	return nil
}

// describe returns id, size and date of an image; a zero item if the manifest is of no image.
func describe(d *remote.Descriptor) (scan.Item, error) {
	image, err := d.Image()
	if err != nil {
		return scan.Item{}, transportError(err)
	}
	manifest, err := image.Manifest()
	if err != nil || !manifest.Config.MediaType.IsConfig() {
		return scan.Item{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return scan.Item{}, err
	}
	item := scan.Item{Digest: manifest.Config.Digest.Hex, Created: config.Created.Time, Size: manifest.Config.Size}
	for _, layer := range manifest.Layers {
		item.Size += layer.Size
	}
	return item, nil
}

// transportError returns err if it comes from the transport. Other errors mean that a manifest
// is not an image, or has no image for the platform.
func transportError(err error) error {
	var network *url.Error
	if status(err) > 0 || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// status returns the status of the response of a registry; 0 for other errors.
func status(err error) int {
	var e *transport.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}
