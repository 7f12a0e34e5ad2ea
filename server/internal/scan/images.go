package scan

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Service returns what scans have found, and the profile of scans. It is safe for concurrent use.
type Service struct {
	store *store.Store
	pace  Pace
}

// New returns a Service. The pace is the profile of worlds that have none of their own.
func New(s *store.Store, p Pace) *Service { return &Service{s, p} }

func (s *Service) read(ctx context.Context, f func(*store.Tx) error) error {
	return s.store.Read(ctx, call.World(ctx), f)
}

// ListImages returns a page of the images that scans have found.
func (s *Service) ListImages(ctx context.Context, q rule.List) (page api.Images, b rule.Basis, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		var l store.List
		if l, b, err = q.Bind(store.Images, tx); err != nil {
			return err
		}
		page.Data, page.Count, err = tx.Images(ctx, l)
		return err
	})
	return page, b, err
}

// DescribeImage returns one image.
func (s *Service) DescribeImage(ctx context.Context, sha string) (i api.Image, b rule.Basis, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		b = rule.BasisOf(tx)
		i, err = tx.Image(ctx, sha)
		return err
	})
	return i, b, err
}

// AssociatedRegistries returns the places where scans found an image.
func (s *Service) AssociatedRegistries(
	ctx context.Context, sha string,
) (all []api.AssociatedRegistry, b rule.Basis, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		b = rule.BasisOf(tx)
		if _, err := tx.Image(ctx, sha); err != nil {
			return err
		}
		places, err := tx.Places(ctx, sha)
		all = make([]api.AssociatedRegistry, len(places))
		for i, p := range places {
			all[i] = p.AssociatedRegistry
		}
		return err
	})
	return all, b, err
}

// ListVulnerabilities returns a page of what a scan found in an image.
func (s *Service) ListVulnerabilities(
	ctx context.Context, sha string, q rule.List,
) (found api.Vulnerabilities, b rule.Basis, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Image(ctx, sha); err != nil {
			return err
		}
		var l store.List
		if l, b, err = q.Bind(VulnerabilityTokens, tx); err == nil {
			found = page(Vulnerabilities(sha), l)
		}
		return err
	})
	return found, b, err
}
