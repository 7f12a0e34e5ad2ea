package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// handlers answer the operations of the vendor's document: each translates, calls the rules and
// names the answer.
type handlers struct {
	registry  *registry.Service
	authority *authority
	options   Options
}

// empty reports whether a page is to be answered as 204 without a body, as three integrations
// expect it (observed).
func (h *handlers) empty(items int) bool {
	return items == 0 && h.options.EmptyListStatus == http.StatusNoContent
}

// CreateToken answers a token for a name and a password.
func (h *handlers) CreateToken(
	ctx context.Context, r apiserver.CreateTokenRequestObject,
) (apiserver.CreateTokenResponseObject, error) {
	token, err := h.authority.login(ctx, r.Body.Username, r.Body.Password)
	if err != nil {
		return nil, err
	}
	if h.options.AuthStatus == http.StatusOK {
		return apiserver.CreateToken200TextResponse(token), nil
	}
	return apiserver.CreateToken201TextResponse(token), nil
}

// ListRegistries answers a page of registries.
func (h *handlers) ListRegistries(
	ctx context.Context, r apiserver.ListRegistriesRequestObject,
) (apiserver.ListRegistriesResponseObject, error) {
	page, err := h.registry.ListRegistries(ctx, r.Params)
	if err == nil && h.empty(len(page.Data)) {
		return apiserver.ListRegistries204Response{}, nil
	}
	return apiserver.ListRegistries200JSONResponse(page), err
}

// CreateRegistry adds a registry.
func (h *handlers) CreateRegistry(
	ctx context.Context, r apiserver.CreateRegistryRequestObject,
) (apiserver.CreateRegistryResponseObject, error) {
	id, err := h.registry.CreateRegistry(ctx, credential(ctx, *r.Body))
	return apiserver.CreateRegistry200JSONResponse{RegistryUUID: id}, err
}

// ValidateRegistry answers whether a registry could be added.
func (h *handlers) ValidateRegistry(
	ctx context.Context, r apiserver.ValidateRegistryRequestObject,
) (apiserver.ValidateRegistryResponseObject, error) {
	err := h.registry.ValidateRegistry(ctx, credential(ctx, *r.Body))
	var broken *registry.RuleError
	if errors.As(err, &broken) {
		return apiserver.ValidateRegistry200JSONResponse(false), nil
	}
	return apiserver.ValidateRegistry200JSONResponse(true), err
}

// DescribeRegistry answers one registry.
func (h *handlers) DescribeRegistry(
	ctx context.Context, r apiserver.DescribeRegistryRequestObject,
) (apiserver.DescribeRegistryResponseObject, error) {
	details, err := h.registry.DescribeRegistry(ctx, r.RegistryID)
	return apiserver.DescribeRegistry200JSONResponse(details), err
}

// UpdateRegistry changes a registry.
func (h *handlers) UpdateRegistry(
	ctx context.Context, r apiserver.UpdateRegistryRequestObject,
) (apiserver.UpdateRegistryResponseObject, error) {
	err := h.registry.UpdateRegistry(ctx, r.RegistryID, credential(ctx, *r.Body))
	return apiserver.UpdateRegistry200JSONResponse{RegistryUUID: r.RegistryID}, err
}

// DeleteRegistry deletes one registry.
func (h *handlers) DeleteRegistry(
	ctx context.Context, r apiserver.DeleteRegistryRequestObject,
) (apiserver.DeleteRegistryResponseObject, error) {
	job, err := h.registry.DeleteRegistry(ctx, r.RegistryID)
	return apiserver.DeleteRegistry200JSONResponse{DeletionJobID: job}, err
}

// DeleteRegistries starts a job that deletes registries. Ids of the query win over those of the
// body (inferred from the bulk calls of schedules).
func (h *handlers) DeleteRegistries(
	ctx context.Context, r apiserver.DeleteRegistriesRequestObject,
) (apiserver.DeleteRegistriesResponseObject, error) {
	selection := registry.Select(r.Params.RegistryIds, nil)
	if len(selection.IDs) == 0 && r.Body != nil {
		selection = registry.Select(registryIDs(*r.Body), nil)
	}
	job, err := h.registry.DeleteRegistries(ctx, selection)
	return apiserver.DeleteRegistries200JSONResponse{DeletionJobID: job}, err
}

// registryIDs reads the two older forms; no body, {} and [] mean none.
func registryIDs(body api.RegistryDeletion) []string {
	if list, err := body.AsIDList(); err == nil {
		return list
	}
	object, _ := body.AsRegistryIDObject() // empty without a body
	return object.RegistryIds
}

// ListRepositories answers a page of repositories.
func (h *handlers) ListRepositories(
	ctx context.Context, r apiserver.ListRepositoriesRequestObject,
) (apiserver.ListRepositoriesResponseObject, error) {
	page, err := h.registry.ListRepositories(ctx, r.RegistryID, registry.Query(r.Params))
	if err == nil && h.empty(len(page.Data)) {
		return apiserver.ListRepositories204Response{}, nil
	}
	return apiserver.ListRepositories200JSONResponse(page), err
}
