package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
)

// RegistryOption selects registries beside a List.
type RegistryOption func(*api.ListRegistriesParams)

// OfType selects the registries of one type (a choice of the emulator).
func OfType(t api.RegistryType) RegistryOption {
	return func(p *api.ListRegistriesParams) { p.RegistryType = &t }
}

// ListRegistries lists the registries of the subscription: GET /csapi/v1.3/registry (swagger
// 2021).
func (c *Client) ListRegistries(
	ctx context.Context, l List, options ...RegistryOption,
) iter.Seq2[api.Registry, error] {
	fetch := func(q query) (*http.Response, error) {
		p := api.ListRegistriesParams{Filter: q.Filter, Sort: q.Sort, PageNumber: q.PageNumber, PageSize: q.PageSize}
		for _, o := range options {
			o(&p)
		}
		return c.wire.ListRegistries(ctx, &p)
	}
	return pages(l, fetch, func(r api.Registry) string { return r.RegistryUUID })
}

// ListRepositories lists the repositories of a registry: GET
// /csapi/v1.3/registry/{registryId}/repository (swagger 2021).
func (c *Client) ListRepositories(ctx context.Context, registryID string, l List) iter.Seq2[api.Repository, error] {
	fetch := func(q query) (*http.Response, error) {
		return c.wire.ListRepositories(ctx, registryID, (*api.ListRepositoriesParams)(&q), ids(registryID))
	}
	return pages(l, fetch, func(r api.Repository) string { return r.RepoName })
}

// DescribeRegistry gives a registry with its connectors: GET /csapi/v1.3/registry/{registryId}
// (swagger 2021). ErrNotFound if it does not exist.
func (c *Client) DescribeRegistry(ctx context.Context, registryID string) (api.RegistryDetails, error) {
	return decode[api.RegistryDetails](c.wire.DescribeRegistry(ctx, registryID, ids(registryID)))
}

// CreateRegistry adds a registry and gives its id, or "" when the response has none: POST
// /csapi/v1.3/registry (docs; the response as integrations read it). ErrInvalid if another registry
// has the address (a choice of the emulator).
func (c *Client) CreateRegistry(ctx context.Context, r api.RegistryRequest) (string, error) {
	response, err := c.wire.CreateRegistry(ctx, r)
	return idOf(response, err, "registryUuid")
}

// ValidateRegistry reports whether CreateRegistry would accept a registry: POST
// /csapi/v1.3/registry/validate (swagger 2021).
func (c *Client) ValidateRegistry(ctx context.Context, r api.RegistryRequest) (bool, error) {
	a, err := read(c.wire.ValidateRegistry(ctx, r))
	if err != nil || len(a.body) == 0 { // swagger 2021: an empty 201 means valid
		return err == nil, err
	}
	var ok bool
	if err := json.Unmarshal(a.body, &ok); err != nil {
		return false, fmt.Errorf("%s %s: %w", a.method, a.path, err)
	}
	return ok, nil
}

// UpdateRegistry replaces name, credential and connector of a registry: PUT
// /csapi/v1.3/registry/{registryId}. Type and address must not change (swagger 2021).
func (c *Client) UpdateRegistry(ctx context.Context, registryID string, r api.RegistryRequest) error {
	_, err := read(c.wire.UpdateRegistry(ctx, registryID, r, ids(registryID)))
	return err
}

// DeleteRegistry deletes a registry with all its schedules: DELETE
// /csapi/v1.3/registry/{registryId} (swagger 2021). ErrInvalid while one of its schedules is
// Running.
func (c *Client) DeleteRegistry(ctx context.Context, registryID string) (*Job, error) {
	job := &Job{client: c}
	return job.start(c.wire.DeleteRegistry(ctx, registryID, ids(registryID)))
}

// DeleteRegistries deletes several registries: DELETE /csapi/v1.3/registry?registryIds=… (release
// notes 1.12). The job skips registries with a Running schedule and ids that do not exist; its
// result lists them.
func (c *Client) DeleteRegistries(ctx context.Context, registryIDs ...string) (*Job, error) {
	if registryIDs = unique(registryIDs); len(registryIDs) == 0 {
		return nil, errNothingSelected
	}
	job := &Job{client: c}
	return job.split("registryIds", registryIDs, func(batch []string) (*http.Response, error) {
		// The generated method for JSON would send "null" as the body.
		return c.wire.DeleteRegistriesWithBody(ctx, &api.DeleteRegistriesParams{RegistryIds: batch}, "", nil)
	})
}
