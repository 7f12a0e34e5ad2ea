package registry

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/rules"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// List selects and orders registries.
type List struct {
	rule.List
	Type *api.RegistryType // only registries of this type; nil for all
}

// ListRegistries returns a page of the registries.
func (s *Service) ListRegistries(ctx context.Context, q List) (api.Registries, rule.Basis, error) {
	return rule.Read(ctx, s.Store, func(tx *store.Tx, b *rule.Basis) (page api.Registries, err error) {
		l, err := q.Bind(store.Registries, tx, b)
		if err == nil && q.Type != nil {
			b.Chosen("parameter registryType")
			ofType := qql.Exactly("registryType", string(canonicalType(*q.Type)))
			l.Filter, err = rule.And(l.Filter, ofType, store.Registries)
		}
		if err == nil {
			page.Data, page.Count, err = tx.Registries(ctx, l)
		}
		return page, err
	})
}

// ListRepositories returns a page of the repositories of a registry.
func (s *Service) ListRepositories(
	ctx context.Context, id string, q rule.List,
) (api.Repositories, rule.Basis, error) {
	return rule.Read(ctx, s.Store, func(tx *store.Tx, b *rule.Basis) (page api.Repositories, err error) {
		if err := tx.HasRegistry(ctx, id); err != nil {
			return page, err
		}
		l, err := q.Bind(store.Repositories, tx, b)
		if err == nil {
			page.Data, page.Count, err = tx.Repositories(ctx, id, l)
		}
		return page, err
	})
}

// DescribeRegistry returns one registry.
func (s *Service) DescribeRegistry(ctx context.Context, id string) (api.RegistryDetails, rule.Basis, error) {
	return rule.Read(ctx, s.Store, func(tx *store.Tx, _ *rule.Basis) (api.RegistryDetails, error) {
		return tx.Registry(ctx, id)
	})
}

// CreateRegistry adds a registry and returns its id. Credentials are dropped but for the user name.
func (s *Service) CreateRegistry(ctx context.Context, body api.RegistryRequest) (string, error) {
	if err := checkRegistry(body); err != nil {
		return "", err
	}
	r := WithRequest(api.RegistryDetails{RegistryUUID: call.ID(ctx, s.NewID), RegistryURI: body.RegistryURI}, body)
	err := s.write(ctx, func(tx *store.Tx) error {
		r.Created, r.Updated = tx.Now, tx.Now
		if err := s.connect(ctx, tx, &r, body); err != nil {
			return err
		}
		err := tx.InsertRegistry(ctx, r)
		if errors.Is(err, store.ErrDuplicate) {
			return errTaken
		}
		return err
	})
	return r.RegistryUUID, err
}

// errTaken refuses a second registry with the same address.
var errTaken = rule.Errorf(openapi.DuplicateURI, "A registry with this registryUri exists already.")

// errDryRun rolls back a transaction that only tests whether it would succeed.
var errDryRun = errors.New("dry run")

// ValidateRegistry returns a *rule.ViolationError if CreateRegistry would refuse a body.
func (s *Service) ValidateRegistry(ctx context.Context, body api.RegistryRequest) error {
	if err := checkRegistry(body); err != nil {
		return err
	}
	err := s.write(ctx, func(tx *store.Tx) error {
		taken, err := tx.HasURI(ctx, body.RegistryURI)
		if err != nil {
			return err
		}
		if taken {
			return errTaken
		}
		r := WithRequest(api.RegistryDetails{}, body)
		if err := s.connect(ctx, tx, &r, body); err != nil {
			return err
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// UpdateRegistry replaces the fields of a registry that can change. Swagger 2021: "registryType and
// registryUri are required even though they are not updatable".
func (s *Service) UpdateRegistry(ctx context.Context, id string, body api.RegistryRequest) error {
	return s.write(ctx, func(tx *store.Tx) error {
		r, err := tx.Registry(ctx, id)
		if err != nil {
			return err
		}
		switch {
		case canonicalType(body.RegistryType) != r.RegistryType:
			return rule.Errorf(openapi.FixedField, "registryType cannot be updated.")
		case body.RegistryURI != r.RegistryURI:
			return rule.Errorf(openapi.FixedField, "registryUri cannot be updated.")
		}
		if err := checkRegistry(body); err != nil {
			return err
		}
		r = WithRequest(r, body)
		if err := s.connect(ctx, tx, &r, body); err != nil {
			return err
		}
		return tx.UpdateRegistry(ctx, r)
	})
}

// DeleteRegistry hides a registry and starts the job that deletes it.
func (s *Service) DeleteRegistry(ctx context.Context, id string) (string, error) {
	job := s.newJob(ctx, control.JobKindDeleteRegistries, "", store.Selection{IDs: []string{id}})
	err := s.write(ctx, func(tx *store.Tx) error {
		counts, err := tx.CountsOf(ctx, id)
		if err == nil {
			err = deletable(counts)
		}
		if err != nil {
			return err
		}
		if _, err := tx.HideRegistry(ctx, id, job.JobID); err != nil {
			return err
		}
		return accept(ctx, tx, &job, 1)
	})
	return s.started(ctx, job, err)
}

// DeleteRegistries starts a job that deletes registries, each of them completely or not at all.
func (s *Service) DeleteRegistries(ctx context.Context, selection store.Selection) (string, error) {
	if len(selection.IDs) == 0 {
		return "", rule.Errorf(openapi.NoSelection, "No registry is named.")
	}
	job := s.newJob(ctx, control.JobKindDeleteRegistries, "", selection)
	err := s.write(ctx, func(tx *store.Tx) error { return accept(ctx, tx, &job, len(selection.IDs)) })
	return s.started(ctx, job, err)
}

// deletable refuses a registry that has a schedule in a state which forbids deletion.
func deletable(counts store.Counts) error {
	for _, status := range rules.BlockDeletion {
		if n := counts[string(status)]; n > 0 {
			return rule.Errorf(openapi.RunningSchedule,
				"The registry cannot be deleted: it has schedules in state %s (%d).", status, n)
		}
	}
	return nil
}

// WithRequest returns a registry with what a request sets. Passwords and tokens are dropped here.
func WithRequest(r api.RegistryDetails, body api.RegistryRequest) api.RegistryDetails {
	r.RegistryType = canonicalType(body.RegistryType)
	r.RegistryName = cmp.Or(body.RegistryName, r.RegistryName, scan.Host(body.RegistryURI))
	r.CredentialType = body.CredentialType
	r.Credential.Username = body.Credential.Username
	r.DockerHubOrg = body.DockerHubOrgName
	r.ProviderType, r.AWS = "", api.AWS{}
	switch r.RegistryType {
	case api.RegistryTypeAWS:
		r.ProviderType = "AWS"
		r.AWS = api.AWS{
			AccountID: cmp.Or(body.AWS.AccountID, AccountOf(body.AWS.Arn)), AccountType: string(body.AWS.AccountType),
			Arn: body.AWS.Arn, Region: body.AWS.Region,
		}
	case api.RegistryTypeDockerHub:
		r.ProviderType = "DockerHub"
	}
	return r
}

// canonicalType returns the type of a registry as responses name it: Azure for its second name ACR.
func canonicalType(t api.RegistryType) api.RegistryType {
	if t == api.RegistryTypeACR {
		return api.RegistryTypeAzure
	}
	return t
}

// checkRegistry applies the rules that depend on several fields of a body.
func checkRegistry(body api.RegistryRequest) error {
	needs := func(group string) error {
		return rule.Errorf(openapi.TypeNeedsGroup, "registryType %s needs %s.", body.RegistryType, group)
	}
	switch t := canonicalType(body.RegistryType); {
	case t == api.RegistryTypeAWS && body.AWS.Arn == "":
		return needs("aws with arn and region")
	case t == api.RegistryTypeAWS && body.AWS.AccountType == api.AWSRequestAccountTypeUSGov &&
		!strings.HasPrefix(body.AWS.Region, "us-gov-"):
		return rule.Errorf(openapi.GovRegion, "accountType US_Gov needs a GovCloud region.")
	case t == api.RegistryTypeAzure && body.ACR == (api.ACRRequest{}):
		return needs("acr with connectorId or connectorName")
	case t == api.RegistryTypeGCP && body.GCP == (api.GCPRequest{}):
		return needs("gcp with connectorId, location and projectId")
	case t == api.RegistryTypeGoogleArtifactRegistry && body.GCAR == (api.GCARRequest{}):
		return needs("gcar with connectorId, projectId and registry")
	}
	return checkCredential(body)
}

// checkCredential applies the rules of credentialType; which fields it needs is inferred.
func checkCredential(body api.RegistryRequest) error {
	needs := func(what string) error {
		return rule.Errorf(openapi.NeedsCredential, "credentialType %s needs %s.", body.CredentialType, what)
	}
	switch body.CredentialType {
	case api.CredentialTypeBasicAuth, api.CredentialTypeDockerHub:
		if body.Credential.Username == "" || body.Credential.Password == "" {
			return needs("credential with username and password")
		}
	case api.CredentialTypeToken:
		if body.AccessToken == "" && body.Credential.Password == "" {
			return needs("accessToken, or credential with password")
		}
	}
	if strings.ContainsAny(body.Credential.Username, "\r\n") {
		return needs("a user name without line breaks")
	}
	return nil
}
