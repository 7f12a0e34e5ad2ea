package main_test

import (
	"context"
	"errors"

	. "github.com/qcsdev/qcs/gen/apiserver"
)

// catcher is a server whose operations keep the request and return errCaught.
type catcher struct{ caught any }

// errCaught shows that an operation was called.
var errCaught = errors.New("caught")

func take[T any](c *catcher, request any) (response T, err error) {
	c.caught = request
	return response, errCaught
}

func (c *catcher) CreateToken(_ context.Context, r CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	return take[CreateTokenResponseObject](c, r)
}

func (c *catcher) ListImages(_ context.Context, r ListImagesRequestObject) (ListImagesResponseObject, error) {
	return take[ListImagesResponseObject](c, r)
}

func (c *catcher) DescribeImage(_ context.Context, r DescribeImageRequestObject) (DescribeImageResponseObject, error) {
	return take[DescribeImageResponseObject](c, r)
}

func (c *catcher) ListAssociatedRegistries(
	_ context.Context, r ListAssociatedRegistriesRequestObject,
) (ListAssociatedRegistriesResponseObject, error) {
	return take[ListAssociatedRegistriesResponseObject](c, r)
}

func (c *catcher) ListVulnerabilities(
	_ context.Context, r ListVulnerabilitiesRequestObject,
) (ListVulnerabilitiesResponseObject, error) {
	return take[ListVulnerabilitiesResponseObject](c, r)
}

func (c *catcher) DeleteRegistries(
	_ context.Context, r DeleteRegistriesRequestObject,
) (DeleteRegistriesResponseObject, error) {
	return take[DeleteRegistriesResponseObject](c, r)
}

func (c *catcher) ListRegistries(
	_ context.Context, r ListRegistriesRequestObject,
) (ListRegistriesResponseObject, error) {
	return take[ListRegistriesResponseObject](c, r)
}

func (c *catcher) CreateRegistry(
	_ context.Context, r CreateRegistryRequestObject,
) (CreateRegistryResponseObject, error) {
	return take[CreateRegistryResponseObject](c, r)
}

func (c *catcher) CreateACRConnector(
	_ context.Context, r CreateACRConnectorRequestObject,
) (CreateACRConnectorResponseObject, error) {
	return take[CreateACRConnectorResponseObject](c, r)
}

func (c *catcher) DescribeACRConnector(
	_ context.Context, r DescribeACRConnectorRequestObject,
) (DescribeACRConnectorResponseObject, error) {
	return take[DescribeACRConnectorResponseObject](c, r)
}

func (c *catcher) ListACRConnectors(
	_ context.Context, r ListACRConnectorsRequestObject,
) (ListACRConnectorsResponseObject, error) {
	return take[ListACRConnectorsResponseObject](c, r)
}

func (c *catcher) DescribeAWSBase(
	_ context.Context, r DescribeAWSBaseRequestObject,
) (DescribeAWSBaseResponseObject, error) {
	return take[DescribeAWSBaseResponseObject](c, r)
}

func (c *catcher) CreateAWSConnector(
	_ context.Context, r CreateAWSConnectorRequestObject,
) (CreateAWSConnectorResponseObject, error) {
	return take[CreateAWSConnectorResponseObject](c, r)
}

func (c *catcher) ListAWSConnectors(
	_ context.Context, r ListAWSConnectorsRequestObject,
) (ListAWSConnectorsResponseObject, error) {
	return take[ListAWSConnectorsResponseObject](c, r)
}

func (c *catcher) ListAWSConnectorsOfAccount(
	_ context.Context, r ListAWSConnectorsOfAccountRequestObject,
) (ListAWSConnectorsOfAccountResponseObject, error) {
	return take[ListAWSConnectorsOfAccountResponseObject](c, r)
}

func (c *catcher) CreateGCPConnector(
	_ context.Context, r CreateGCPConnectorRequestObject,
) (CreateGCPConnectorResponseObject, error) {
	return take[CreateGCPConnectorResponseObject](c, r)
}

func (c *catcher) DescribeGCPConnector(
	_ context.Context, r DescribeGCPConnectorRequestObject,
) (DescribeGCPConnectorResponseObject, error) {
	return take[DescribeGCPConnectorResponseObject](c, r)
}

func (c *catcher) ListGCPConnectors(
	_ context.Context, r ListGCPConnectorsRequestObject,
) (ListGCPConnectorsResponseObject, error) {
	return take[ListGCPConnectorsResponseObject](c, r)
}

func (c *catcher) ValidateRegistry(
	_ context.Context, r ValidateRegistryRequestObject,
) (ValidateRegistryResponseObject, error) {
	return take[ValidateRegistryResponseObject](c, r)
}

func (c *catcher) DeleteRegistry(
	_ context.Context, r DeleteRegistryRequestObject,
) (DeleteRegistryResponseObject, error) {
	return take[DeleteRegistryResponseObject](c, r)
}

func (c *catcher) DescribeRegistry(
	_ context.Context, r DescribeRegistryRequestObject,
) (DescribeRegistryResponseObject, error) {
	return take[DescribeRegistryResponseObject](c, r)
}

func (c *catcher) UpdateRegistry(
	_ context.Context, r UpdateRegistryRequestObject,
) (UpdateRegistryResponseObject, error) {
	return take[UpdateRegistryResponseObject](c, r)
}

func (c *catcher) ListRepositories(
	_ context.Context, r ListRepositoriesRequestObject,
) (ListRepositoriesResponseObject, error) {
	return take[ListRepositoriesResponseObject](c, r)
}

func (c *catcher) DeleteSchedulesByBody(
	_ context.Context, r DeleteSchedulesByBodyRequestObject,
) (DeleteSchedulesByBodyResponseObject, error) {
	return take[DeleteSchedulesByBodyResponseObject](c, r)
}

func (c *catcher) ListSchedules(_ context.Context, r ListSchedulesRequestObject) (ListSchedulesResponseObject, error) {
	return take[ListSchedulesResponseObject](c, r)
}

func (c *catcher) CreateSchedule(
	_ context.Context, r CreateScheduleRequestObject,
) (CreateScheduleResponseObject, error) {
	return take[CreateScheduleResponseObject](c, r)
}

func (c *catcher) DeleteSchedules(
	_ context.Context, r DeleteSchedulesRequestObject,
) (DeleteSchedulesResponseObject, error) {
	return take[DeleteSchedulesResponseObject](c, r)
}

func (c *catcher) CancelSchedules(
	_ context.Context, r CancelSchedulesRequestObject,
) (CancelSchedulesResponseObject, error) {
	return take[CancelSchedulesResponseObject](c, r)
}

func (c *catcher) DeleteSchedule(
	_ context.Context, r DeleteScheduleRequestObject,
) (DeleteScheduleResponseObject, error) {
	return take[DeleteScheduleResponseObject](c, r)
}

func (c *catcher) UpdateSchedule(
	_ context.Context, r UpdateScheduleRequestObject,
) (UpdateScheduleResponseObject, error) {
	return take[UpdateScheduleResponseObject](c, r)
}

func (c *catcher) CancelSchedule(
	_ context.Context, r CancelScheduleRequestObject,
) (CancelScheduleResponseObject, error) {
	return take[CancelScheduleResponseObject](c, r)
}

func (c *catcher) DeleteReports(_ context.Context, r DeleteReportsRequestObject) (DeleteReportsResponseObject, error) {
	return take[DeleteReportsResponseObject](c, r)
}

func (c *catcher) ListReports(_ context.Context, r ListReportsRequestObject) (ListReportsResponseObject, error) {
	return take[ListReportsResponseObject](c, r)
}

func (c *catcher) CreateReport(_ context.Context, r CreateReportRequestObject) (CreateReportResponseObject, error) {
	return take[CreateReportResponseObject](c, r)
}

func (c *catcher) CreateReportSchedule(
	_ context.Context, r CreateReportScheduleRequestObject,
) (CreateReportScheduleResponseObject, error) {
	return take[CreateReportScheduleResponseObject](c, r)
}

func (c *catcher) UpdateReportSchedule(
	_ context.Context, r UpdateReportScheduleRequestObject,
) (UpdateReportScheduleResponseObject, error) {
	return take[UpdateReportScheduleResponseObject](c, r)
}

func (c *catcher) DownloadReport(
	_ context.Context, r DownloadReportRequestObject,
) (DownloadReportResponseObject, error) {
	return take[DownloadReportResponseObject](c, r)
}

func (c *catcher) CreatePolicy(_ context.Context, r CreatePolicyRequestObject) (CreatePolicyResponseObject, error) {
	return take[CreatePolicyResponseObject](c, r)
}

func (c *catcher) DescribePolicy(
	_ context.Context, r DescribePolicyRequestObject,
) (DescribePolicyResponseObject, error) {
	return take[DescribePolicyResponseObject](c, r)
}

func (c *catcher) UpdatePolicy(_ context.Context, r UpdatePolicyRequestObject) (UpdatePolicyResponseObject, error) {
	return take[UpdatePolicyResponseObject](c, r)
}
