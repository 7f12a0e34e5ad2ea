package traffic_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi/traffic"
)

func TestCurl(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		request traffic.Request
		want    string
	}{
		"GET without credentials": {
			traffic.Request{Options: "-sS", Method: "GET", URL: "http://h/it's?a=b"},
			`curl -sS 'http://h/it'\''s?a=b'`,
		},
		"POST with a body": {
			traffic.Request{Options: "-sS", Method: "POST", Auth: `-u "$U:$P"`, ContentType: "application/json", Body: `{"a":"it's"}`, URL: "https://h/"},
			`curl -sS -X POST -u "$U:$P" -H 'Content-Type: application/json' --data '{"a":"it'\''s"}' 'https://h/'`,
		},
		"a body without a content type is left out": {
			traffic.Request{Options: "-sS", Method: "PUT", Body: "x", URL: "http://h/"}, `curl -sS -X PUT 'http://h/'`,
		},
		"a form replaces the body": {
			traffic.Request{Options: "-i", Method: "POST", ContentType: "multipart/form-data", Body: "x", Form: traffic.KeyFile, URL: "$API/registry/gcp/connector"},
			`curl -i -X POST -F serviceAccountJson=@key.json "$API/registry/gcp/connector"`,
		},
	} {
		if got := traffic.Curl(tt.request); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestRedactHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, want string }{
		{"Authorization", "Bearer s", "Bearer ***"},
		{"authorization", "Basic s", "Basic ***"},
		{"Authorization", "s", "***"},
		{"Proxy-Authorization", "Basic s", "Basic ***"},
		{"X-Api-Key", "s", "***"},
		{"Apikey", "s s", "***"},
		{"Cookie", "sid=s; a=b", "***"},
		{"Set-Cookie", "sid=s", "***"},
		{"X-Auth-Token", "s", "***"},
		{"X-Client-Secret", "s", "***"},
		{"X-Password", "s", "***"},
		{"Content-Type", "application/json", "application/json"},
		{"X-Request-Id", "1", "1"},
		{"accept", "*/*", "*/*"},
	} {
		if got := traffic.RedactHeader(tt.name, tt.value); got != tt.want {
			t.Errorf("%s: %s: got %q, want %q", tt.name, tt.value, got, tt.want)
		}
		if secret := tt.value != tt.want; traffic.SecretHeader(tt.name) != secret {
			t.Errorf("%s: got secret %v, want %v", tt.name, !secret, secret)
		}
	}
}

func TestHAR(t *testing.T) {
	t.Parallel()
	entry := traffic.Entry{
		Start: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600)), Took: 1500 * time.Microsecond, Method: "POST", URL: "http://h/p", Query: "b=2&a=1&a=0&c=%zz", Status: 200,
		RequestHeaders: map[string]string{"Host": "h", "Content-Type": "text/plain"}, ResponseHeaders: map[string]string{"Content-Type": "application/json"}, RequestBody: "in", ResponseBody: "{}",
	}
	const want = `{"log":{"creator":{"name":"c","version":"v"},"entries":[{"cache":{},` +
		`"request":{"bodySize":2,"cookies":[],"headers":[{"name":"Content-Type","value":"text/plain"},{"name":"Host","value":"h"}],"headersSize":-1,"httpVersion":"HTTP/1.1","method":"POST",` +
		`"postData":{"mimeType":"text/plain","text":"in"},"queryString":[{"name":"a","value":"0"},{"name":"a","value":"1"},{"name":"b","value":"2"}],"url":"http://h/p?b=2&a=1&a=0&c=%zz"},` +
		`"response":{"bodySize":2,"content":{"mimeType":"application/json","size":2,"text":"{}"},"cookies":[],"headers":[{"name":"Content-Type","value":"application/json"}],"headersSize":-1,` +
		`"httpVersion":"HTTP/1.1","redirectURL":"","status":200,"statusText":"OK"},"startedDateTime":"2026-01-02T02:04:05.000006Z","time":1.5,"timings":{"receive":0,"send":0,"wait":1.5}}],"version":"1.2"}}`
	equalJSON(t, want, traffic.HAR("c", "v", []traffic.Entry{entry}))
	equalJSON(t, `{"log":{"creator":{"name":"c","version":"v"},"entries":[],"version":"1.2"}}`, traffic.HAR("c", "v", nil))
}

func equalJSON(t *testing.T, want string, value any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal([]byte(want), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
