package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
)

// AWSBase gives the account and the external id for the trust policy of a role: GET
// /csapi/v1.3/registry/aws-base (swagger 2021).
func (c *Client) AWSBase(ctx context.Context) (api.AWSBase, error) {
	base, err := decode[struct {
		AccountID  string
		ExternalID json.RawMessage // a number, or a string with one (observed)
	}](c.wire.DescribeAWSBase(ctx))
	text := strings.Trim(string(base.ExternalID), `"`)
	if err != nil || text == "" || text == "null" {
		return api.AWSBase{AccountID: base.AccountID}, err
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		err = fmt.Errorf("GET /csapi/v1.3/registry/aws-base: externalId is not a number: %w", err)
	}
	return api.AWSBase{AccountID: base.AccountID, ExternalID: id}, err
}

// CreateAWSConnector adds an AWS connector: POST /csapi/v1.3/registry/aws/connector (swagger 2021).
// ErrInvalid if the role already has a connector (a choice of the emulator).
func (c *Client) CreateAWSConnector(ctx context.Context, r api.AWSConnectorRequest) error {
	_, err := read(c.wire.CreateAWSConnector(ctx, r))
	return err
}

// ListAWSConnectors gives the AWS connectors, or those of one account if accountID is not empty:
// GET /csapi/v1.3/registry/aws/connectors and …/{accountId} (observed).
func (c *Client) ListAWSConnectors(ctx context.Context, accountID string) ([]api.Connector, error) {
	if accountID != "" {
		return decode[[]api.Connector](c.wire.ListAWSConnectorsOfAccount(ctx, accountID, ids(accountID)))
	}
	return decode[[]api.Connector](c.wire.ListAWSConnectors(ctx))
}

// CreateACRConnector adds an Azure connector and gives its id, or "" when the response has none:
// POST /csapi/v1.3/registry/acr/connector (swagger 2021).
func (c *Client) CreateACRConnector(ctx context.Context, r api.ACRConnectorRequest) (string, error) {
	response, err := c.wire.CreateACRConnector(ctx, r)
	return idOf(response, err, "acrConnectorId", "connectorId")
}

// ListACRConnectors gives the Azure connectors: GET /csapi/v1.3/registry/acr/connectors (swagger
// 2021).
func (c *Client) ListACRConnectors(ctx context.Context) ([]api.ACRConnector, error) {
	return decode[[]api.ACRConnector](c.wire.ListACRConnectors(ctx))
}

// DescribeACRConnector gives an Azure connector: GET
// /csapi/v1.3/registry/acr/connector/{connectorId} (swagger 2021).
func (c *Client) DescribeACRConnector(ctx context.Context, connectorID string) (api.ACRConnector, error) {
	return decode[api.ACRConnector](c.wire.DescribeACRConnector(ctx, connectorID, ids(connectorID)))
}

// CreateGCPConnector adds a Google connector from the key file of a service account and gives its
// id, or "" when the response has none: POST /csapi/v1.3/registry/gcp/connector (swagger 2021).
func (c *Client) CreateGCPConnector(
	ctx context.Context, params api.CreateGCPConnectorParams, keyFile []byte,
) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("serviceAccountJson", "service-account.json")
	if err == nil {
		_, err = part.Write(keyFile)
	}
	if err := errors.Join(err, form.Close()); err != nil {
		return "", err
	}
	response, err := c.wire.CreateGCPConnectorWithBody(ctx, &params, form.FormDataContentType(), &body)
	return idOf(response, err, "gcpConnectorId", "connectorId")
}

// ListGCPConnectors gives the Google connectors: GET /csapi/v1.3/registry/gcp/connectors (swagger
// 2021).
func (c *Client) ListGCPConnectors(ctx context.Context) ([]api.GCPConnector, error) {
	return decode[[]api.GCPConnector](c.wire.ListGCPConnectors(ctx))
}

// DescribeGCPConnector gives a Google connector: GET
// /csapi/v1.3/registry/gcp/connector/{connectorId} (swagger 2021).
func (c *Client) DescribeGCPConnector(ctx context.Context, connectorID string) (api.GCPConnector, error) {
	return decode[api.GCPConnector](c.wire.DescribeGCPConnector(ctx, connectorID, ids(connectorID)))
}
