package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

func (p *program) registryCommand() *cobra.Command {
	reference := func(id string) api.RegistryReference { return api.RegistryReference{RegistryUUID: id} }
	details := describing("get REGISTRY", "Show a registry", (*client.Client).DescribeRegistry)
	details.complete = p.completeRegistry
	return group("registry", "Image registries",
		p.listRegistriesCommand(),
		details.command(p),
		writing[api.RegistryRequest, api.RegistryReference]{
			use:    "create",
			short:  "Add a registry",
			fields: registryFields,
			call:   create((*client.Client).CreateRegistry, reference),
		}.command(p),
		writing[api.RegistryRequest, api.RegistryReference]{
			use:      "update REGISTRY",
			short:    "Replace name, credential and connector of a registry",
			fields:   registryFields,
			complete: p.completeRegistry,
			call:     update((*client.Client).UpdateRegistry, reference),
		}.command(p),
		writing[api.RegistryRequest, valid]{
			use: "validate", short: "Check the data of a registry before creating it", fields: registryFields,
			call: func(ctx context.Context, s *session, _ []string, r api.RegistryRequest) (valid, error) {
				ok, err := s.ValidateRegistry(ctx, r)
				if err == nil && !ok {
					err = fmt.Errorf("%w: the registry could not be created", client.ErrInvalid)
				}
				return valid{ok}, err
			},
		}.command(p),
		p.deleteRegistriesCommand(),
	)
}

func (p *program) listRegistriesCommand() *cobra.Command {
	var kind string
	return listing[api.Registry]{
		use:   "list",
		short: "List registries",
		columns: []string{
			"registryUuid", "registryName", "registryUri", "registryType", "repoCount", "totalImages", "updated",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&kind, "type", "", "only registries of this type, such as AWS or V2_PRIVATE")
		},
		list: func(ctx context.Context, s *session, _ []string, l client.List) iter.Seq2[api.Registry, error] {
			if kind == "" {
				return s.ListRegistries(ctx, l)
			}
			return s.ListRegistries(ctx, l, client.OfType(api.RegistryType(kind)))
		},
	}.command(p)
}

// valid is the result of validate.
type valid struct {
	Valid bool `json:"valid"`
}

// registryFields are the flags for the common fields of a registry; a file can have the others.
func registryFields(r *api.RegistryRequest) []field {
	return []field{
		put("uri", "address, such as https://registry.example.com", &r.RegistryURI),
		put("name", "name", &r.RegistryName),
		put("type", "type, such as AWS, Azure, GCP, V2 or V2_PRIVATE", &r.RegistryType),
		put("credential-type", "login to the registry, such as None, BasicAuth or AWS", &r.CredentialType),
		put("username", "user name for the registry", &r.Credential.Username),
		put("aws-arn", "role of an AWS registry", &r.AWS.Arn),
		put("aws-region", "region of an AWS registry", &r.AWS.Region),
		putSecret(
			"registry-password-file", "file with the registry password; - for standard input", &r.Credential.Password,
		),
	}
}

func (p *program) repositoryCommand() *cobra.Command {
	return group("repository", "Repositories of a registry", listing[api.Repository]{
		use:      "list REGISTRY",
		short:    "List the repositories of a registry",
		columns:  []string{"repoName", "totalImages", "totalScannedImages", "totalVulnerableImages"},
		complete: p.completeRegistry,
		list:     listOf((*client.Client).ListRepositories),
	}.command(p))
}
