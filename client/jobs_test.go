package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestJobs(t *testing.T) {
	t.Parallel()
	srv := servertest.New(t, servertest.WithSeed("release-notes"))
	c := srv.Client()
	job, err := c.CancelSchedules(t.Context(), "0a1d9b9a-3bab-42ec-a894-4d5969a47616", client.Filter("status:[Running, Finished]"))
	if err != nil {
		t.Fatal(err)
	}
	var last [2]int
	result, err := job.Wait(t.Context(), func(done, total int) { last = [2]int{done, total} })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(client.Result{Matched: 4, Changed: 2, Skipped: map[string]int{"Finished": 2}}, result); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if last != [2]int{8, 8} {
		t.Errorf("got progress %v, want 8 of 8 at the end", last)
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	t.Run("with the context", func(t *testing.T) {
		t.Parallel()
		srv := servertest.New(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
		job, err := srv.Client().DeleteRegistries(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := job.Wait(ctx, func(int, int) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	t.Run("at once where the service cannot tell", func(t *testing.T) {
		t.Parallel()
		var w wire
		job, err := w.start(t, says(200, "application/json", `{"CancelJobId":"x"}`)).CancelSchedules(t.Context(), "r", client.All())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := job.Wait(t.Context(), nil); !errors.Is(err, client.ErrNotWaitable) || len(w.calls) != 1 {
			t.Errorf("got %v, want ErrNotWaitable and no call", err)
		}
	})
}
