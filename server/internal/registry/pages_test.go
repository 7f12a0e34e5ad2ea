package registry_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// pageOf checks that a page has the rows of the whole list that belong there, and returns the number of all rows.
func pageOf(t *testing.T, w *world, filter, sort string, number int) int {
	t.Helper()
	const size = 7
	list := func(number, size int) api.Schedules {
		page, _, err := w.ListSchedules(w.ctx(t), "r", rule.List{Filter: &filter, Sort: &sort, PageNumber: &number, PageSize: &size})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	want := list(1, 1000)
	n := len(want.Data)
	if want.Count != n {
		t.Fatalf("filter %q, sort %q: got count %d of %d rows", filter, sort, want.Count, n)
	}
	want.Data = want.Data[min((number-1)*size, n):min(number*size, n)]
	if diff := cmp.Diff(want, list(number, size)); diff != "" {
		t.Fatalf("page %d, filter %q, sort %q (-want +got):\n%s", number, filter, sort, diff)
	}
	return n
}

// pick returns one of some texts.
func pick(random *rand.Rand, texts ...string) string { return texts[random.IntN(len(texts))] }

// TestPages compares pages with the same rows of the whole list, in random order and with changes between them, including deep pages and pages after the last one.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry(t, "r")
	random := rand.New(rand.NewPCG(5, 6))
	var ids []string // of the newest schedules
	add := func(n int) {
		w.write(t, func(ctx context.Context, tx *store.Tx) error {
			all := make([]store.Schedule, n)
			for i := range all {
				ago := func() time.Duration { return -time.Duration(random.IntN(50)) * time.Second }
				all[i] = store.Schedule{Schedule: api.Schedule{
					ScheduleUUID: fmt.Sprintf("%08x", random.Uint32()), Status: []api.Status{api.StatusFinished, api.StatusQueued}[random.IntN(2)],
					Name: fmt.Sprint("scan ", random.IntN(5)), Filters: filters(), Created: tx.Now.Add(ago()), Updated: tx.Now.Add(ago()),
				}, RegistryID: "r"}
			}
			for _, row := range all {
				ids = append(ids, row.ScheduleUUID)
			}
			ids = ids[max(0, len(ids)-100):]
			return tx.InsertSchedules(ctx, all)
		})
	}
	add(400)
	seen := map[string]int{}
	for turn := range 150 {
		filter := pick(random, "", "status:Finished", "status:Finished AND name:scan*", "updated<now-20s", "updated>now-45s", "updated:[now-30s ... now-20s]", "created>now-40s",
			"created:[now-45s ... now-40s]", "name:*", "repo:team*", "scheduleUuid:["+strings.Join(ids, ",")+"]")
		sort := pick(random, "", "created:asc", "created:desc", "updated:asc", "updated:desc", "name:asc", "status:desc")
		number := 1 + random.IntN(70)
		for range 3 {
			rows := pageOf(t, w, filter, sort, number)
			switch {
			case (number-1)*7 >= rows:
				seen["after the last page"]++
			case number > 10:
				seen["deep"]++
			default:
				seen["shallow"]++
			}
			number++
		}
		switch turn % 10 {
		case 3, 6:
			add(1 + random.IntN(3))
		case 9:
			if _, err := w.CancelSchedules(w.ctx(t), "r", registry.Select(nil, new("status:Queued AND name:\"scan "+fmt.Sprint(turn%5)+"\""))); err != nil {
				t.Fatal(err)
			}
			w.settle(t)
		}
	}
	for _, kind := range []string{"shallow", "deep", "after the last page"} {
		if seen[kind] < 20 {
			t.Errorf("%s: only %d pages", kind, seen[kind])
		}
	}
}
