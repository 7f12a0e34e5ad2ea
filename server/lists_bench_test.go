package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/server"
)

// BenchmarkLists measures lists of the 100,000 schedules of the seed "large", over a connection on
// loopback and without the response cache. The goals for p50-ms are 10 for the ranges and 50 for the
// other filters and orders.
func BenchmarkLists(b *testing.B) {
	const rows = 100_000
	s, err := server.New(server.Options{Data: b.TempDir(), Seed: "large", CacheBytes: -1, Users: []server.User{{Name: "u", Password: "p"}}})
	if err != nil {
		b.Fatal(err)
	}
	listener := httptest.NewServer(s)
	b.Cleanup(func() {
		listener.Close()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	token, err := s.Token("u")
	if err != nil {
		b.Fatal(err)
	}
	list := func(b *testing.B, target string) string {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, listener.URL+base+target, http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := listener.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d %s, error %v", target, response.StatusCode, body, err)
		}
		return string(body)
	}
	_, registry, _ := strings.Cut(list(b, ""), `"registryUuid":"`)
	schedules := "/" + registry[:36] + "/schedule?"
	filter := func(text string) string { return schedules + "filter=" + url.QueryEscape(text) }
	middle := time.Now().Add(-rows / 2 * time.Second) // the schedules were created one second after the other
	at := func(d time.Duration) int64 { return middle.Add(d).UnixMilli() }
	hundred := []string{}
	for part := range strings.SplitSeq(list(b, schedules+"pageSize=100&pageNumber=500"), `"scheduleUuid":"`) {
		hundred = append(hundred, part[:36])
	}
	for _, l := range []struct{ name, target string }{
		{"page-of-50", schedules + "pageSize=50"},
		{"created-7d", filter("created:[now-7d ... now]")},
		{"created-newer-half", filter(fmt.Sprintf("created:[%d ... now]", at(0)))},
		{"created-middle-half", filter(fmt.Sprintf("created:[%d ... %d]", at(-7*time.Hour), at(7*time.Hour)))},
		{"updated-7d", filter("updated:[now-7d ... now]")},
		{"updated-older-half", filter(fmt.Sprintf("updated<%d", at(0)))},
		{"sort-updated", schedules + "sort=updated:desc"},
		{"sort-name", schedules + "sort=name:asc"},
		{"repo-prefix", filter("repo:team*")},
		{"100-ids", filter("scheduleUuid:[" + strings.Join(hundred[1:], ", ") + "]")},
	} {
		b.Run(fmt.Sprintf("%d/%s", rows, l.name), func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				began := time.Now()
				list(b, l.target)
				all = append(all, time.Since(began))
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
