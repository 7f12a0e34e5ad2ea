package server

import (
	"context"

	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// ListImages answers a page of images.
func (h *handlers) ListImages(
	ctx context.Context, r apiserver.ListImagesRequestObject,
) (apiserver.ListImagesResponseObject, error) {
	page, err := h.registry.ListImages(ctx, registry.Query(r.Params))
	if err == nil && h.empty(len(page.Data)) {
		return apiserver.ListImages204Response{}, nil
	}
	return apiserver.ListImages200JSONResponse(page), err
}

// DescribeImage answers one image.
func (h *handlers) DescribeImage(
	ctx context.Context, r apiserver.DescribeImageRequestObject,
) (apiserver.DescribeImageResponseObject, error) {
	image, err := h.registry.DescribeImage(ctx, r.ImageSha)
	return apiserver.DescribeImage200JSONResponse(image), err
}

// ListVulnerabilities answers a page of the vulnerabilities of an image.
func (h *handlers) ListVulnerabilities(
	ctx context.Context, r apiserver.ListVulnerabilitiesRequestObject,
) (apiserver.ListVulnerabilitiesResponseObject, error) {
	page, err := h.registry.ListVulnerabilities(ctx, r.ImageSha, registry.Query(r.Params))
	if err == nil && h.empty(len(page.Data)) {
		return apiserver.ListVulnerabilities204Response{}, nil
	}
	return apiserver.ListVulnerabilities200JSONResponse(page), err
}

// ListAssociatedRegistries answers where an image was found.
func (h *handlers) ListAssociatedRegistries(
	ctx context.Context, r apiserver.ListAssociatedRegistriesRequestObject,
) (apiserver.ListAssociatedRegistriesResponseObject, error) {
	all, err := h.registry.AssociatedRegistries(ctx, r.ImageSha)
	return apiserver.ListAssociatedRegistries200JSONResponse(all), err
}
