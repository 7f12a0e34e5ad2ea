package main_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/qcsdev/qcs/openapi"
)

// requests returns the number of requests to compare: QCS_AGREE, or few.
func requests() int {
	if n, err := strconv.Atoi(os.Getenv("QCS_AGREE")); err == nil {
		return n
	}
	return 5000
}

// request returns the request of a number.
func (j *judge) request(seed int) sent {
	return rapid.Custom(func(rt *rapid.T) sent { return anyRequest(rt, j) }).Example(seed)
}

// TestBindersAgreeWithTheReference sends valid and invalid requests to the generated binders and to
// the reference, and compares whether they are refused and what the operation gets. Where
// kin-openapi alone decides differently, a rule of openapi.Refusals says so.
func TestBindersAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	count, passed, left, most := requests(), 0, 0, 5
	for seed := range count {
		s := j.request(seed)
		if diff := j.differs(s); diff != "" {
			if t.Errorf("request %d: %q\n%s", seed, s, diff); most == 0 {
				t.FailNow()
			}
			most--
		}
		switch v, bound := j.generated(s.request()); {
		case !bound:
			left++
		case v.Status == 0:
			passed++
		}
	}
	t.Logf("%d requests: %d passed, %d refused, %d left to the reference", count, passed, count-passed-left, left)
	if passed*5 < count || (count-passed-left)*5 < count {
		t.Error("too few valid or too few invalid requests")
	}
}

// TestAPlantedDifferenceIsFound changes the document of the reference: the comparison must notice a
// bound that is off by one, a missing value of an enumeration, and a missing requirement.
func TestAPlantedDifferenceIsFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, planted string }{
		{"a bound of a query", `"maximum": 1000,`, `"maximum": 1001,`},
		{"a length of a body", `"maxLength": 2048`, `"maxLength": 2049`},
		{"a value of an enumeration", `"V2_PRIVATE"`, `"V2_PRIVATES"`},
		{"a property that is required", `"registryUri",`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(openapi.JSON), tt.old) {
				t.Fatalf("the document has no %s", tt.old)
			}
			j := newJudge(t, []byte(strings.ReplaceAll(string(openapi.JSON), tt.old, tt.planted)))
			for seed := range 100_000 {
				if j.differs(j.request(seed)) != "" {
					t.Logf("found by request %d", seed)
					return
				}
			}
			t.Error("not found")
		})
	}
}

// TestSamples compares requests that were found to differ once, or that are easy to get wrong.
func TestSamples(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	for _, s := range []sent{
		{"POST", registries + "/r/schedule/cancel?scheduleIds=&filter=scheduleUuid%3A%2A", "", ""},
		{"DELETE", registries + "?registryIds=a&registryIds=a", "", ""},
		{"GET", registries + "?filter=&sort=&pageSize=%31", "", ""},
		{"GET", registries + "?filter=a+b%20c&pageNumber=007&pageSize=+5", "", ""},
		{"GET", registries + "?&&pageSize=5&", "", ""},
		{"GET", registries + "?pageSize=5;pageNumber=1", "", ""},
		schedule(`{"filters":[{"repoTags":[{"repo":"\u0041\ud83d\ude00\ud800","tag":null}],"days":null}]}`),
		schedule(`{"filters":[{"repoTags":[{"repo":"a"}],"days":1.0}]}`),
		schedule(`{"filters":[{"repoTags":[{"repo":"a"}],"days":-0}],"x":[{},[],{"a":{}}]}`),
		schedule(`{"filt\u0065rs":[{"repoTags":[{"repo":"a"}]}]}`),
	} {
		if diff := j.differs(s); diff != "" {
			t.Errorf("%+v\n%s", s, diff)
		}
	}
}

func schedule(body string) sent {
	return sent{"POST", registries + "/r/schedule", "application/json", body}
}

// TestTimes: a time is accepted if it has the form of RFC 3339 and exists.
func TestTimes(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	for text, valid := range map[string]bool{
		`"2026-11-02T10:30:00Z"`:         true,
		`"2026-11-02T10:30:00.25+05:30"`: true,
		`"2026-11-02T10:30:00+24:00"`:    true,
		`"2026-02-30T10:30:00Z"`:         false,
		`"2026-11-02T23:59:60Z"`:         false,
		`"2026-11-02t10:30:00z"`:         false,
		`"2026-11-02T10:30:00+25:00"`:    false,
		`"2026-11-02T1:30:00Z"`:          false,
		`"2026-11-02T10:30:00Z "`:        false,
		`"2026-11-02 10:30:00Z"`:         false,
		`"2026-11-02T10:30:00,5Z"`:       false,
		`"2026-11-02"`:                   false,
		`""`:                             false,
		`1762079400000`:                  false,
		`null`:                           false,
	} {
		s := sent{
			"POST", "/csapi/v1.3/reports/schedule", "application/json",
			`{"name":"n","templateName":"CS_IMAGE_VULNERABILITY","expireAfter":7,"action":"CREATE","eventTime":` +
				text + `}`,
		}
		v, bound := j.generated(s.request())
		if !bound || (v.Status == 0) != valid || !valid && v.Where != "body at /eventTime" {
			t.Errorf("%s: got %+v, want that it is accepted: %v", text, v, valid)
		}
		if diff := j.differs(s); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// TestLargeBodies: four times as many keys or escapes take about four times as much memory. A cost
// in time that grows with the square would be felt here, as the bodies are as large as allowed.
func TestLargeBodies(t *testing.T) {
	j := newJudge(t, openapi.JSON)
	for name, body := range map[string]func(n int) string{
		"keys":    func(n int) string { return many(n, `"k%d":1`, `{`, `}`) },
		"nested":  func(n int) string { return many(n, `"k%d":1`, `{"x":{`, `}}`) },
		"escapes": func(n int) string { return many(n, `"\\n%d"`, `{"x":[`, `]}`) },
	} {
		cost := func(n int) float64 {
			text := body(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			j.generated(sent{"POST", registries, "application/json", text}.request()) // refused
			runtime.ReadMemStats(&after)
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		few, more := cost(20_000), cost(80_000)
		if more > few*8 {
			t.Errorf("%s: got %.0f bytes for four times as many, and %.0f", name, more, few)
		}
	}
}

func many(n int, format, begin, end string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return begin + strings.Join(all, ",") + end
}

// FuzzBody compares bodies.
func FuzzBody(f *testing.F) {
	j := newJudge(f, openapi.JSON)
	for _, id := range []string{"CreateRegistry", "CreateSchedule"} {
		for _, example := range j.examples(j.spec.Paths.Value(j.operation(id).Path).Post) {
			f.Add(asText(example))
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{registries, registries + "/r/schedule"} {
			if diff := j.differs(sent{"POST", path, "application/json", body}); diff != "" {
				t.Errorf("%s %q\n%s", path, body, diff)
			}
		}
	})
}

// FuzzQuery compares queries.
func FuzzQuery(f *testing.F) {
	j := newJudge(f, openapi.JSON)
	f.Add("filter=a%3Ab&pageSize=50&pageNumber=1&sort=created%3Adesc")
	f.Add("scheduleIds=a&scheduleIds=&filter=")
	f.Fuzz(func(t *testing.T, query string) {
		for _, s := range []sent{
			{"GET", registries, "", ""},
			{"DELETE", registries + "/r/schedule/bulk", "", ""},
		} {
			s.target += "?" + query
			if diff := j.differs(s); diff != "" {
				t.Errorf("%q\n%s", s.target, diff)
			}
		}
	})
}
