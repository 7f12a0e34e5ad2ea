package traffic

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Entry is an exchange for an HTTP archive. The values are written as they are: redact them first.
type Entry struct {
	Start                           time.Time
	Took                            time.Duration
	Method, URL, Query              string // the URL without the query
	Status                          int    // 0 for a connection without a response
	RequestHeaders, ResponseHeaders map[string]string
	RequestBody, ResponseBody       string
}

// HAR gives entries as an HTTP archive (HAR 1.2), ready to be written as JSON. Creator is the
// program that recorded the entries.
func HAR(creator, version string, entries []Entry) map[string]any {
	list := make([]any, len(entries))
	for i, e := range entries {
		list[i] = e.har()
	}
	return map[string]any{
		"log": map[string]any{
			"version": "1.2",
			"creator": map[string]any{"name": creator, "version": version},
			"entries": list,
		},
	}
}

func (e Entry) har() map[string]any {
	ms := float64(e.Took.Microseconds()) / 1000
	return map[string]any{
		"startedDateTime": e.Start.UTC().Format(time.RFC3339Nano),
		"time":            ms,
		"request":         e.request(),
		"response":        e.response(),
		"cache":           map[string]any{},
		"timings":         map[string]any{"send": 0, "wait": ms, "receive": 0},
	}
}

func (e Entry) request() map[string]any {
	address := e.URL
	if e.Query != "" {
		address += "?" + e.Query
	}
	request := map[string]any{
		"method":      e.Method,
		"url":         address,
		"httpVersion": "HTTP/1.1",
		"cookies":     []any{},
		"headers":     headerPairs(e.RequestHeaders),
		"queryString": queryPairs(e.Query),
		"headersSize": -1,
		"bodySize":    len(e.RequestBody),
	}
	if e.RequestBody != "" {
		request["postData"] = map[string]any{"mimeType": e.RequestHeaders["Content-Type"], "text": e.RequestBody}
	}
	return request
}

func (e Entry) response() map[string]any {
	return map[string]any{
		"status":      e.Status,
		"statusText":  http.StatusText(e.Status),
		"httpVersion": "HTTP/1.1",
		"cookies":     []any{},
		"headers":     headerPairs(e.ResponseHeaders),
		"redirectURL": "",
		"headersSize": -1,
		"bodySize":    len(e.ResponseBody),
		"content": map[string]any{
			"size":     len(e.ResponseBody),
			"mimeType": e.ResponseHeaders["Content-Type"],
			"text":     e.ResponseBody,
		},
	}
}

// pair is a name and a value of an archive.
type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// headerPairs gives headers as pairs, sorted by name.
func headerPairs(headers map[string]string) []pair {
	pairs := []pair{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		pairs = append(pairs, pair{name, headers[name]})
	}
	return pairs
}

// Visible gives a text with U+FFFD in place of NUL characters, which no text of a document has.
func Visible(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") }

// queryPairs gives the parameters of a query as sorted pairs, without those that cannot be parsed.
func queryPairs(query string) []pair {
	pairs := []pair{}
	values, _ := url.ParseQuery(query) // the valid parameters come with the error
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, pair{Visible(name), Visible(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.Name+a.Value, b.Name+b.Value) })
	return pairs
}
