package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server"
)

// emulator starts qcsd inside the program. With a vendor's platform, use its gateway as the base URL instead.
func emulator() (*client.Client, func()) {
	s, err := server.New(server.Options{Users: []server.User{{Name: "joe_user", Password: "not a real one"}}, Seed: "release-notes"})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { s.Run(ctx) })
	listener := httptest.NewServer(s)
	h := listener.Client()
	c, err := client.New(client.WithBaseURL(listener.URL), client.WithHTTPClient(h), client.WithCredentials("joe_user", "not a real one"), client.WithPollInterval(time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	return c, func() {
		h.CloseIdleConnections()
		listener.Close()
		cancel()
		background.Wait()
		s.Close()
	}
}

const registryID = "0a1d9b9a-3bab-42ec-a894-4d5969a47616"

func ExampleNew() {
	c, err := client.New(
		client.WithBaseURL("https://gateway.qg2.apps.qualys.com"),
		client.WithCredentials("joe_user", "not a real one"),
	)
	fmt.Println(c != nil, err)
	// Output: true <nil>
}

func ExampleClient_CancelSchedules() {
	c, stop := emulator()
	defer stop()
	ctx := context.Background()
	job, err := c.CancelSchedules(ctx, registryID, client.Filter("status:Running"))
	if err != nil {
		log.Fatal(err)
	}
	result, err := job.Wait(ctx, nil)
	fmt.Println(result.Changed, err)
	// Output: 2 <nil>
}

func ExampleClient_DeleteSchedules() {
	c, stop := emulator()
	defer stop()
	ctx := context.Background()
	job, err := c.DeleteSchedules(ctx, registryID, client.All())
	if err != nil {
		log.Fatal(err)
	}
	result, err := job.Wait(ctx, nil)
	fmt.Println(result.Changed, result.Skipped, err)
	// Output: 4 map[Queued:1 Running:2 Unknown:1] <nil>
}

func ExampleClient_ListSchedules() {
	c, stop := emulator()
	defer stop()
	for s, err := range c.ListSchedules(context.Background(), registryID, client.List{Filter: "status:Running", Sort: "scheduleUuid"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.ScheduleUUID, s.Status)
	}
	// Output:
	// 0a1d9b9a-3bab-42ec-a894-4d5969a47616 Running
	// 5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a01 Running
}

func ExampleClient_CreateSchedule() {
	c, stop := emulator()
	defer stop()
	ctx := context.Background()
	id, err := c.CreateRegistry(ctx, api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: "https://images.example.com", CredentialType: api.CredentialTypeNone})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.CreateSchedule(ctx, id, api.ScheduleRequest{
		Name: "nightly", OnDemand: new(false), Schedule: "19:30",
		Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "team/app"}}}},
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleError() {
	c, stop := emulator()
	defer stop()
	_, err := c.DeleteRegistry(context.Background(), registryID)
	var refused *client.Error
	fmt.Println(errors.Is(err, client.ErrInvalid), errors.As(err, &refused) && refused.Status == 400)
	fmt.Println(refused.Message)
	// Output:
	// true true
	// The registry cannot be deleted: it has schedules in state Running (2).
}
