// Package answers has what those servers answer that keep nothing, and the requests that they tell
// apart.
package answers

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
)

// FirstID is the id of the first registry.
const FirstID = "f677b189-8b54-46ba-9d24-000000000000"

// Body is that of a call which creates a registry.
const Body = `{"registryType":"AWS","registryUri":"https://123456789012.dkr.ecr.us-east-1.amazonaws.com",` +
	`"registryName":"production images of the payments team","credentialType":"AWS",` +
	`"aws":{"accountId":"123456789012",` +
	`"arn":"arn:aws:iam::123456789012:role/QualysContainerSecurityRegistryScanner",` +
	`"region":"us-east-1","accountType":"Global"},"dockerHubOrgName":"",` +
	`"credential":{"username":"a user of the registry","password":"not a real one"}}`

// Registries are those of a page.
func Registries(n int) []api.Registry {
	all := make([]api.Registry, n)
	for i := range all {
		all[i] = api.Registry{
			AWSAccountID: "123456789012",
			AWSRegion:    "us-east-1",
			Created:      1_700_000_000_000,
			LastScanned:  1_700_000_100_000,
			ProviderType: "AWS",
			RegistryName: fmt.Sprintf("images of team %d", i),
			RegistryType: api.RegistryTypeAWS,
			RegistryURI: fmt.Sprintf(
				"https://%012d.dkr.ecr.us-east-1.amazonaws.com",
				i,
			),
			RegistryUUID: fmt.Sprintf("f677b189-8b54-46ba-9d24-%012d", i),
			RepoCount:    17,
			ScheduleStatusList: api.ScheduleStatusCounts{
				"Finished": 12,
				"Queued":   1,
				"Running":  2,
			},
			TotalImages:           1234,
			TotalScannedImages:    1200,
			TotalVulnerableImages: 321,
			Updated:               1_700_000_200_000,
		}
	}
	return all
}

// Constant is an answer that was encoded before.
type Constant []byte

func (c Constant) write(w http.ResponseWriter) error {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header().Set("Content-Length", strconv.Itoa(len(c)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(c)
	return err
}

// VisitListRegistriesResponse implements the answer of an operation, as the others do.
func (c Constant) VisitListRegistriesResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitCreateRegistryResponse is one of them.
func (c Constant) VisitCreateRegistryResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitDeleteSchedulesResponse is one of them.
func (c Constant) VisitDeleteSchedulesResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitDescribeRegistryResponse is one of them.
func (c Constant) VisitDescribeRegistryResponse(w http.ResponseWriter) error { return c.write(w) }

// The answers of all servers that do not keep anything.
var (
	Page    = mustJSON(api.Registries{Count: 50, Data: Registries(50)})
	created = Constant(`{"registryUuid":"f677b189-8b54-46ba-9d24-624b7e98767d"}`)
	started = Constant(`{"deletionJobId":"1b54a117-b413-4aa8-8511-61860487619c"}`)
	single  = mustJSON(Registries(1)[0])
	refused = Constant(`{"errorCode":"400 BAD_REQUEST","message":"Invalid Input Request.","timestamp":1700000000000}`)
)

// The same as what operations answer, so that nothing is made for an answer.
var (
	listed    apiserver.ListRegistriesResponseObject   = Page
	described apiserver.DescribeRegistryResponseObject = single
	accepted  apiserver.CreateRegistryResponseObject   = created
	deleting  apiserver.DeleteSchedulesResponseObject  = started
)

func mustJSON(v any) Constant {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// Constants are the operations with constant answers.
type Constants struct {
	apiserver.StrictServerInterface
}

// ListRegistries answers a page.
func (Constants) ListRegistries(
	_ context.Context, _ apiserver.ListRegistriesRequestObject,
) (apiserver.ListRegistriesResponseObject, error) {
	return listed, nil
}

// DescribeRegistry answers one of them.
func (Constants) DescribeRegistry(
	_ context.Context, _ apiserver.DescribeRegistryRequestObject,
) (apiserver.DescribeRegistryResponseObject, error) {
	return described, nil
}

// CreateRegistry answers an id.
func (Constants) CreateRegistry(
	_ context.Context, _ apiserver.CreateRegistryRequestObject,
) (apiserver.CreateRegistryResponseObject, error) {
	return accepted, nil
}

// DeleteSchedules answers the id of a job.
func (Constants) DeleteSchedules(
	_ context.Context, _ apiserver.DeleteSchedulesRequestObject,
) (apiserver.DeleteSchedulesResponseObject, error) {
	return deleting, nil
}

// Bare answers without reading the request, but for what tells refused ones apart.
func Bare(w http.ResponseWriter, r *http.Request) {
	answer := Page
	switch {
	case r.Method == http.MethodPost && r.ContentLength < int64(len(Body)), r.URL.RawQuery == "pageSize=abc":
		Refuse(w)
		return
	case r.Method == http.MethodPost:
		answer = created
	case r.Method == http.MethodDelete:
		answer = started
	case strings.HasSuffix(r.URL.Path, "/"+FirstID):
		answer = single
	}
	_ = answer.write(w) // the caller may be gone
}

// Refuse answers 400.
func Refuse(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header().Set("Content-Length", strconv.Itoa(len(refused)))
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(refused) // the caller may be gone
}

// Serve answers at the port of the environment.
func Serve(handler http.Handler) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		panic(err)
	}
	panic(http.Serve(listener, handler))
}
