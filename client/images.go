package client

import (
	"context"
	"fmt"
	"iter"

	"github.com/qcsdev/qcs/gen/api"
)

// ListImages goes through the images that scans have found: GET /csapi/v1.3/images (docs;
// observed).
func (c *Client) ListImages(ctx context.Context, l List) iter.Seq2[api.Image, error] {
	return pages(ctx, l, source[api.Image]{func(ctx context.Context, q query) (page[api.Image], error) {
		p, err := decode[api.Images](
			c.wire.ListImages(
				ctx,
				&api.ListImagesParams{Filter: q.filter, Sort: q.sort, PageNumber: q.page, PageSize: q.size},
			),
		)
		return page[api.Image]{p.Data, p.Count}, err
	}, func(i api.Image) string { return i.Sha }})
}

// DescribeImage gives an image: GET /csapi/v1.3/images/{imageSha} (docs; observed). ErrNotFound as
// long as no scan has found it.
func (c *Client) DescribeImage(ctx context.Context, sha string) (api.Image, error) {
	return decode[api.Image](c.wire.DescribeImage(ctx, sha, ids(sha)))
}

// ListVulnerabilities goes through the vulnerabilities of an image: GET
// /csapi/v1.3/images/{imageSha}/vuln (observed).
func (c *Client) ListVulnerabilities(ctx context.Context, sha string, l List) iter.Seq2[api.Vulnerability, error] {
	return pages(ctx, l, source[api.Vulnerability]{func(ctx context.Context, q query) (page[api.Vulnerability], error) {
		p, err := decode[api.Vulnerabilities](
			c.wire.ListVulnerabilities(
				ctx, sha,
				&api.ListVulnerabilitiesParams{Filter: q.filter, Sort: q.sort, PageNumber: q.page, PageSize: q.size},
				ids(sha),
			),
		)
		return page[api.Vulnerability]{p.Data, p.Count}, err
	}, func(v api.Vulnerability) string { return fmt.Sprint(v) }})
}

// ListAssociatedRegistries gives the places where an image was found: GET
// /csapi/v1.3/images/{imageSha}/associatedRegistries (swagger 2021).
func (c *Client) ListAssociatedRegistries(ctx context.Context, sha string) ([]api.AssociatedRegistry, error) {
	return decode[[]api.AssociatedRegistry](c.wire.ListAssociatedRegistries(ctx, sha, ids(sha)))
}
