package client_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

func ExampleNew_options() {
	c, err := client.New(
		client.WithPlatform(client.EU1),
		client.WithCredentials("joe_user", "not a real one"),
		client.WithUserAgent("nightly-cleanup/1.0"),
		client.WithRateLimit(2, 10),       // two calls in a second, after ten at once
		client.WithMaxConcurrency(2),      // the vendor's default
		client.WithLogger(slog.Default()), // neither secrets nor queries are logged
		client.WithRetry(client.RetryPolicy{Attempts: 6, MinWait: time.Second, MaxWait: 5 * time.Minute}),
	)
	fmt.Println(c != nil, err)
	// Output: true <nil>
}

func ExampleClient_ListRegistries() {
	c, stop := emulator()
	defer stop()
	query := qql.Exactly("registryUri", "https://registry.example.com").String()
	for r, err := range c.ListRegistries(context.Background(), client.List{Filter: query}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.RegistryUUID, r.RegistryURI)
	}
	// Output: 0a1d9b9a-3bab-42ec-a894-4d5969a47616 https://registry.example.com
}

func ExampleClient_ListRepositories() {
	c, stop := emulator()
	defer stop()
	for r, err := range c.ListRepositories(context.Background(), registryID, client.List{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.RepoName)
	}
	// Output:
	// team/app
	// team/db
}

func ExampleClient_CreateAWSConnector() {
	c, stop := emulator()
	defer stop()
	ctx := context.Background()
	base, err := c.AWSBase(ctx) // whom the role must trust
	if err != nil {
		log.Fatal(err)
	}
	role := api.AWSConnectorRequest{Arn: "arn:aws:iam::123456789012:role/scan-role", Name: "scan-role", ExternalID: fmt.Sprint(base.ExternalID)}
	if err := c.CreateAWSConnector(ctx, role); err != nil {
		log.Fatal(err)
	}
	all, err := c.ListAWSConnectors(ctx, "123456789012")
	fmt.Println(len(all), err)
	// Output: 1 <nil>
}

func ExampleClient_DescribeImage() {
	c, stop := emulator()
	defer stop()
	_, err := c.DescribeImage(context.Background(), strings.Repeat("0", 64))
	fmt.Println(err) // until a scan has found it
	// Output: GET /csapi/v1.3/images/0000000000000000000000000000000000000000000000000000000000000000: 404: Not found.: image: not found
}

func ExampleClient_CreateReport() {
	c, stop := emulator()
	defer stop()
	ctx := context.Background()
	id, err := c.CreateReport(ctx, api.ReportRequest{Name: "weekly", TemplateName: api.ReportTemplateCSIMAGEVULNERABILITY, DisplayColumns: []string{"repo", "severity"}})
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range c.ListReports(ctx, client.List{Filter: "reportName:weekly"}) {
		fmt.Println(r.ReportUUID == id, r.Status, err) // it can be downloaded when it is GENERATED
	}
	// Output: true GENERATING <nil>
}

func ExampleClient_CreatePolicy() {
	c, stop := emulator()
	defer stop()
	p, err := c.CreatePolicy(context.Background(), api.PolicyRequest{
		Name: "no outside calls", PolicyMode: api.PolicyModeACTIVE,
		DefaultNetworkAction: api.PolicyActionDENY, DefaultExecuteAction: api.PolicyActionALLOW, DefaultFileAction: api.PolicyActionALLOW,
		Rules: []api.PolicyRule{{Name: "database", RuleType: api.PolicyRuleRuleTypeNETWORKOUTBOUND, IPAddress: "10.0.0.0/8", Action: api.PolicyActionALLOW}},
	})
	fmt.Println(p.Name, len(p.Rules), err)
	// Output: no outside calls 1 <nil>
}

func ExampleSelection_Snapshot() {
	c, stop := emulator()
	defer stop()
	ctx := context.Background()
	// A vendor's platform has no call for the state of a job: Wait needs a list of the schedules, here at most 10,000.
	job, err := c.DeleteSchedules(ctx, registryID, client.Filter("status:Finished").Snapshot(10_000))
	if err != nil {
		log.Fatal(err)
	}
	result, err := job.Wait(ctx, func(done, total int) { fmt.Fprintln(os.Stderr, done, "of", total) })
	fmt.Println(result.Changed, err)
	// Output: 2 <nil>
}

func ExampleWithRawResponse() {
	c, stop := emulator()
	defer stop()
	var raw []byte
	if _, err := c.AWSBase(client.WithRawResponse(context.Background(), &raw)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.HasPrefix(string(raw), `{"accountId":`))
	// Output: true
}
