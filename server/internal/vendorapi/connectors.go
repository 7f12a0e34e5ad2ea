package vendorapi

import (
	"context"
	"errors"
	"io"
	"mime/multipart"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// DescribeAWSBase returns what a trust policy needs.
func (h *Handlers) DescribeAWSBase(
	ctx context.Context, _ apiserver.DescribeAWSBaseRequestObject,
) (apiserver.DescribeAWSBaseResponseObject, error) {
	return apiserver.DescribeAWSBase200JSONResponse(h.Registry.AWSBase(ctx)), nil
}

// CreateAWSConnector adds an AWS connector.
func (h *Handlers) CreateAWSConnector(
	ctx context.Context, r apiserver.CreateAWSConnectorRequestObject,
) (apiserver.CreateAWSConnectorResponseObject, error) {
	c, err := h.Registry.CreateAWSConnector(ctx, *r.Body)
	return apiserver.CreateAWSConnector200JSONResponse(c), err
}

// ListAWSConnectors returns all AWS connectors.
func (h *Handlers) ListAWSConnectors(
	ctx context.Context, _ apiserver.ListAWSConnectorsRequestObject,
) (apiserver.ListAWSConnectorsResponseObject, error) {
	all, err := registry.Connectors[api.Connector](ctx, h.Registry, "")
	return apiserver.ListAWSConnectors200JSONResponse(all), err
}

// ListAWSConnectorsOfAccount returns the AWS connectors of an account.
func (h *Handlers) ListAWSConnectorsOfAccount(
	ctx context.Context, r apiserver.ListAWSConnectorsOfAccountRequestObject,
) (apiserver.ListAWSConnectorsOfAccountResponseObject, error) {
	all, err := registry.Connectors[api.Connector](ctx, h.Registry, r.AccountID)
	return apiserver.ListAWSConnectorsOfAccount200JSONResponse(all), err
}

// CreateACRConnector adds an Azure connector.
func (h *Handlers) CreateACRConnector(
	ctx context.Context, r apiserver.CreateACRConnectorRequestObject,
) (apiserver.CreateACRConnectorResponseObject, error) {
	c, err := h.Registry.CreateACRConnector(ctx, *r.Body)
	return apiserver.CreateACRConnector200JSONResponse(c), err
}

// ListACRConnectors returns all Azure connectors.
func (h *Handlers) ListACRConnectors(
	ctx context.Context, _ apiserver.ListACRConnectorsRequestObject,
) (apiserver.ListACRConnectorsResponseObject, error) {
	all, err := registry.Connectors[api.ACRConnector](ctx, h.Registry, "")
	return apiserver.ListACRConnectors200JSONResponse(all), err
}

// DescribeACRConnector returns one Azure connector.
func (h *Handlers) DescribeACRConnector(
	ctx context.Context, r apiserver.DescribeACRConnectorRequestObject,
) (apiserver.DescribeACRConnectorResponseObject, error) {
	c, err := registry.FindConnector[api.ACRConnector](ctx, h.Registry, r.ConnectorID)
	return apiserver.DescribeACRConnector200JSONResponse(c), err
}

// CreateGCPConnector adds a Google connector.
func (h *Handlers) CreateGCPConnector(
	ctx context.Context, r apiserver.CreateGCPConnectorRequestObject,
) (apiserver.CreateGCPConnectorResponseObject, error) {
	file, err := keyFile(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.Registry.CreateGCPConnector(ctx, r.Params, file)
	return apiserver.CreateGCPConnector200JSONResponse(c), err
}

// maxKeyFile is the maximum size of a key file; real ones have about 2 KiB.
const maxKeyFile = 64 << 10

// keyFile reads the key file in a form, which clients send under one of two names. Without one it
// returns nothing, which the rules refuse.
func keyFile(form *multipart.Reader) ([]byte, error) {
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, &formError{err}
		}
		if name := part.FormName(); name != "serviceAccountJson" && name != "file" {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(part, maxKeyFile+1))
		switch {
		case err != nil:
			return nil, &formError{err}
		case len(data) > maxKeyFile:
			return nil, &formError{errors.New("the file has more than 64 KiB")}
		}
		return data, nil
	}
}

// formError is the reason why a form cannot be read.
type formError struct{ cause error }

func (e *formError) Error() string { return "body: " + e.cause.Error() }

// ListGCPConnectors returns all Google connectors.
func (h *Handlers) ListGCPConnectors(
	ctx context.Context, _ apiserver.ListGCPConnectorsRequestObject,
) (apiserver.ListGCPConnectorsResponseObject, error) {
	all, err := registry.Connectors[api.GCPConnector](ctx, h.Registry, "")
	return apiserver.ListGCPConnectors200JSONResponse(all), err
}

// DescribeGCPConnector returns one Google connector.
func (h *Handlers) DescribeGCPConnector(
	ctx context.Context, r apiserver.DescribeGCPConnectorRequestObject,
) (apiserver.DescribeGCPConnectorResponseObject, error) {
	c, err := registry.FindConnector[api.GCPConnector](ctx, h.Registry, r.ConnectorID)
	return apiserver.DescribeGCPConnector200JSONResponse(c), err
}
