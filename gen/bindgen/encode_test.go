package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	. "github.com/qcsdev/qcs/gen/apiserver"
	"github.com/qcsdev/qcs/gen/bindgen/bind"
	"github.com/qcsdev/qcs/openapi"
)

// answers are one of each type of good answers.
var answers = map[string]reflect.Type{
	"ListImages":                 reflect.TypeFor[ListImages200JSONResponse](),
	"DescribeImage":              reflect.TypeFor[DescribeImage200JSONResponse](),
	"ListAssociatedRegistries":   reflect.TypeFor[ListAssociatedRegistries200JSONResponse](),
	"ListVulnerabilities":        reflect.TypeFor[ListVulnerabilities200JSONResponse](),
	"DeleteRegistries":           reflect.TypeFor[DeleteRegistries200JSONResponse](),
	"ListRegistries":             reflect.TypeFor[ListRegistries200JSONResponse](),
	"CreateRegistry":             reflect.TypeFor[CreateRegistry200JSONResponse](),
	"CreateACRConnector":         reflect.TypeFor[CreateACRConnector200JSONResponse](),
	"DescribeACRConnector":       reflect.TypeFor[DescribeACRConnector200JSONResponse](),
	"ListACRConnectors":          reflect.TypeFor[ListACRConnectors200JSONResponse](),
	"DescribeAWSBase":            reflect.TypeFor[DescribeAWSBase200JSONResponse](),
	"CreateAWSConnector":         reflect.TypeFor[CreateAWSConnector200JSONResponse](),
	"ListAWSConnectors":          reflect.TypeFor[ListAWSConnectors200JSONResponse](),
	"ListAWSConnectorsOfAccount": reflect.TypeFor[ListAWSConnectorsOfAccount200JSONResponse](),
	"CreateGCPConnector":         reflect.TypeFor[CreateGCPConnector200JSONResponse](),
	"DescribeGCPConnector":       reflect.TypeFor[DescribeGCPConnector200JSONResponse](),
	"ListGCPConnectors":          reflect.TypeFor[ListGCPConnectors200JSONResponse](),
	"ValidateRegistry":           reflect.TypeFor[ValidateRegistry200JSONResponse](),
	"DeleteRegistry":             reflect.TypeFor[DeleteRegistry200JSONResponse](),
	"DescribeRegistry":           reflect.TypeFor[DescribeRegistry200JSONResponse](),
	"UpdateRegistry":             reflect.TypeFor[UpdateRegistry200JSONResponse](),
	"ListRepositories":           reflect.TypeFor[ListRepositories200JSONResponse](),
	"DeleteSchedulesByBody":      reflect.TypeFor[DeleteSchedulesByBody200JSONResponse](),
	"ListSchedules":              reflect.TypeFor[ListSchedules200JSONResponse](),
	"CreateSchedule":             reflect.TypeFor[CreateSchedule200JSONResponse](),
	"DeleteSchedules":            reflect.TypeFor[DeleteSchedules200JSONResponse](),
	"CancelSchedules":            reflect.TypeFor[CancelSchedules200JSONResponse](),
	"DeleteSchedule":             reflect.TypeFor[DeleteSchedule200JSONResponse](),
	"UpdateSchedule":             reflect.TypeFor[UpdateSchedule200JSONResponse](),
	"CancelSchedule":             reflect.TypeFor[CancelSchedule200JSONResponse](),
	"DeleteReports":              reflect.TypeFor[DeleteReports200JSONResponse](),
	"ListReports":                reflect.TypeFor[ListReports200JSONResponse](),
	"CreateReport":               reflect.TypeFor[CreateReport200JSONResponse](),
	"CreateReportSchedule":       reflect.TypeFor[CreateReportSchedule200JSONResponse](),
	"UpdateReportSchedule":       reflect.TypeFor[UpdateReportSchedule200JSONResponse](),
	"CreatePolicy":               reflect.TypeFor[CreatePolicy200JSONResponse](),
	"DescribePolicy":             reflect.TypeFor[DescribePolicy200JSONResponse](),
	"UpdatePolicy":               reflect.TypeFor[UpdatePolicy200JSONResponse](),
}

// TestEncodersWriteWhatEncodingJSONWrites compares answers to the byte with those that the generated strict server writes, and looks for their length.
func TestEncodersWriteWhatEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	j := newJudge(t, openapi.JSON)
	random := rand.New(rand.NewPCG(1, 2))
	encoded := 0
	for id, kind := range answers {
		route, bound := j.bound[id]
		if !bound {
			continue
		}
		for round := range 300 {
			v := reflect.New(kind).Elem()
			if round > 0 {
				fill(random, v)
			}
			j.catcher.answer = v.Interface()
			want, got := httptest.NewRecorder(), httptest.NewRecorder()
			out := v.MethodByName("Visit" + id + "Response").Call([]reflect.Value{reflect.ValueOf(want)})
			if err, _ := out[0].Interface().(error); err != nil {
				t.Fatal(err)
			}
			if err := route.Serve(got, j.valid(id), bind.PathValues{"r", "s"}); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if got.Body.String() != want.Body.String() || got.Code != want.Code || got.Header().Get("Content-Type") != want.Header().Get("Content-Type") {
				t.Fatalf("%s: got %d\n%s\nwant %d\n%s", id, got.Code, got.Body, want.Code, want.Body)
			}
			if length := got.Header().Get("Content-Length"); length == fmt.Sprint(got.Body.Len()) {
				encoded++
			}
		}
	}
	t.Logf("%d answers are as long as they say", encoded)
	if encoded < 300*len(j.bound)*2/3 {
		t.Error("too few encoders")
	}
}

// valid is a good request to an operation.
func (j *judge) valid(id string) *http.Request {
	route := j.bound[id]
	operation := j.spec.Paths.Value(route.Path).GetOperation(route.Method)
	s := sent{method: route.Method, target: strings.NewReplacer("{", "", "}", "").Replace(route.Path)}
	if operation.RequestBody != nil && operation.RequestBody.Value.Required {
		s.kind, s.body = "application/json", asText(j.examples(operation)[0])
	}
	for _, p := range operation.Parameters {
		if p.Value.In == "query" && p.Value.Required {
			s.target += "?" + p.Value.Name + "=a"
		}
	}
	return s.request()
}

var texts = []string{"", "a", "<a href=\"x\">&</a>", "\x00\x1f\b\f\n\r\t\x7f", "\u2028\u2029", "\xff\xc3", "h\u00e9llo \U0001F600", `back\slash`, strings.Repeat("long ", 50)}

// fill gives a value something of each kind.
func fill(random *rand.Rand, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(random.Int64N(4e9), random.Int64N(1e9)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[random.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, 1 << 60, random.Int64()}[random.IntN(5)])
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Struct:
		for i := range v.NumField() {
			if random.IntN(4) > 0 {
				fill(random, v.Field(i))
			}
		}
	case reflect.Slice:
		all := reflect.MakeSlice(v.Type(), random.IntN(4), 8)
		for i := range all.Len() {
			fill(random, all.Index(i))
		}
		v.Set(all)
	case reflect.Map:
		all := reflect.MakeMap(v.Type())
		for range random.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(random, key)
			fill(random, value)
			all.SetMapIndex(key, value)
		}
		v.Set(all)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(random, v.Elem())
	case reflect.Interface:
		v.Set(reflect.ValueOf(texts[random.IntN(len(texts))]))
	default:
		panic(v.Kind().String())
	}
}

// pageOf50 is a page of 50 registries as a list gives them.
func pageOf50() ListRegistries200JSONResponse {
	var page ListRegistries200JSONResponse
	for i := range 50 {
		page.Data = append(page.Data, api.Registry{
			AWSAccountID: "123456789012", AWSRegion: "us-east-1", Created: 1_700_000_000_000, LastScanned: 1_700_000_100_000, ProviderType: "AWS", RegistryName: fmt.Sprintf("images of team %d", i),
			RegistryType: api.RegistryTypeAWS, RegistryURI: fmt.Sprintf("https://%012d.dkr.ecr.us-east-1.amazonaws.com", i), RegistryUUID: fmt.Sprintf("f677b189-8b54-46ba-9d24-%012d", i), RepoCount: 17,
			ScheduleStatusList: api.ScheduleStatusCounts{"Finished": 12, "Queued": 1, "Running": 2}, TotalImages: 1234, TotalScannedImages: 1200, TotalVulnerableImages: 321, Updated: 1_700_000_200_000,
		})
	}
	page.Count = len(page.Data)
	return page
}
