package vendorapi

import (
	"context"

	"github.com/qcsdev/qcs/gen/apiserver"
)

// CreatePolicy adds a runtime policy.
func (h *Handlers) CreatePolicy(
	ctx context.Context, r apiserver.CreatePolicyRequestObject,
) (apiserver.CreatePolicyResponseObject, error) {
	policy, err := h.Registry.CreatePolicy(ctx, *r.Body)
	return apiserver.CreatePolicy200JSONResponse(policy), err
}

// DescribePolicy returns a runtime policy.
func (h *Handlers) DescribePolicy(
	ctx context.Context, r apiserver.DescribePolicyRequestObject,
) (apiserver.DescribePolicyResponseObject, error) {
	policy, err := h.Registry.DescribePolicy(ctx, r.PolicyID)
	return apiserver.DescribePolicy200JSONResponse(policy), err
}

// UpdatePolicy replaces a runtime policy.
func (h *Handlers) UpdatePolicy(
	ctx context.Context, r apiserver.UpdatePolicyRequestObject,
) (apiserver.UpdatePolicyResponseObject, error) {
	policy, err := h.Registry.UpdatePolicy(ctx, r.PolicyID, *r.Body)
	return apiserver.UpdatePolicy200JSONResponse(policy), err
}
