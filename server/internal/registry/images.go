package registry

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// ListImages gives a page of the images that scans have found.
func (s *Service) ListImages(ctx context.Context, q Query) (page api.Images, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		l, err := list(ctx, q, store.Images, tx.Now)
		if err != nil {
			return err
		}
		page.Data, page.Count, err = tx.Images(ctx, l)
		return err
	})
	return page, err
}

// DescribeImage gives one image.
func (s *Service) DescribeImage(ctx context.Context, sha string) (i api.Image, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		i, err = tx.Image(ctx, sha)
		return err
	})
	return i, err
}

// AssociatedRegistries gives the places where an image was found.
func (s *Service) AssociatedRegistries(ctx context.Context, sha string) (all []api.AssociatedRegistry, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
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
	return all, err
}

// vulnerabilityTokens are the tokens of the list of vulnerabilities (our choice).
var vulnerabilityTokens = store.Resource{
	Schema: qql.Schema{
		{Token: "qid", Kind: qql.Number},
		{Token: "title", Kind: qql.Text},
		{Token: "severity", Kind: qql.Number},
	},
	Order: qql.Sort{Field: qql.Field{Token: "severity", Kind: qql.Number}, Desc: true},
}

// ListVulnerabilities gives a page of what a scan found in an image.
func (s *Service) ListVulnerabilities(ctx context.Context, sha string, q Query) (page api.Vulnerabilities, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Image(ctx, sha); err != nil {
			return err
		}
		l, err := list(ctx, q, vulnerabilityTokens, tx.Now)
		if err == nil {
			page = pick(vulnerabilities(sha), l)
		}
		return err
	})
	return page, err
}
