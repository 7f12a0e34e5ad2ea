package registry

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/store"
)

// PolicyError refuses a runtime policy. Its response has its own format (release notes 1.12).
type PolicyError struct{ Msg string }

func (e *PolicyError) Error() string { return e.Msg }

// CreatePolicy adds a runtime policy.
func (s *Service) CreatePolicy(ctx context.Context, body api.PolicyRequest) (p api.Policy, err error) {
	if err := checkPolicy(body); err != nil {
		return p, err
	}
	err = s.write(ctx, func(tx *store.Tx) error {
		p = s.withPolicy(ctx, api.Policy{ID: s.policyID(ctx), Created: tx.Now.Time()}, body, tx.Now.Time())
		return tx.PutPolicy(ctx, p)
	})
	return p, err
}

// DescribePolicy returns a runtime policy.
func (s *Service) DescribePolicy(ctx context.Context, id string) (api.Policy, error) {
	return store.ReadValue(ctx, s.Store, call.World(ctx), func(tx *store.Tx) (api.Policy, error) {
		return tx.Policy(ctx, id)
	})
}

// UpdatePolicy replaces a runtime policy. Rules with existing ids keep id and time of creation.
func (s *Service) UpdatePolicy(ctx context.Context, id string, body api.PolicyRequest) (p api.Policy, err error) {
	if err := checkPolicy(body); err != nil {
		return p, err
	}
	err = s.write(ctx, func(tx *store.Tx) error {
		before, err := tx.Policy(ctx, id)
		if err != nil {
			return err
		}
		p = s.withPolicy(ctx, before, body, tx.Now.Time())
		return tx.PutPolicy(ctx, p)
	})
	return p, err
}

// policyID returns a new id like the vendor's: 24 hexadecimal digits.
func (s *Service) policyID(ctx context.Context) string {
	return strings.ReplaceAll(call.ID(ctx, s.NewID), "-", "")[:24]
}

// withPolicy returns a policy with what a request sets.
func (s *Service) withPolicy(ctx context.Context, before api.Policy, body api.PolicyRequest, now time.Time) api.Policy {
	existing := map[string]api.PolicyRule{}
	for _, r := range before.Rules {
		existing[r.ID] = r
	}
	p := api.Policy{
		ID: before.ID, Created: before.Created, Updated: now,
		Name: body.Name, Description: body.Description, PolicyMode: body.PolicyMode,
		DefaultNetworkAction: body.DefaultNetworkAction, DefaultExecuteAction: body.DefaultExecuteAction,
		DefaultFileAction: body.DefaultFileAction, IgnoredSyscalls: body.IgnoredSyscalls,
		Rules: []api.PolicyRule{},
	}
	for _, r := range body.Rules {
		old, known := existing[r.ID]
		r.Created, r.Updated = old.Created, now
		if !known {
			r.ID, r.Created = s.policyID(ctx), now
		}
		delete(existing, r.ID)
		p.Rules = append(p.Rules, r)
	}
	return p
}

// checkPolicy refuses network rules without an address, and texts that are not addresses.
func checkPolicy(body api.PolicyRequest) error {
	for i, r := range body.Rules {
		network := r.RuleType == api.PolicyRuleRuleTypeNETWORKINBOUND ||
			r.RuleType == api.PolicyRuleRuleTypeNETWORKOUTBOUND
		if (network || r.IPAddress != "") && !isAddress(r.IPAddress) {
			return &PolicyError{fmt.Sprintf(
				"body at /rules/%d/ipAddress: not an IPv4 or IPv6 address, a network in CIDR form, or *", i)}
		}
	}
	return nil
}

// isAddress reports whether a text is an address, a network or * for all (forms: our choice).
func isAddress(text string) bool {
	if text == "*" {
		return true
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	address, err := netip.ParseAddr(text)
	return err == nil && address.Zone() == ""
}
