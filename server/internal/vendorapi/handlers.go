// Package vendorapi is the vendor's API over HTTP: the handlers of openapi.yaml, the versions of
// the API, the validation of requests, and the one table from errors to responses.
package vendorapi

import (
	"context"
	"net/http"

	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/report"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
)

// Handlers implement the operations of the vendor's document: each converts the request, calls the
// rules and returns the response.
type Handlers struct {
	Registry  *registry.Service
	Scans     *scan.Service
	Reports   *report.Service
	Authority *auth.Authority

	AuthStatus      int // of a successful login: 201, or 200
	EmptyListStatus int // of a page without items: 200, or 204 without a body
}

// isEmpty reports whether the response to a page is a 204 without a body, which three integrations
// expect (observed).
func (h *Handlers) isEmpty(items int) bool {
	return items == 0 && h.EmptyListStatus == http.StatusNoContent
}

// list is what the parameters of all lists have in common.
func list(filter, sort *string, page, size *int) rule.List {
	return rule.List{Filter: filter, Sort: sort, PageNumber: page, PageSize: size}
}

// restsOn sets the basis of a response, for X-QCS-Detail and for the response cache.
func restsOn(ctx context.Context, b rule.Basis) { request.Of(ctx).Basis = b }
