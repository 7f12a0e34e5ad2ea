package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

// pageOf is the size of the pages of the benchmarks.
const pageOf = 1000

// schedules serves n schedules. It makes the pages in advance, except for the ids of the first item, so that the service is fast.
func schedules(b testing.TB, n int) *httptest.Server {
	var rest strings.Builder
	for i := 1; i < pageOf; i++ {
		fmt.Fprintf(&rest, `,{"scheduleUuid":"0a1d9b9a-3bab-42ec-a894-%012d","name":"ECR-team/app-%d","status":"Finished","onDemand":true,"schedule":"00:00","forceScan":false,"registryType":"AWS","filters":[{"days":null,"repoTags":[{"repo":"team/app","tag":"build-%d"}]}],"errors":null,"created":"1628504894719","updated":"1628504894719","jobStartDate":"1628504894719","jobCompletionDate":"1628504894719","jobListingStartDate":"1628504894719","jobListingCompletionDate":"1628504894719","jobScanningStartDate":"1628504894719","jobScanningCompletionDate":"1628504894719"}`, i, i, i)
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("pageNumber"))
		items := ""
		if (page-1)*pageOf < n {
			items = fmt.Sprintf(`{"scheduleUuid":"page-%d"}`, page) + rest.String()
		}
		body := fmt.Sprintf(`{"count":%d,"data":[%s]}`, n, items)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	}))
	b.Cleanup(service.Close)
	return service
}

// raw reads the list without the SDK.
func raw(ctx context.Context, h *http.Client, base string, each func(api.Schedule)) error {
	for page := 1; ; page++ {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/csapi/v1.3/registry/r/schedule?pageNumber=%d&pageSize=%d", base, page, pageOf), nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer t")
		answer, err := h.Do(r)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
		var list api.Schedules
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, s := range list.Data {
			each(s)
		}
		if len(list.Data) < pageOf {
			return nil
		}
	}
}

// BenchmarkList lists a million schedules, with the iterator of the SDK and with a plain loop over the same pages, and measures time and largest heap.
func BenchmarkList(b *testing.B) {
	const n = 1_000_000
	service := schedules(b, n)
	c, err := client.New(client.WithBaseURL(service.URL), client.WithToken("t"), client.WithHTTPClient(service.Client()))
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name string
		list func(each func(api.Schedule)) error
	}{
		{"iterator", func(each func(api.Schedule)) error {
			for s, err := range c.ListSchedules(b.Context(), "r", client.List{PageSize: pageOf}) {
				if err != nil {
					return err
				}
				each(s)
			}
			return nil
		}},
		{"raw", func(each func(api.Schedule)) error { return raw(b.Context(), service.Client(), service.URL, each) }},
	} {
		b.Run("1M-schedules/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			var peak uint64
			for b.Loop() {
				seen := 0
				err := way.list(func(api.Schedule) {
					if seen++; seen%50_000 == 0 {
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						peak = max(peak, m.HeapAlloc)
					}
				})
				if err != nil || seen != n {
					b.Fatalf("got %d items, %v", seen, err)
				}
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/item")
		})
	}
}

// TestAllocationsPerItem limits what the SDK adds to the decoding of a list: less than one allocation for ten items, with a thousand items a page.
func TestAllocationsPerItem(t *testing.T) {
	service := schedules(t, 3*pageOf)
	h := service.Client()
	defer h.CloseIdleConnections()
	c, err := client.New(client.WithBaseURL(service.URL), client.WithToken("t"), client.WithHTTPClient(h))
	if err != nil {
		t.Fatal(err)
	}
	plain := testing.AllocsPerRun(3, func() { _ = raw(t.Context(), h, service.URL, func(api.Schedule) {}) })
	iterator := testing.AllocsPerRun(3, func() {
		for _, err := range c.ListSchedules(t.Context(), "r", client.List{PageSize: pageOf}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Logf("allocations for %d items: %.0f with the SDK, %.0f without", 3*pageOf, iterator, plain)
	if more := (iterator - plain) / (3 * pageOf); more > 0.1 {
		t.Errorf("the SDK adds %.3f allocations for each item", more)
	}
}
