package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
)

// ListImages lists the images that scans have found: GET /csapi/v1.3/images (docs;
// observed).
func (c *Client) ListImages(ctx context.Context, l List) iter.Seq2[api.Image, error] {
	fetch := func(q query) (*http.Response, error) {
		return c.wire.ListImages(ctx, (*api.ListImagesParams)(&q))
	}
	return pages(l, fetch, func(i api.Image) string { return i.Sha })
}

// DescribeImage gives an image: GET /csapi/v1.3/images/{imageSha} (docs; observed). ErrNotFound
// until a scan finds it.
func (c *Client) DescribeImage(ctx context.Context, sha string) (api.Image, error) {
	return decode[api.Image](c.wire.DescribeImage(ctx, sha, ids(sha)))
}

// ListVulnerabilities lists the vulnerabilities of an image: GET
// /csapi/v1.3/images/{imageSha}/vuln (observed).
func (c *Client) ListVulnerabilities(ctx context.Context, sha string, l List) iter.Seq2[api.Vulnerability, error] {
	fetch := func(q query) (*http.Response, error) {
		return c.wire.ListVulnerabilities(ctx, sha, (*api.ListVulnerabilitiesParams)(&q), ids(sha))
	}
	return pages(l, fetch, func(v api.Vulnerability) string { return fmt.Sprint(v) })
}

// ListAssociatedRegistries gives the places where an image was found: GET
// /csapi/v1.3/images/{imageSha}/associatedRegistries (swagger 2021).
func (c *Client) ListAssociatedRegistries(ctx context.Context, sha string) ([]api.AssociatedRegistry, error) {
	return decode[[]api.AssociatedRegistry](c.wire.ListAssociatedRegistries(ctx, sha, ids(sha)))
}
