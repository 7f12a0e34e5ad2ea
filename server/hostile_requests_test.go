package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// framing is how the length of a body is given.
type framing int

const (
	exact   framing = iota // Content-Length
	chunked                // chunks of random sizes
	both                   // Content-Length and chunks, which win
	tooLong                // Content-Length is more than the body; the caller then stops to send
	invalid                // Content-Length is not a number: net/http refuses the request
)

// hostileRequest is a request of the generator.
type hostileRequest struct {
	operation      string
	method, target string
	version        string // of HTTP
	close          bool   // the caller wants the connection to end
	headers        []string
	body           []byte
	framing        framing
	chunks         int // size of a chunk
}

// maxHostileBody leaves room for the chunks of a body of 4 MiB.
const maxHostileBody = 4<<20 - 100_000

// head is the request without its body.
func (r hostileRequest) head() string {
	lines := append([]string{r.method + " " + r.target + " HTTP/" + r.version}, r.headers...)
	if r.close {
		lines = append(lines, "Connection: close")
	} else if r.version == "1.0" {
		lines = append(lines, "Connection: keep-alive")
	}
	length := len(r.body)
	switch r.framing {
	case exact, both:
		if length > 0 || r.method != http.MethodGet {
			lines = append(lines, fmt.Sprint("Content-Length: ", length))
		}
	case tooLong:
		lines = append(lines, fmt.Sprint("Content-Length: ", length+7))
	case invalid:
		lines = append(lines, "Content-Length: -1")
	}
	if r.framing == chunked || r.framing == both {
		lines = append(lines, "Transfer-Encoding: chunked")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// payload is the body as it is sent.
func (r hostileRequest) payload() []byte {
	if r.framing != chunked && r.framing != both {
		return r.body
	}
	var text bytes.Buffer
	for chunk := range slices.Chunk(r.body, r.chunks) {
		fmt.Fprintf(&text, "%x\r\n%s\r\n", len(chunk), chunk)
	}
	text.WriteString("0\r\n\r\n")
	return text.Bytes()
}

// described is an operation as the generator needs it.
type described struct {
	id, method, path string
	call             contract.Call
	query            []*openapi3.Parameter
	bodies           []any // examples
}

// generator makes requests from the two documents.
type generator struct {
	operations []described
	token      func(world string) string
}

func newGenerator(t *testing.T, token func(world string) string) *generator {
	t.Helper()
	g := &generator{token: token}
	for _, text := range [][]byte{openapi.JSON, openapi.ControlJSON} {
		spec, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		d, err := contract.Open(text, contract.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.Operations() {
			item := spec.Paths.Value(o.Path)
			declared := item.GetOperation(o.Method)
			one := described{id: o.ID, method: o.Method, path: o.Path, call: o.Example()}
			for _, p := range slices.Concat(item.Parameters, declared.Parameters) {
				if p.Value.In == openapi3.ParameterInQuery {
					one.query = append(one.query, p.Value)
				}
			}
			if declared.RequestBody != nil {
				for _, media := range declared.RequestBody.Value.Content {
					if media.Example != nil {
						one.bodies = append(one.bodies, media.Example)
					}
					for _, example := range media.Examples {
						one.bodies = append(one.bodies, example.Value.Value)
					}
				}
			}
			g.operations = append(g.operations, one)
		}
	}
	slices.SortFunc(g.operations, func(a, b described) int { return strings.Compare(a.id, b.id) })
	return g
}

// request returns the request of a number: a valid one with up to three faults.
func (g *generator) request(number int) hostileRequest {
	random := rand.New(rand.NewPCG(uint64(number), 12))
	o := g.operations[number%len(g.operations)]
	r := hostileRequest{operation: o.id, method: o.method, target: o.call.Target, version: "1.1", body: []byte(o.call.Body), chunks: 1 + random.IntN(5000)}
	world := "" // that of the vendor's API, whose journal has something to read
	if readsJournal := o.method == http.MethodGet && strings.HasPrefix(o.path, "/_qcs/journal"); strings.HasPrefix(o.path, "/_qcs/") && !readsJournal {
		world = "control" // whose faults, clock and recording do not touch the vendor's API
	}
	r.headers = []string{"Host: 127.0.0.1"}
	if o.call.ContentType != "" {
		r.headers = append(r.headers, "Content-Type: "+o.call.ContentType)
	}
	if o.id != "CreateToken" {
		r.headers = append(r.headers, "Authorization: Bearer "+g.token(world))
	}
	if len(o.bodies) > 0 && len(r.body) > 0 && strings.HasPrefix(o.call.ContentType, "application/json") {
		r.body = asJSON(o.bodies[random.IntN(len(o.bodies))])
	}
	r.close = random.IntN(3) == 0
	if r.close && random.IntN(2) == 0 {
		r.version = "1.0"
	}
	for range random.IntN(4) {
		faults[random.IntN(len(faults))](random, o, &r)
	}
	if r.version == "1.0" && (r.framing == chunked || r.framing == both) {
		r.framing = exact // HTTP/1.0 has no chunks
	}
	r.body = r.body[:min(len(r.body), maxHostileBody)]
	switch r.framing {
	case tooLong:
		r.close = true
	case invalid:
		r.body = nil // without a length there is no body
	}
	return r
}

// faults are the ways in which a request becomes hostile. Most are about bodies and queries, which have the most code.
var faults = []func(random *rand.Rand, o described, r *hostileRequest){
	queryFault, queryFault, queryFault, queryFault, treeFault, treeFault, treeFault, treeFault, textFault, textFault, textFault,
	pathFault, pathFault, headerFault, bodyFault, methodFault, framingFault, largeBody,
}

func pick[T any](random *rand.Rand, all ...T) T { return all[random.IntN(len(all))] }

var oddTexts = []string{
	"", " ", "0", "-1", "+5", "1e9", "99999999999999999999", "9223372036854775807", "-9223372036854775808", "2147483648", "0x10", "NaN",
	"null", "true", "%", "%zz", "%4", "%00", "a%00b", "%FF%FE", "%C0%AF", "%ED%A0%80", "\xff", "é", "%F0%9F%98%80", "a;b", "a,b", "a%2Cb", "*", "**", "%2A",
	"..", "../..", "%2e%2e", "%2F", "a%2Fb", "'", "%22", "%27%20OR%201=1--", "%3Cscript%3E", "$(id)", "{}", "[]", "%7B%22a%22:1%7D", "%0d%0aX:%20y",
	"status:Running", "status%3ARunning%20AND%20(", "not%20", "((((((((((", "status:", "created:desc", "name:a%2Cname:b", "a:b:c", "%25%32%35", "%252525",
	"0a1d9b9a-3bab-42ec-a894-4d5969a47616", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-02-30T00:00:00Z",
}

func oddText(random *rand.Rand) string {
	if random.IntN(12) == 0 {
		return strings.Repeat(pick(random, "a", "%00", "(", "-", "%20AND%20", "9", "%C3%A9"), 1<<random.IntN(14))
	}
	return oddTexts[random.IntN(len(oddTexts))]
}

// queryFault adds or replaces parameters.
func queryFault(random *rand.Rand, o described, r *hostileRequest) {
	name := pick(random, "x", "filter", "pageSize", "Filter", "%00", "a%zz", "", "scheduleIds", strings.Repeat("n", 3000))
	value := oddText(random)
	if len(o.query) > 0 && random.IntN(8) > 0 {
		p := o.query[random.IntN(len(o.query))]
		if name = p.Name; random.IntN(3) == 0 && p.Example != nil {
			value = url.QueryEscape(fmt.Sprint(p.Example))
		}
	}
	path, query, _ := strings.Cut(r.target, "?")
	pair := pick(random, name+"="+value, name+"="+value, name+"="+value, name, "&&"+name+"="+value+"&", name+"="+value+";"+name+"="+value, "="+value)
	if random.IntN(15) == 0 {
		pair = strings.Repeat(pair+"&", min(2000, 400_000/(1+len(pair)))/(1+random.IntN(50))+1)
	}
	if query != "" && random.IntN(3) > 0 {
		pair = query + "&" + pair
	}
	r.target = path + "?" + pair
}

// pathFault changes the path or a value in it.
func pathFault(random *rand.Rand, _ described, r *hostileRequest) {
	path, query, found := strings.Cut(r.target, "?")
	segments := strings.Split(path, "/")
	at := 1 + random.IntN(len(segments)-1)
	switch random.IntN(10) {
	case 0:
		segments[at] = "/" + segments[at]
	case 1:
		segments[at] += pick(random, "/", "//", "/.", "/..", "%2F", "?", ";a=b", "%20", ".json")
	case 2:
		segments[at] = strings.ToUpper(segments[at])
	case 3:
		segments = slices.Insert(segments, at, pick(random, "..", ".", "%2e%2e", "%00", ""))
	case 4:
		if len(segments) > 2 && segments[1] == "csapi" {
			segments[2] = pick(random, "v1.1", "v1.2", "v1.4", "V1.3", "")
		}
	case 5:
		segments[0] = pick(random, "http://127.0.0.1", "http://[::1]:80", "")
	default:
		segments[len(segments)-1-random.IntN(min(2, len(segments)-1))] = strings.NewReplacer("?", "%3F", " ", "%20").Replace(oddText(random))
	}
	if r.target = strings.Join(segments, "/"); found {
		r.target += "?" + query
	}
}

// headerFault changes a header, or adds one.
func headerFault(random *rand.Rand, _ described, r *hostileRequest) {
	token, kind := "", pick(random, "application/json", "application/json; charset=utf-16", "text/plain", "application/xml", "multipart/form-data",
		"multipart/form-data; boundary=", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json;;", "/", "", "application/json\xff", "*/*")
	r.headers = slices.DeleteFunc(r.headers, func(h string) bool {
		if value, found := strings.CutPrefix(h, "Authorization: "); found {
			token = value
		}
		return strings.HasPrefix(h, "Authorization:")
	})
	authorization := "Authorization: " + token
	switch random.IntN(10) {
	case 0:
		return // none
	case 1:
		authorization = "Authorization: " + pick(random, "Bearer", "Bearer ", "Bearer a.b.c", "Basic", "Basic !!!", "Basic OjpmOg==", "Basic dGVzdGVyOg==", "Digest x", token+"x", "\xff", strings.Repeat("a", 9000))
	case 2:
		r.headers = append(r.headers, "Authorization: Bearer second")
	case 3, 4, 5:
		r.headers = slices.DeleteFunc(r.headers, func(h string) bool { return strings.HasPrefix(h, "Content-Type:") })
		r.headers = append(r.headers, "Content-Type: "+kind)
	case 6:
		r.headers = append(r.headers, "Content-Type: "+kind) // perhaps a second one
	case 7:
		r.headers = append(r.headers, "Content-Encoding: gzip")
	case 8:
		r.headers = append(r.headers, "X-QCS-Explain: all")
	default:
		r.headers = append(r.headers, pick(random, "Origin: https://evil.example.com", "Origin: %", "Sec-Fetch-Site: cross-site", "X-QCS-Fault: {", "Accept: text/html",
			"If-None-Match: *", "Range: bytes=0-1", "X-Request-Id: \xff", "Content-Language: "+strings.Repeat("x", 100_000), "X-Forwarded-For: 1", "X-HTTP-Method-Override: DELETE", "Upgrade: h2c"))
	}
	r.headers = append(r.headers, authorization)
}

func methodFault(random *rand.Rand, _ described, r *hostileRequest) {
	r.method = pick(random, "GET", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "POST", "PUT", "DELETE", "get", "X")
}

func framingFault(random *rand.Rand, _ described, r *hostileRequest) {
	r.framing = pick(random, chunked, chunked, both, tooLong, invalid)
}

// bodyFault replaces the body.
func bodyFault(random *rand.Rand, _ described, r *hostileRequest) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(r.body)
	_ = w.Close()
	n := 1 << random.IntN(16)
	r.body = []byte(pick(random, "", " ", "{}", "[]", "null", "true", "0", `""`, "{", "}", "[{}", "\xef\xbb\xbf{}", "\xef\xbb\xbf"+string(r.body), "\xff\xfe{\x00}\x00", zipped.String(),
		strings.Repeat("[", n), strings.Repeat(`{"a":`, n), strings.Repeat("[", n)+strings.Repeat("]", n), "<a/>", "a=b&c", "%zz=%zz", "username=%zz&password=%", "username=a&username=b&password=c&token=true",
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{}\r\n--x--\r\n", "--x\r\n\r\n", "--x--", string(r.body)+string(r.body), string(r.body)+"\x00", "username="+strings.Repeat("a", n)+"&password=b"))
}

// largeBody makes the body up to 4 MiB long, seldom: such requests take long.
func largeBody(random *rand.Rand, _ described, r *hostileRequest) {
	if random.IntN(4) > 0 {
		return
	}
	size := pick(random, 1<<20, 1<<20+1, 300_000, 3<<20, maxHostileBody, 1+random.IntN(maxHostileBody))
	filler := []byte(pick(random, " ", "a", "\x00", "\"\\u0000\",", "[", `{"k":`, `"k":1,`, "1,"))
	filling := bytes.Repeat(filler, size/len(filler)+1)[:size]
	switch random.IntN(3) {
	case 0:
		r.body = append(filling, r.body...)
	case 1:
		r.body = append(slices.Clone(r.body), filling...)
	default:
		r.body = slices.Concat([]byte(`{"name":"`), filling, []byte(`"}`))
	}
}

// strangeValues are JSON values to put into a body.
var strangeValues = []string{
	`null`, `true`, `0`, `-1`, `1.5`, `1e300`, `-0`, `1e999`, `99999999999999999999`, `9223372036854775807`, `-9223372036854775808`, `2147483648`, `0.1e1`, `253402300800000`,
	`""`, `" "`, `"a\u0000b"`, `"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", `"é"`, `"😀"`, `"../../etc/passwd"`, `"http://"`, `"https://user:p@h"`, `"https://a.example.com"`, `"V2"`, `"team/*"`, `".*("`, `"(a+)+$"`,
	`"2026-02-30T00:00:00Z"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"24:00"`, `"MONDAY"`, `"status:Running"`, `"%00"`,
	`[]`, `[null]`, `[[]]`, `["a","a"]`, `{}`, `{"":null}`, `{"a":{"b":{}}}`, `[1,"a",{}]`,
}

// treeFault changes a place of the JSON value of the body.
func treeFault(random *rand.Rand, _ described, r *hostileRequest) {
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	if decoder.Decode(&tree) == nil {
		r.body = asJSON(changedValue(random, tree))
	}
}

func changedValue(random *rand.Rand, v any) any {
	strange := json.RawMessage(strangeValues[random.IntN(len(strangeValues))])
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		switch n := random.IntN(10); {
		case n == 0 || len(keys) == 0:
			v[pick(random, "x", "", "name", "Name", "registryUri", "filters", "\x00", strings.Repeat("k", 300))] = strange
		case n == 1:
			delete(v, keys[random.IntN(len(keys))])
		default:
			key := keys[random.IntN(len(keys))]
			v[key] = changedValue(random, v[key])
		}
		return v
	case []any:
		switch n := random.IntN(6); {
		case len(v) == 0 || n == 0:
			return append(v, strange)
		case n == 1:
			for most := 1 << random.IntN(13); len(v) < most; {
				v = append(v, v[0])
			}
			return v
		}
		at := random.IntN(len(v))
		v[at] = changedValue(random, v[at])
		return v
	case string:
		if random.IntN(6) == 0 {
			return strings.Repeat(v+"x", 1+random.IntN(3000)/(1+len(v)))
		}
	}
	return strange
}

// asJSON is json.Marshal, but keeps the strange values that are not JSON.
func asJSON(v any) []byte {
	var text bytes.Buffer
	switch v := v.(type) {
	case json.RawMessage:
		return v
	case map[string]any:
		text.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				text.WriteByte(',')
			}
			text.Write(asJSON(key))
			text.WriteByte(':')
			text.Write(asJSON(v[key]))
		}
		text.WriteByte('}')
	case []any:
		text.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				text.WriteByte(',')
			}
			text.Write(asJSON(item))
		}
		text.WriteByte(']')
	default:
		data, _ := json.Marshal(v)
		return data
	}
	return text.Bytes()
}

// textFault changes some bytes of the body.
func textFault(random *rand.Rand, _ described, r *hostileRequest) {
	for range 1 + random.IntN(3) {
		at := random.IntN(len(r.body) + 1)
		cut := min(len(r.body), at+random.IntN(3))
		slip := pick(random, `"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, " ", "\n", "\x01", "\x00", `\u0000`, `\ud800`, `\u00zz`, "0", "-", "1e5", "1e999", "null", "\xff", "é", `"a":1,`, `"name":1,`, "%", "&", "=", "\r\n", "\xef\xbb\xbf", "")
		r.body = slices.Concat(r.body[:at], []byte(slip), r.body[cut:])
	}
}
