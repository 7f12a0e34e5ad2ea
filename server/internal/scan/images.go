package scan

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
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

// ListImages returns a page of the images that scans have found.
func (s *Service) ListImages(ctx context.Context, q rule.List) (api.Images, rule.Basis, error) {
	return rule.Read(ctx, s.store, func(tx *store.Tx, b *rule.Basis) (page api.Images, err error) {
		l, err := q.Bind(store.Images, tx, b)
		if err == nil {
			page.Data, page.Count, err = tx.Images(ctx, l)
		}
		return page, err
	})
}

// DescribeImage returns one image.
func (s *Service) DescribeImage(ctx context.Context, sha string) (api.Image, rule.Basis, error) {
	return rule.Read(ctx, s.store, func(tx *store.Tx, _ *rule.Basis) (api.Image, error) {
		return tx.Image(ctx, sha)
	})
}

// AssociatedRegistries returns the places where scans found an image.
func (s *Service) AssociatedRegistries(
	ctx context.Context, sha string,
) ([]api.AssociatedRegistry, rule.Basis, error) {
	return rule.Read(ctx, s.store, func(tx *store.Tx, _ *rule.Basis) ([]api.AssociatedRegistry, error) {
		if _, err := tx.Image(ctx, sha); err != nil {
			return nil, err
		}
		places, err := tx.Places(ctx, sha)
		all := make([]api.AssociatedRegistry, len(places))
		for i, p := range places {
			all[i] = p.AssociatedRegistry
		}
		return all, err
	})
}

// ListVulnerabilities returns a page of what a scan found in an image.
func (s *Service) ListVulnerabilities(
	ctx context.Context, sha string, q rule.List,
) (api.Vulnerabilities, rule.Basis, error) {
	return rule.Read(ctx, s.store, func(tx *store.Tx, b *rule.Basis) (found api.Vulnerabilities, err error) {
		if _, err := tx.Image(ctx, sha); err != nil {
			return found, err
		}
		l, err := q.Bind(VulnerabilityTokens, tx, b)
		if err == nil {
			found = page(Vulnerabilities(sha), l)
		}
		return found, err
	})
}
