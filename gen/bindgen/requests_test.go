package main_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

var (
	ids = rapid.SampledFrom([]string{
		"f677b189-8b54-46ba-9d24-624b7e98767d", "r", "%2A", "a%00b", "%C3%A9", "a+b",
		strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("%C3%A9", 128),
	})
	values = rapid.SampledFrom([]string{
		"", "1", "0", "-1", "1000", "1001", "2000000", "2000001", "007", "+5", "%2B5", "5.0", "1e2",
		"9223372036854775808", "abc", "status%3ARunning", "created:desc", "a,b", "a%2Cb", "%", "%zz", "%4", "a;b",
		"a%00b", "%E2%82%AC", "%FF", "a+b%26c", "=",
		strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("%C3%A9", 128),
		strings.Repeat("x", 8192), strings.Repeat("x", 8193),
	})
	kinds = rapid.SampledFrom([]string{
		"application/json", "application/json", "application/json", "application/json",
		"application/json; charset=utf-8", "APPLICATION/JSON", "text/plain", "", "application/json, text/plain",
	})
	strange = rapid.SampledFrom([]any{
		nil, true, false, 0.0, 1.0, 7.0, 8.0, 13.0, 14.0, -1.0, 1.5, 1e300,
		"", "AWS", "aws", "07:00", "24:00", "MONDAY", "a\x00b", "é€\U0001F600",
		"2026-11-02T10:30:00Z", "2026-11-02T10:30:00.25+05:30", "2026-02-30T10:30:00Z", "2026-11-02T23:59:60Z",
		"2026-11-02t10:30:00z", "2026-11-02T10:30:00+24:00", "2026-11-02 10:30:00Z", "2026-11-02T10:30:00,5Z",
		"http://a", "https://a.example/b?c",
		"https://" + strings.Repeat("x", 2040), "https://" + strings.Repeat("x", 2041),
		strings.Repeat("x", 128), strings.Repeat("x", 512), strings.Repeat("x", 513),
		[]any{}, []any{nil}, []any{"a"}, []any{map[string]any{}}, map[string]any{}, map[string]any{"repo": "a"},
		map[string]any{"connectorId": "c", "x": map[string]any{"y": []any{1.0}}},
	})
	keys = rapid.SampledFrom([]string{
		"x", "registryType", "RegistryType", "registryUri", "credentialType", "filters", "Filters", "repo",
		"Tag", "tag", "days", "name", "schedule", "connectorId", "registryName", "weekDay", "\u0130d",
		"eventTime", "created", "inactive",
	})
	slips = rapid.SampledFrom([]string{
		`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\x01", "\x00", `\u0000`, `\ud800`, `\u00zz`,
		"0", "-", "1e5", "1e999", "null", "tru", "\xff", "é", `"a":1,`,
	})
)

// anyRequest returns a request to an operation with a binder, most often a valid one with a few
// errors.
func anyRequest(rt *rapid.T, j *judge) sent {
	names := slices.Sorted(maps.Keys(j.bound))
	route := j.operation(rapid.SampledFrom(names).Draw(rt, "operation"))
	item := j.spec.Paths.Value(route.Path)
	operation := item.GetOperation(route.Method)
	s := sent{method: route.Method, target: route.Path}
	for _, segment := range strings.Split(route.Path, "/") {
		if !strings.HasPrefix(segment, "{") {
			continue
		}
		id := "r"
		if rapid.IntRange(0, 5).Draw(rt, "odd id") == 0 {
			id = ids.Draw(rt, "id")
		}
		s.target = strings.Replace(s.target, segment, id, 1)
	}
	var pairs []string
	for range rapid.IntRange(0, 3).Draw(rt, "pairs") {
		pairs = append(pairs, anyPair(rt, slices.Concat(item.Parameters, operation.Parameters)))
	}
	if len(pairs) > 0 {
		s.target += "?" + strings.Join(pairs, "&")
	}
	if examples := j.examples(operation); len(examples) > 0 && route.Method != http.MethodDelete {
		s.kind, s.body = kinds.Draw(rt, "kind"), anyBody(rt, examples)
	} else if rapid.IntRange(0, 9).Draw(rt, "body") == 0 {
		unexpected := rapid.SampledFrom([]string{"{}", " ", `{"registryIds":["a"]}`, `["a"]`})
		s.kind, s.body = "application/json", unexpected.Draw(rt, "unexpected")
	}
	return s
}

// valid are valid values by parameter.
var valid = map[string]string{"pageSize": "50", "pageNumber": "2", "filter": "a%3Ab", "sort": "created%3Adesc"}

func anyPair(rt *rapid.T, parameters openapi3.Parameters) string {
	name := keys.Draw(rt, "name")
	var known []string
	for _, p := range parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			known = append(known, p.Value.Name)
		}
	}
	if len(known) > 0 && rapid.IntRange(0, 19).Draw(rt, "unknown") != 0 {
		name = rapid.SampledFrom(known).Draw(rt, "known")
	}
	value := values.Draw(rt, "value")
	if known := valid[name]; known != "" && rapid.Bool().Draw(rt, "valid") {
		value = known
	}
	switch rapid.IntRange(0, 29).Draw(rt, "form") {
	case 0:
		return name
	case 1:
		return strings.ToUpper(name) + "=" + value
	case 2:
		return "%" + strconv.FormatInt(int64(name[0]), 16) + name[1:] + "=" + value
	case 3:
		return ""
	}
	return name + "=" + value
}

// anyBody changes an example in a few places of its tree, and then of its text.
func anyBody(rt *rapid.T, examples []any) string {
	tree := clone(rapid.SampledFrom(examples).Draw(rt, "example"))
	for range rapid.IntRange(0, 3).Draw(rt, "changes") {
		tree = changed(rt, tree)
	}
	text := asText(tree)
	for range max(0, rapid.IntRange(-3, 2).Draw(rt, "slips")) {
		at := rapid.IntRange(0, len(text)).Draw(rt, "at")
		cut := min(len(text), at+rapid.IntRange(0, 2).Draw(rt, "cut"))
		text = text[:at] + slips.Draw(rt, "bytes") + text[cut:]
	}
	return text
}

// changed changes one place of a value, at any depth.
func changed(rt *rapid.T, v any) any {
	if rapid.IntRange(0, 9).Draw(rt, "here") == 0 {
		return anything(rt)
	}
	switch v := v.(type) {
	case map[string]any:
		known := slices.Sorted(maps.Keys(v))
		switch action := rapid.IntRange(0, 5).Draw(rt, "action"); {
		case action == 0 || len(known) == 0:
			v[keys.Draw(rt, "key")] = anything(rt)
		case action == 1:
			delete(v, rapid.SampledFrom(known).Draw(rt, "key"))
		default:
			key := rapid.SampledFrom(known).Draw(rt, "key")
			v[key] = changed(rt, v[key])
		}
		return v
	case []any:
		if len(v) == 0 {
			return append(v, anything(rt))
		}
		i := rapid.IntRange(0, len(v)-1).Draw(rt, "item")
		v[i] = changed(rt, v[i])
		return v
	}
	return anything(rt)
}

func anything(rt *rapid.T) any { return clone(strange.Draw(rt, "strange")) }

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		copied := map[string]any{}
		for key, value := range v {
			copied[key] = clone(value)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i := range v {
			copied[i] = clone(v[i])
		}
		return copied
	}
	return v
}
