package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

func (p *program) connectorCommand() *cobra.Command {
	return group(
		"connector", "Access to the accounts of cloud providers",
		p.awsConnectorCommand(), p.acrConnectorCommand(), p.gcpConnectorCommand(),
	)
}

func (p *program) awsConnectorCommand() *cobra.Command {
	columns := []string{"arn", "name", "description"}
	return group("aws", "Amazon",
		getting[api.AWSBase]{
			use:   "base",
			short: "Show the account and the external id that a role must trust",
			get:   func(ctx context.Context, s *session, _ []string) (api.AWSBase, error) { return s.AWSBase(ctx) },
		}.command(p),
		listing[api.Connector]{
			use:     "list",
			short:   "List the connectors",
			whole:   true,
			columns: columns,
			list: listAll(func(c *client.Client, ctx context.Context) ([]api.Connector, error) {
				return c.ListAWSConnectors(ctx, "")
			}),
		}.command(p),
		listing[api.Connector]{
			use:     "of ACCOUNT",
			short:   "List the connectors of an AWS account",
			whole:   true,
			columns: columns,
			list:    listAllOf((*client.Client).ListAWSConnectors),
		}.command(p),
		writing[api.AWSConnectorRequest, api.Connector]{
			use:   "create",
			short: "Add a connector",
			fields: func(r *api.AWSConnectorRequest) []field {
				return []field{
					put("arn", "role", &r.Arn),
					put("name", "name", &r.Name),
					put("description", "text", &r.Description),
					put("external-id", "external id of the trust policy", &r.ExternalID),
				}
			},
			call: func(ctx context.Context, s *session, _ []string, r api.AWSConnectorRequest) (api.Connector, error) {
				shown := api.Connector{Arn: r.Arn, Name: r.Name, Description: r.Description}
				return shown, s.CreateAWSConnector(ctx, r)
			},
		}.command(p),
	)
}

func (p *program) acrConnectorCommand() *cobra.Command {
	return group("acr", "Azure",
		listing[api.ACRConnector]{
			use:     "list",
			short:   "List the connectors",
			whole:   true,
			columns: []string{"acrConnectorId", "name", "applicationId", "description"},
			list:    listAll((*client.Client).ListACRConnectors),
		}.command(p),
		describing("get CONNECTOR", "Show a connector", (*client.Client).DescribeACRConnector).command(p),
		writing[api.ACRConnectorRequest, api.ACRConnector]{
			use:   "create",
			short: "Add a connector",
			fields: func(r *api.ACRConnectorRequest) []field {
				secret := "file with the secret of the application; - for standard input"
				return []field{
					put("name", "name", &r.Name),
					put("application-id", "application", &r.ApplicationID),
					put("description", "text", &r.Description),
					putSecret("client-secret-file", secret, &r.ClientSecret),
				}
			},
			call: func(
				ctx context.Context, s *session, _ []string, r api.ACRConnectorRequest,
			) (api.ACRConnector, error) {
				id, err := s.CreateACRConnector(ctx, r)
				return api.ACRConnector{ACRConnectorID: id, Name: r.Name}, err
			},
		}.command(p),
	)
}

func (p *program) gcpConnectorCommand() *cobra.Command {
	return group("gcp", "Google",
		listing[api.GCPConnector]{
			use:     "list",
			short:   "List the connectors",
			whole:   true,
			columns: []string{"gcpConnectorId", "name", "gcpProjectId", "description"},
			list:    listAll((*client.Client).ListGCPConnectors),
		}.command(p),
		describing("get CONNECTOR", "Show a connector", (*client.Client).DescribeGCPConnector).command(p),
		p.createGCPCommand(),
	)
}

func (p *program) createGCPCommand() *cobra.Command {
	var name, description, key string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Add a connector from the key file of a service account",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" || key == "" {
				return &usageError{"give --name and --key-file"}
			}
			data, err := os.ReadFile(key)
			if err != nil {
				return err
			}
			params := api.CreateGCPConnectorParams{Name: name}
			if description != "" {
				params.Description = &description
			}
			return show(p, cmd, func(ctx context.Context, s *session) (api.GCPConnector, error) {
				id, err := s.CreateGCPConnector(ctx, params, data)
				return api.GCPConnector{GCPConnectorID: id, Name: name}, err
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name")
	cmd.Flags().StringVar(&description, "description", "", "text")
	cmd.Flags().StringVar(&key, "key-file", "", "key file of the service account (JSON)")
	return cmd
}
