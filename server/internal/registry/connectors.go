package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// serviceAccount is the invented AWS account that would assume the roles of connectors.
const serviceAccount = "123456789012"

// AWSBase returns the account of the service and the external id of the world. The id is a hash of
// the name of the world and fits an int32, the type that clients use (observed).
func (s *Service) AWSBase(ctx context.Context) api.AWSBase {
	h := fnv.New32a()
	_, _ = h.Write([]byte(call.World(ctx))) // cannot fail
	return api.AWSBase{AccountID: serviceAccount, ExternalID: int64(h.Sum32()>>1) | 1<<29}
}

// CreateAWSConnector adds a connector for a role.
func (s *Service) CreateAWSConnector(ctx context.Context, body api.AWSConnectorRequest) (api.Connector, error) {
	c := api.Connector{Arn: body.Arn, Name: cmp.Or(body.Name, roleOf(body.Arn)), Description: body.Description}
	return c, insertConnector(ctx, s, c, AccountOf(c.Arn))
}

// CreateACRConnector adds a connector for an application of Azure. Its secret is not stored.
func (s *Service) CreateACRConnector(ctx context.Context, body api.ACRConnectorRequest) (api.ACRConnector, error) {
	c := api.ACRConnector{
		ACRConnectorID: cmp.Or(body.ConnectorID, call.ID(ctx, s.NewID)), ApplicationID: body.ApplicationID,
		Name: body.Name, Description: body.Description,
	}
	setBothIDs(&c)
	return c, insertConnector(ctx, s, c, "")
}

// serviceAccountKey is the key file of a Google service account.
type serviceAccountKey struct {
	Type       string `json:"type"`
	Project    string `json:"project_id"`
	Email      string `json:"client_email"`
	PrivateKey string `json:"private_key"`
}

func (k serviceAccountKey) complete() bool {
	return k.Type == "service_account" && k.Project != "" && k.Email != "" && k.PrivateKey != ""
}

// CreateGCPConnector adds a connector for a service account. It stores the project of the key only.
func (s *Service) CreateGCPConnector(
	ctx context.Context, params api.CreateGCPConnectorParams, keyFile []byte,
) (api.GCPConnector, error) {
	var key serviceAccountKey
	if json.Unmarshal(keyFile, &key) != nil || !key.complete() {
		return api.GCPConnector{}, rule.Errorf(openapi.ServiceAccountFile, "The file is not the key file of "+
			"a service account: type, project_id, client_email and private_key are needed.")
	}
	c := api.GCPConnector{
		GCPConnectorID: rule.Or(params.ConnectorID, ""), GCPProjectID: key.Project,
		Name: params.Name, Description: rule.Or(params.Description, ""),
	}
	if c.GCPConnectorID == "" {
		c.GCPConnectorID = call.ID(ctx, s.NewID)
	}
	return c, insertConnector(ctx, s, c, "")
}

func insertConnector[C store.Connector](ctx context.Context, s *Service, c C, account string) error {
	return s.write(ctx, func(tx *store.Tx) error {
		err := store.InsertConnector(ctx, tx, c, account)
		if errors.Is(err, store.ErrDuplicate) {
			return rule.Errorf(openapi.DuplicateConnector, "A connector with this role, id or name exists already.")
		}
		return err
	})
}

// Connectors lists the connectors of a kind; only those of an AWS account unless it is empty.
func Connectors[C store.Connector](ctx context.Context, s *Service, account string) ([]C, error) {
	all, err := store.ReadValue(ctx, s.Store, call.World(ctx), func(tx *store.Tx) ([]C, error) {
		return store.Connectors[C](ctx, tx, account)
	})
	for i := range all {
		setBothIDs(&all[i])
	}
	return all, err
}

// FindConnector returns a connector of Azure or Google.
func FindConnector[C store.Connector](ctx context.Context, s *Service, id string) (C, error) {
	c, err := store.ReadValue(ctx, s.Store, call.World(ctx), func(tx *store.Tx) (C, error) {
		return store.FindConnector[C](ctx, tx, id, "")
	})
	setBothIDs(&c)
	return c, err
}

// setBothIDs copies the id of an Azure connector to the second field that clients read (observed).
func setBothIDs[C store.Connector](c *C) {
	if c, ok := any(c).(*api.ACRConnector); ok {
		c.ConnectorID = c.ACRConnectorID
	}
}

// connect adds to a registry its connector. Docs: an ARN names an existing AWS connector or creates
// a new one; the others must exist (inferred from the checks of ValidateRegistry).
func (s *Service) connect(ctx context.Context, tx *store.Tx, r *api.RegistryDetails, body api.RegistryRequest) error {
	r.Connectors = []api.Connector{}
	var id, location string
	switch r.RegistryType {
	case api.RegistryTypeAWS:
		c, err := store.FindConnector[api.Connector](ctx, tx, body.AWS.Arn, "")
		if errors.Is(err, store.ErrNotFound) {
			c = api.Connector{Arn: body.AWS.Arn, Name: roleOf(body.AWS.Arn)}
			err = store.InsertConnector(ctx, tx, c, AccountOf(c.Arn))
		}
		r.AWS.Name, r.AWS.Description = c.Name, c.Description
		r.Connectors = append(r.Connectors, c)
		return err
	case api.RegistryTypeAzure:
		c, err := store.FindConnector[api.ACRConnector](ctx, tx, body.ACR.ConnectorID, body.ACR.ConnectorName)
		name := cmp.Or(c.Name, body.ACR.ConnectorName, body.ACR.ConnectorID)
		return s.addConnector(r, api.Connector{Name: name, Description: c.Description}, err)
	case api.RegistryTypeGCP:
		id, location = body.GCP.ConnectorID, body.GCP.Location
	case api.RegistryTypeGoogleArtifactRegistry:
		id = body.GCAR.ConnectorID
	default:
		return nil
	}
	c, err := store.FindConnector[api.GCPConnector](ctx, tx, id, "")
	if err == nil && location != "" {
		err = tx.SetLocation(ctx, c.GCPConnectorID, location)
	}
	return s.addConnector(r, api.Connector{Name: cmp.Or(c.Name, id), Description: c.Description}, err)
}

// addConnector adds a connector to a registry; err is the error of reading the connector. A
// connector that does not exist is refused, unless the service is lenient.
func (s *Service) addConnector(r *api.RegistryDetails, c api.Connector, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		if !s.Lenient {
			return rule.Errorf(openapi.UnknownConnector, "There is no connector %q.", c.Name)
		}
		err = nil
	}
	r.Connectors = append(r.Connectors, c)
	return err
}

// roleOf returns the name of the role in an ARN such as arn:aws:iam::123456789012:role/scan-role.
func roleOf(arn string) string { return arn[strings.LastIndexAny(arn, ":/")+1:] }

// AccountOf returns the account in an ARN.
func AccountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}
