// Package oci lists real registries: catalogue, tags, digests and sizes, by the OCI distribution
// protocol. It goes only to hosts that it was told, for every request including redirects and token
// services, and takes credentials from the keychain of the machine (the configuration file of
// Docker or Podman, and credential helpers). It downloads manifests and image configurations, never
// layers. The package must not import the server.
package oci

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

// Bounds of one listing, so that a registry cannot hold up the others.
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
	Hosts    []string          // host or host:port of the registries, and of whatever they redirect to
	Keychain authn.Keychain    // default: that of the machine
	Network  http.RoundTripper // default: http.DefaultTransport
	Logger   *slog.Logger      // told why a listing failed
}

// Source lists registries on the hosts that it was told; it is a scan.Source.
type Source struct{ options Options }

// New gives a source.
func New(o Options) *Source {
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.Network == nil {
		o.Network = http.DefaultTransport
	}
	return &Source{o}
}

// fence lets the requests of one listing through to some hosts only, also when a registry redirects
// or names a token service.
type fence struct {
	hosts   []string
	next    http.RoundTripper
	blocked atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (f *fence) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(f.hosts, r.URL.Host) {
		f.blocked.Store(true)
		return nil, fmt.Errorf("host %s is not allowed", r.URL.Host)
	}
	return f.next.RoundTrip(r)
}

// Handles implements scan.Source.
func (s *Source) Handles(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && slices.Contains(s.options.Hosts, u.Host)
}

// List implements scan.Source: the repositories of the catalogue, if the registry shows
// one, and those that are wanted, with the tags that are wanted.
func (s *Source) List(ctx context.Context, uri string, selected []scan.Selector) (scan.Contents, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	f := &fence{hosts: s.options.Hosts, next: s.options.Network}
	contents, err := s.list(ctx, f, uri, selected)
	switch code := status(err); {
	case err == nil:
		return contents, nil
	case f.blocked.Load():
		err = s.failed(uri, err, codeForbidden, "The registry leads to a host that the emulator may not call.")
	case ctx.Err() != nil:
		err = s.failed(uri, err, codeTimeout, "The registry did not answer in time.")
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		err = s.failed(uri, err, codeUnauthorized, "The registry refused the credentials.")
	default:
		err = s.failed(uri, err, codeUnreachable, "The registry could not be listed.")
	}
	return nil, err
}

// failed logs the cause of a failure and says for the schedule what happened, without addresses and
// texts of the registry.
func (s *Source) failed(uri string, cause error, code, msg string) error {
	s.options.Logger.Warn("a registry could not be listed", "registry", uri, "code", code, "cause", cause)
	return &scan.Error{Code: code, Msg: msg}
}

func (s *Source) list(ctx context.Context, f *fence, uri string, selected []scan.Selector) (scan.Contents, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	var insecure []name.Option
	if u.Scheme == "http" {
		insecure = append(insecure, name.Insecure)
	}
	where, err := name.NewRegistry(u.Host, insecure...)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(
		remote.WithTransport(f), remote.WithAuthFromKeychain(s.options.Keychain), remote.WithPageSize(pageSize),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithUserAgent("qcsd"),
	)
	if err != nil {
		return nil, err
	}
	l := &listing{
		puller:   puller,
		log:      s.options.Logger,
		contents: scan.Contents{},
		items:    map[v1.Hash]scan.Item{},
	}
	if err := l.catalogue(ctx, where); err != nil {
		return nil, err
	}
	for _, w := range selected {
		if err := l.repository(ctx, where.Repo(strings.Trim(u.Path, "/"), w.Repo), w); err != nil {
			return nil, err
		}
	}
	return l.contents, nil
}

// listing is the work of one call. Images that several tags point to are looked at once.
type listing struct {
	puller   *remote.Puller
	log      *slog.Logger
	contents scan.Contents
	mu       sync.Mutex
	items    map[v1.Hash]scan.Item
}

// catalogue notes the repositories that the registry shows. Many show none, or not to everybody:
// that is no error.
func (l *listing) catalogue(ctx context.Context, where name.Registry) error {
	pages, err := l.puller.Catalogger(ctx, where)
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

// repository notes the wanted tags of a repository; one that does not exist is left out.
func (l *listing) repository(ctx context.Context, repo name.Repository, w scan.Selector) error {
	names, err := l.puller.List(ctx, repo)
	// no such name, or none that could be
	if code := status(err); code == http.StatusNotFound || code == http.StatusBadRequest {
		return nil
	}
	if err != nil {
		return err
	}
	picked := w.Select(names)
	slices.Sort(picked)
	if len(picked) > maxTags {
		l.log.Warn(
			"a repository has more tags than are looked at", "repository", repo.Name(), "tags", len(picked),
			"bound", maxTags,
		)
		picked = picked[:maxTags]
	}
	if l.contents[w.Repo] == nil {
		l.contents[w.Repo] = scan.Tags{}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, tag := range picked {
		group.Go(func() error { return l.tag(ctx, repo.Tag(tag), w.Repo) })
	}
	return group.Wait()
}

// tag notes what a tag points to: the image for linux/amd64 where there are several. What is no
// image, such as a chart or a signature, is left out.
func (l *listing) tag(ctx context.Context, ref name.Tag, repo string) error {
	d, err := l.puller.Get(ctx, ref)
	if status(err) == http.StatusNotFound {
		return nil // gone since it was listed
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

// describe gives the image id, the size and the date of an image; a zero item means that it is
// none.
func describe(d *remote.Descriptor) (scan.Item, error) {
	image, err := d.Image()
	if err != nil {
		return scan.Item{}, ignoreShape(err)
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

// ignoreShape drops errors that say that a manifest is not an image, or has none for the platform;
// those of the transport stay.
func ignoreShape(err error) error {
	var network *url.Error
	if status(err) > 0 || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// status is the status that a registry answered; 0 for other errors.
func status(err error) int {
	var e *transport.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}
