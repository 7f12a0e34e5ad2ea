package vendorapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/rule"
)

// CreateToken returns a token for a name and a password.
func (h *Handlers) CreateToken(
	ctx context.Context, r apiserver.CreateTokenRequestObject,
) (apiserver.CreateTokenResponseObject, error) {
	s := request.Of(ctx)
	token, c, err := h.Authority.Login(ctx, r.Body.Username, r.Body.Password, s.Remote)
	s.User, s.World = c.User, c.World
	if err != nil {
		return nil, err
	}
	if h.AuthStatus == http.StatusOK {
		return apiserver.CreateToken200TextResponse(token), nil
	}
	return apiserver.CreateToken201TextResponse(token), nil
}

// ListRegistries returns a page of registries.
func (h *Handlers) ListRegistries(
	ctx context.Context, r apiserver.ListRegistriesRequestObject,
) (apiserver.ListRegistriesResponseObject, error) {
	p := r.Params
	q := registry.List{List: list(p.Filter, p.Sort, p.PageNumber, p.PageSize), Type: p.RegistryType}
	page, b, err := h.Registry.ListRegistries(ctx, q)
	if restsOn(ctx, b); err == nil && h.isEmpty(len(page.Data)) {
		return apiserver.ListRegistries204Response{}, nil
	}
	return apiserver.ListRegistries200JSONResponse(page), err
}

// CreateRegistry adds a registry.
func (h *Handlers) CreateRegistry(
	ctx context.Context, r apiserver.CreateRegistryRequestObject,
) (apiserver.CreateRegistryResponseObject, error) {
	id, err := h.Registry.CreateRegistry(ctx, credential(ctx, *r.Body))
	return apiserver.CreateRegistry200JSONResponse{RegistryUUID: id}, err
}

// ValidateRegistry reports whether a registry could be added.
func (h *Handlers) ValidateRegistry(
	ctx context.Context, r apiserver.ValidateRegistryRequestObject,
) (apiserver.ValidateRegistryResponseObject, error) {
	err := h.Registry.ValidateRegistry(ctx, credential(ctx, *r.Body))
	var violation *rule.ViolationError
	if errors.As(err, &violation) {
		return apiserver.ValidateRegistry200JSONResponse(false), nil
	}
	return apiserver.ValidateRegistry200JSONResponse(true), err
}

// DescribeRegistry returns one registry.
func (h *Handlers) DescribeRegistry(
	ctx context.Context, r apiserver.DescribeRegistryRequestObject,
) (apiserver.DescribeRegistryResponseObject, error) {
	details, b, err := h.Registry.DescribeRegistry(ctx, r.RegistryID)
	restsOn(ctx, b)
	return apiserver.DescribeRegistry200JSONResponse(details), err
}

// UpdateRegistry changes a registry.
func (h *Handlers) UpdateRegistry(
	ctx context.Context, r apiserver.UpdateRegistryRequestObject,
) (apiserver.UpdateRegistryResponseObject, error) {
	err := h.Registry.UpdateRegistry(ctx, r.RegistryID, credential(ctx, *r.Body))
	return apiserver.UpdateRegistry200JSONResponse{RegistryUUID: r.RegistryID}, err
}

// DeleteRegistry deletes one registry.
func (h *Handlers) DeleteRegistry(
	ctx context.Context, r apiserver.DeleteRegistryRequestObject,
) (apiserver.DeleteRegistryResponseObject, error) {
	job, err := h.Registry.DeleteRegistry(ctx, r.RegistryID)
	return apiserver.DeleteRegistry200JSONResponse{DeletionJobID: job}, err
}

// DeleteRegistries starts a job that deletes registries. Ids of the query win over those of the
// body (inferred from the bulk calls of schedules).
func (h *Handlers) DeleteRegistries(
	ctx context.Context, r apiserver.DeleteRegistriesRequestObject,
) (apiserver.DeleteRegistriesResponseObject, error) {
	selection := registry.Select(r.Params.RegistryIds, nil)
	if len(selection.IDs) == 0 && r.Body != nil {
		selection = registry.Select(registryIDs(*r.Body), nil)
	}
	job, err := h.Registry.DeleteRegistries(ctx, selection)
	return apiserver.DeleteRegistries200JSONResponse{DeletionJobID: job}, err
}

// registryIDs reads the two forms of the body; no body, {} and [] mean no ids.
func registryIDs(body api.RegistryDeletion) []string {
	if list, err := body.AsIDList(); err == nil {
		return list
	}
	object, _ := body.AsRegistryIDObject() // empty without a body
	return object.RegistryIds
}

// ListRepositories returns a page of repositories.
func (h *Handlers) ListRepositories(
	ctx context.Context, r apiserver.ListRepositoriesRequestObject,
) (apiserver.ListRepositoriesResponseObject, error) {
	p := r.Params
	q := list(p.Filter, p.Sort, p.PageNumber, p.PageSize)
	page, b, err := h.Registry.ListRepositories(ctx, r.RegistryID, q)
	if restsOn(ctx, b); err == nil && h.isEmpty(len(page.Data)) {
		return apiserver.ListRepositories204Response{}, nil
	}
	return apiserver.ListRepositories200JSONResponse(page), err
}
