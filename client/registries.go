package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
)

// ListRegistries goes through the registries of the subscription: GET /csapi/v1.3/registry (swagger
// 2021).
func (c *Client) ListRegistries(ctx context.Context, l List) iter.Seq2[api.Registry, error] {
	return pages(ctx, l, source[api.Registry]{func(ctx context.Context, q query) (page[api.Registry], error) {
		p, err := decode[api.Registries](
			c.wire.ListRegistries(
				ctx,
				&api.ListRegistriesParams{Filter: q.filter, Sort: q.sort, PageNumber: q.page, PageSize: q.size},
			),
		)
		return page[api.Registry]{p.Data, p.Count}, err
	}, func(r api.Registry) string { return r.RegistryUUID }})
}

// ListRepositories goes through the repositories of a registry: GET
// /csapi/v1.3/registry/{registryId}/repository (swagger 2021).
func (c *Client) ListRepositories(ctx context.Context, registryID string, l List) iter.Seq2[api.Repository, error] {
	return pages(ctx, l, source[api.Repository]{func(ctx context.Context, q query) (page[api.Repository], error) {
		p, err := decode[api.Repositories](
			c.wire.ListRepositories(
				ctx, registryID,
				&api.ListRepositoriesParams{Filter: q.filter, Sort: q.sort, PageNumber: q.page, PageSize: q.size},
				ids(registryID),
			),
		)
		return page[api.Repository]{p.Data, p.Count}, err
	}, func(r api.Repository) string { return r.RepoName }})
}

// DescribeRegistry gives a registry with its connectors: GET /csapi/v1.3/registry/{registryId}
// (swagger 2021). ErrNotFound if there is none.
func (c *Client) DescribeRegistry(ctx context.Context, registryID string) (api.RegistryDetails, error) {
	return decode[api.RegistryDetails](c.wire.DescribeRegistry(ctx, registryID, ids(registryID)))
}

// CreateRegistry adds a registry and gives its id, or "" when the service names none: POST
// /csapi/v1.3/registry (docs; the answer as integrations read it). ErrInvalid if its address is
// taken (our choice of the emulator).
func (c *Client) CreateRegistry(ctx context.Context, r api.RegistryRequest) (string, error) {
	response, err := c.wire.CreateRegistry(ctx, r)
	return named(response, err, "registryUuid")
}

// ValidateRegistry reports whether CreateRegistry would accept a registry: POST
// /csapi/v1.3/registry/validate (swagger 2021).
func (c *Client) ValidateRegistry(ctx context.Context, r api.RegistryRequest) (bool, error) {
	a, err := read(c.wire.ValidateRegistry(ctx, r))
	if err != nil || len(a.body) == 0 { // the empty 201 of the swagger says that nothing is wrong
		return err == nil, err
	}
	var ok bool
	if err := json.Unmarshal(a.body, &ok); err != nil {
		return false, fmt.Errorf("%s %s: %w", a.method, a.path, err)
	}
	return ok, nil
}

// UpdateRegistry replaces name, credential and connector of a registry: PUT
// /csapi/v1.3/registry/{registryId}. Type and address must be sent as they are (swagger 2021).
func (c *Client) UpdateRegistry(ctx context.Context, registryID string, r api.RegistryRequest) error {
	_, err := read(c.wire.UpdateRegistry(ctx, registryID, r, ids(registryID)))
	return err
}

// DeleteRegistry deletes a registry with all its schedules: DELETE
// /csapi/v1.3/registry/{registryId} (swagger 2021). ErrInvalid while a schedule of it is Running.
func (c *Client) DeleteRegistry(ctx context.Context, registryID string) (*Job, error) {
	job := &Job{client: c}
	if err := job.start(read(c.wire.DeleteRegistry(ctx, registryID, ids(registryID)))); err != nil {
		return nil, err
	}
	return job, nil
}

// DeleteRegistries deletes several registries: DELETE /csapi/v1.3/registry?registryIds=… (release
// notes 1.12). Those with a Running schedule, and ids that do not exist, are left out; the result
// of the job says which.
func (c *Client) DeleteRegistries(ctx context.Context, registryIDs ...string) (*Job, error) {
	if registryIDs = given(registryIDs); len(registryIDs) == 0 {
		return nil, errNothingSelected
	}
	job := &Job{client: c}
	return job.split("registryIds", registryIDs, func(part []string) (*http.Response, error) {
		// The generated method for JSON would send the body null.
		return c.wire.DeleteRegistriesWithBody(ctx, &api.DeleteRegistriesParams{RegistryIds: part}, "", nil)
	})
}
