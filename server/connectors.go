package server

import (
	"context"
	"errors"
	"io"
	"mime/multipart"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// DescribeAWSBase answers what a trust policy needs.
func (h *handlers) DescribeAWSBase(
	ctx context.Context, _ apiserver.DescribeAWSBaseRequestObject,
) (apiserver.DescribeAWSBaseResponseObject, error) {
	return apiserver.DescribeAWSBase200JSONResponse(h.registry.AWSBase(ctx)), nil
}

// CreateAWSConnector adds an AWS connector.
func (h *handlers) CreateAWSConnector(
	ctx context.Context, r apiserver.CreateAWSConnectorRequestObject,
) (apiserver.CreateAWSConnectorResponseObject, error) {
	c, err := h.registry.CreateAWSConnector(ctx, *r.Body)
	return apiserver.CreateAWSConnector200JSONResponse(c), err
}

// ListAWSConnectors answers all AWS connectors.
func (h *handlers) ListAWSConnectors(
	ctx context.Context, _ apiserver.ListAWSConnectorsRequestObject,
) (apiserver.ListAWSConnectorsResponseObject, error) {
	all, err := registry.Connectors[api.Connector](ctx, h.registry, "")
	return apiserver.ListAWSConnectors200JSONResponse(all), err
}

// ListAWSConnectorsOfAccount answers the AWS connectors of an account.
func (h *handlers) ListAWSConnectorsOfAccount(
	ctx context.Context, r apiserver.ListAWSConnectorsOfAccountRequestObject,
) (apiserver.ListAWSConnectorsOfAccountResponseObject, error) {
	all, err := registry.Connectors[api.Connector](ctx, h.registry, r.AccountID)
	return apiserver.ListAWSConnectorsOfAccount200JSONResponse(all), err
}

// CreateACRConnector adds an Azure connector.
func (h *handlers) CreateACRConnector(
	ctx context.Context, r apiserver.CreateACRConnectorRequestObject,
) (apiserver.CreateACRConnectorResponseObject, error) {
	c, err := h.registry.CreateACRConnector(ctx, *r.Body)
	return apiserver.CreateACRConnector200JSONResponse(c), err
}

// ListACRConnectors answers all Azure connectors.
func (h *handlers) ListACRConnectors(
	ctx context.Context, _ apiserver.ListACRConnectorsRequestObject,
) (apiserver.ListACRConnectorsResponseObject, error) {
	all, err := registry.Connectors[api.ACRConnector](ctx, h.registry, "")
	return apiserver.ListACRConnectors200JSONResponse(all), err
}

// DescribeACRConnector answers one Azure connector.
func (h *handlers) DescribeACRConnector(
	ctx context.Context, r apiserver.DescribeACRConnectorRequestObject,
) (apiserver.DescribeACRConnectorResponseObject, error) {
	c, err := registry.FindConnector[api.ACRConnector](ctx, h.registry, r.ConnectorID)
	return apiserver.DescribeACRConnector200JSONResponse(c), err
}

// CreateGCPConnector adds a Google connector.
func (h *handlers) CreateGCPConnector(
	ctx context.Context, r apiserver.CreateGCPConnectorRequestObject,
) (apiserver.CreateGCPConnectorResponseObject, error) {
	file, err := keyFile(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.registry.CreateGCPConnector(ctx, r.Params, file)
	return apiserver.CreateGCPConnector200JSONResponse(c), err
}

// maxKeyFile bounds a key file; real ones have about 2 KiB.
const maxKeyFile = 64 << 10

// keyFile reads the part of a form that is a key file, under either of the names that clients give
// it. None gives nothing, which the rules refuse.
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

// formError says why a form cannot be read.
type formError struct{ cause error }

func (e *formError) Error() string { return "body: " + e.cause.Error() }

// ListGCPConnectors answers all Google connectors.
func (h *handlers) ListGCPConnectors(
	ctx context.Context, _ apiserver.ListGCPConnectorsRequestObject,
) (apiserver.ListGCPConnectorsResponseObject, error) {
	all, err := registry.Connectors[api.GCPConnector](ctx, h.registry, "")
	return apiserver.ListGCPConnectors200JSONResponse(all), err
}

// DescribeGCPConnector answers one Google connector.
func (h *handlers) DescribeGCPConnector(
	ctx context.Context, r apiserver.DescribeGCPConnectorRequestObject,
) (apiserver.DescribeGCPConnectorResponseObject, error) {
	c, err := registry.FindConnector[api.GCPConnector](ctx, h.registry, r.ConnectorID)
	return apiserver.DescribeGCPConnector200JSONResponse(c), err
}
