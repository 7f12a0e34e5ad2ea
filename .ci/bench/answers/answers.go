// Package answers has the constant answers of the small servers that the benchmark measures.
package answers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
)

// FirstID is the id of the first registry.
const FirstID = "f677b189-8b54-46ba-9d24-000000000000"

// Body is the body of a request that creates a registry.
const Body = `{"registryType":"AWS","registryUri":"https://123456789012.dkr.ecr.us-east-1.amazonaws.com",` +
	`"registryName":"production images of the payments team","credentialType":"AWS",` +
	`"aws":{"accountId":"123456789012",` +
	`"arn":"arn:aws:iam::123456789012:role/QualysContainerSecurityRegistryScanner",` +
	`"region":"us-east-1","accountType":"Global"},"dockerHubOrgName":"",` +
	`"credential":{"username":"a user of the registry","password":"not a real one"}}`

// Registries makes n registries.
func Registries(n int) []api.Registry {
	all := make([]api.Registry, n)
	for i := range all {
		all[i] = api.Registry{
			AWSAccountID:          "123456789012",
			AWSRegion:             "us-east-1",
			Created:               1_700_000_000_000,
			LastScanned:           1_700_000_100_000,
			ProviderType:          "AWS",
			RegistryName:          fmt.Sprintf("images of team %d", i),
			RegistryType:          api.RegistryTypeAWS,
			RegistryURI:           fmt.Sprintf("https://%012d.dkr.ecr.us-east-1.amazonaws.com", i),
			RegistryUUID:          fmt.Sprintf("f677b189-8b54-46ba-9d24-%012d", i),
			RepoCount:             17,
			ScheduleStatusList:    api.ScheduleStatusCounts{"Finished": 12, "Queued": 1, "Running": 2},
			TotalImages:           1234,
			TotalScannedImages:    1200,
			TotalVulnerableImages: 321,
			Updated:               1_700_000_200_000,
		}
	}
	return all
}

// Constant is an answer whose JSON is encoded only once.
type Constant struct {
	status int
	JSON   []byte
}

// The answers.
var (
	Page     = constant(http.StatusOK, api.Registries{Count: 50, Data: Registries(50)})
	registry = constant(http.StatusOK, Registries(1)[0])
	created  = constant(http.StatusOK, map[string]string{"registryUuid": "f677b189-8b54-46ba-9d24-624b7e98767d"})
	deletion = constant(http.StatusOK, map[string]string{"deletionJobId": "1b54a117-b413-4aa8-8511-61860487619c"})
	refusal  = constant(http.StatusBadRequest, api.ResponseError{
		ErrorCode: "400 BAD_REQUEST", Message: "Invalid Input Request.", Timestamp: 1_700_000_000_000,
	})
)

func constant(status int, v any) *Constant {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return &Constant{status, data}
}

func (c *Constant) write(w http.ResponseWriter) error {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header().Set("Content-Length", strconv.Itoa(len(c.JSON)))
	w.WriteHeader(c.status)
	_, err := w.Write(c.JSON)
	return err
}

// VisitListRegistriesResponse writes the answer.
func (c *Constant) VisitListRegistriesResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitCreateRegistryResponse writes the answer.
func (c *Constant) VisitCreateRegistryResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitDeleteSchedulesResponse writes the answer.
func (c *Constant) VisitDeleteSchedulesResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitDescribeRegistryResponse writes the answer.
func (c *Constant) VisitDescribeRegistryResponse(w http.ResponseWriter) error { return c.write(w) }

// Handlers are the measured operations with constant answers.
type Handlers struct {
	apiserver.StrictServerInterface
}

// ListRegistries answers with a page.
func (Handlers) ListRegistries(
	context.Context, apiserver.ListRegistriesRequestObject,
) (apiserver.ListRegistriesResponseObject, error) {
	return Page, nil
}

// DescribeRegistry answers with a registry.
func (Handlers) DescribeRegistry(
	context.Context, apiserver.DescribeRegistryRequestObject,
) (apiserver.DescribeRegistryResponseObject, error) {
	return registry, nil
}

// CreateRegistry answers with the id of a registry.
func (Handlers) CreateRegistry(
	context.Context, apiserver.CreateRegistryRequestObject,
) (apiserver.CreateRegistryResponseObject, error) {
	return created, nil
}

// DeleteSchedules answers with the id of a job.
func (Handlers) DeleteSchedules(
	context.Context, apiserver.DeleteSchedulesRequestObject,
) (apiserver.DeleteSchedulesResponseObject, error) {
	return deletion, nil
}

// Write answers a request without reading its body.
func Write(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && r.ContentLength < int64(len(Body)), r.URL.RawQuery == "pageSize=abc":
		refusal.write(w)
	case r.Method == http.MethodPost:
		created.write(w)
	case r.Method == http.MethodDelete:
		deletion.write(w)
	case strings.HasSuffix(r.URL.Path, "/"+FirstID):
		registry.write(w)
	default:
		Page.write(w)
	}
}

// NewEcho makes an Echo that answers every error with a constant 400.
func NewEcho() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { refusal.write(c.Response()) }
	return e
}

// Serve listens at the port that the variable PORT names.
func Serve(handler http.Handler) {
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), handler))
}
