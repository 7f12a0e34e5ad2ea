package vendorapi

import (
	"context"

	"github.com/qcsdev/qcs/gen/apiserver"
)

// ListImages returns a page of images.
func (h *Handlers) ListImages(
	ctx context.Context, r apiserver.ListImagesRequestObject,
) (apiserver.ListImagesResponseObject, error) {
	p := r.Params
	page, b, err := h.Scans.ListImages(ctx, list(p.Filter, p.Sort, p.PageNumber, p.PageSize))
	if restsOn(ctx, b); err == nil && h.isEmpty(len(page.Data)) {
		return apiserver.ListImages204Response{}, nil
	}
	return apiserver.ListImages200JSONResponse(page), err
}

// DescribeImage returns one image.
func (h *Handlers) DescribeImage(
	ctx context.Context, r apiserver.DescribeImageRequestObject,
) (apiserver.DescribeImageResponseObject, error) {
	image, b, err := h.Scans.DescribeImage(ctx, r.ImageSha)
	restsOn(ctx, b)
	return apiserver.DescribeImage200JSONResponse(image), err
}

// ListVulnerabilities returns a page of the vulnerabilities of an image.
func (h *Handlers) ListVulnerabilities(
	ctx context.Context, r apiserver.ListVulnerabilitiesRequestObject,
) (apiserver.ListVulnerabilitiesResponseObject, error) {
	p := r.Params
	page, b, err := h.Scans.ListVulnerabilities(ctx, r.ImageSha, list(p.Filter, p.Sort, p.PageNumber, p.PageSize))
	if restsOn(ctx, b); err == nil && h.isEmpty(len(page.Data)) {
		return apiserver.ListVulnerabilities204Response{}, nil
	}
	return apiserver.ListVulnerabilities200JSONResponse(page), err
}

// ListAssociatedRegistries returns the places where an image was found.
func (h *Handlers) ListAssociatedRegistries(
	ctx context.Context, r apiserver.ListAssociatedRegistriesRequestObject,
) (apiserver.ListAssociatedRegistriesResponseObject, error) {
	all, b, err := h.Scans.AssociatedRegistries(ctx, r.ImageSha)
	restsOn(ctx, b)
	return apiserver.ListAssociatedRegistries200JSONResponse(all), err
}
