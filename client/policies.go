package client

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
)

// CreatePolicy adds a runtime policy: POST /csapi/v1.3/runtime/policies (docs: runtime policies;
// the response is our choice). ErrInvalid for a network rule with an invalid address.
func (c *Client) CreatePolicy(ctx context.Context, p api.PolicyRequest) (api.Policy, error) {
	return decode[api.Policy](c.wire.CreatePolicy(ctx, p))
}

// DescribePolicy gives a runtime policy: GET /csapi/v1.3/runtime/policies/{policyId} (docs: runtime
// policies).
func (c *Client) DescribePolicy(ctx context.Context, policyID string) (api.Policy, error) {
	return decode[api.Policy](c.wire.DescribePolicy(ctx, policyID, ids(policyID)))
}

// UpdatePolicy replaces a runtime policy: PUT /csapi/v1.3/runtime/policies/{policyId} (docs:
// runtime policies; the response is our choice).
func (c *Client) UpdatePolicy(ctx context.Context, policyID string, p api.PolicyRequest) (api.Policy, error) {
	return decode[api.Policy](c.wire.UpdatePolicy(ctx, policyID, p, ids(policyID)))
}
