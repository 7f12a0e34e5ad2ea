package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
)

// operationDocument is a document without its paths. Operations can refer to the response "done".
const operationDocument = `
openapi: 3.0.3
info: {title: sample, version: '1'}
security: [{token: []}]
paths: %s
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
    bearer: {type: http, scheme: Bearer}
    key: {type: apiKey, in: header, name: X-Key}
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a.example', scopes: {read: Read., write: Write.}}}}
  responses:
    done: {description: Done.}
`

const done = `responses: {'200': {$ref: '#/components/responses/done'}}`

// change replaces the paths base by head, and head by base; the listed changes are joined by "; ".
type change struct{ name, base, head, there, back string }

func checkChanges(t *testing.T, rows []change) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			base, head := fmt.Sprintf(operationDocument, tt.base), fmt.Sprintf(operationDocument, tt.head)
			if got := strings.Join(breaking(t, base, head), "; "); got != tt.there {
				t.Errorf("there: got %s, want %s", got, tt.there)
			}
			if got := strings.Join(breaking(t, head, base), "; "); got != tt.back {
				t.Errorf("back: got %s, want %s", got, tt.back)
			}
		})
	}
}

func TestBreakingOperations(t *testing.T) {
	t.Parallel()
	x := `{/x: {get: {operationId: X, ` + done + `}}}`
	checkChanges(t, []change{
		{"a path is removed", `{/x: {get: {operationId: X, ` + done + `}}, /y: {get: {operationId: Y, ` + done + `}}}`, x, "GET /y: is gone", ""},
		{"a method is removed", `{/x: {get: {operationId: X, ` + done + `}, put: {operationId: Y, ` + done + `}}}`, x, "PUT /x: is gone", ""},
		{
			"an operation is renamed", x, `{/x: {get: {operationId: Z, ` + done + `}}}`,
			`GET /x: operationId "X" has become "Z"`, `GET /x: operationId "Z" has become "X"`,
		},
		{
			"a path parameter is renamed", `{'/x/{a}': {get: {operationId: X, parameters: [{name: a, in: path, required: true, schema: {type: string}}], ` + done + `}}}`,
			`{'/x/{b}': {parameters: [{name: b, in: path, required: true, schema: {type: string}}], get: {operationId: X, ` + done + `}}}`, "", "",
		},
		{"credentials become needed", `{/x: {get: {operationId: X, security: [], ` + done + `}}}`, x, "GET /x: is no longer public", ""},
		{"credentials become optional", x, `{/x: {get: {operationId: X, security: [{token: []}, {}], ` + done + `}}}`, "", "GET /x: is no longer public"},
		{
			"other credentials are needed", x, `{/x: {get: {operationId: X, security: [{key: []}], ` + done + `}}}`,
			"GET /x: http bearer no longer suffices", "GET /x: apiKey header X-Key no longer suffices",
		},
		{"a second scheme is needed", x, `{/x: {get: {operationId: X, security: [{token: [], key: []}], ` + done + `}}}`, "GET /x: http bearer no longer suffices", ""},
		{
			"a scope is added", `{/x: {get: {operationId: X, security: [{oauth: [read]}], ` + done + `}}}`, `{/x: {get: {operationId: X, security: [{oauth: [read, write]}], ` + done + `}}}`,
			"GET /x: oauth2 with oauth2 scope read no longer suffices", "",
		},
		{"a scheme is renamed", x, `{/x: {get: {operationId: X, security: [{bearer: []}], ` + done + `}}}`, "", ""},
	})
}

// withParameters makes paths with one operation that has the parameters.
func withParameters(parameters string) string {
	return `{/x: {get: {operationId: X, parameters: [` + parameters + `], ` + done + `}}}`
}

func TestBreakingParameters(t *testing.T) {
	t.Parallel()
	const at = `GET /x: query parameter "a": `
	var rows []change
	for _, tt := range []struct{ name, base, head, there, back string }{
		{"an optional parameter is removed", `{name: a, in: query, schema: {type: string}}`, ``, "is gone", ""},
		{"a required parameter is added", ``, `{name: a, in: query, required: true, schema: {type: string}}`, "is new and required", "is gone"},
		{"a parameter becomes required", `{name: a, in: query, schema: {}}`, `{name: a, in: query, required: true, schema: {}}`, "has become required", ""},
		{"an empty value is refused", `{name: a, in: query, allowEmptyValue: true, schema: {}}`, `{name: a, in: query, schema: {}}`, "can no longer be empty", ""},
		{
			"a list is no longer repeated", `{name: a, in: query, schema: {type: array, items: {}}}`, `{name: a, in: query, explode: false, schema: {type: array, items: {}}}`,
			"written as form exploded has become form", "written as form has become form exploded",
		},
		{
			"the style of a list changes", `{name: a, in: query, explode: false, schema: {type: array, items: {}}}`, `{name: a, in: query, style: pipeDelimited, schema: {type: array, items: {}}}`,
			"written as form has become pipeDelimited", "written as pipeDelimited has become form",
		},
		{
			"explode means nothing for a single value", `{name: a, in: query, schema: {type: string}}`, `{name: a, in: query, explode: false, schema: {type: string}}`, "", "",
		},
		{
			"a value is written as JSON", `{name: a, in: query, schema: {type: string}}`, `{name: a, in: query, content: {application/json: {schema: {type: string}}}}`,
			"written as form has become content", "content type application/json is gone; " + at + "written as content has become form exploded",
		},
		{
			"the type changes", `{name: a, in: query, schema: {type: string}}`, `{name: a, in: query, schema: {type: integer}}`,
			"type string has become integer", "type integer has become string",
		},
		{"a bound is added", `{name: a, in: query, schema: {type: string}}`, `{name: a, in: query, schema: {type: string, maxLength: 3}}`, "maxLength 3 is new", ""},
	} {
		row := change{tt.name, withParameters(tt.base), withParameters(tt.head), tt.there, tt.back}
		if row.there != "" {
			row.there = at + row.there
		}
		if row.back != "" {
			row.back = at + row.back
		}
		rows = append(rows, row)
	}
	checkChanges(t, append(rows,
		change{
			"a header is spelled otherwise", withParameters(`{name: X-A, in: header, schema: {}}`), withParameters(`{name: x-a, in: header, schema: {}}`), "", "",
		},
		change{
			"the operation overrides the parameter of the path",
			`{/x: {parameters: [{name: a, in: query, required: true, schema: {}}], get: {operationId: X, parameters: [{name: a, in: query, schema: {}}], ` + done + `}}}`,
			withParameters(`{name: a, in: query, schema: {}}`), "", "",
		},
	))
}

func TestBreakingBodies(t *testing.T) {
	t.Parallel()
	body := func(text string) string { return `{/x: {post: {operationId: X, ` + text + done + `}}}` }
	checkChanges(t, []change{
		{
			"a body becomes required", body(`requestBody: {content: {text/plain: {}}}, `), body(`requestBody: {required: true, content: {text/plain: {}}}, `),
			"POST /x: request body: has become required", "",
		},
		{
			"a required body is added", body(``), body(`requestBody: {required: true, content: {text/plain: {}}}, `),
			"POST /x: request body: is new and required", "POST /x: request body: is gone",
		},
		{"an optional body is added", body(``), body(`requestBody: {content: {text/plain: {}}}, `), "", "POST /x: request body: is gone"},
		{
			"a content type is removed", body(`requestBody: {content: {text/plain: {}, text/csv: {}}}, `), body(`requestBody: {content: {text/csv: {}}}, `),
			"POST /x: request body: content type text/plain is gone", "",
		},
		{
			"a content type becomes a range", body(`requestBody: {content: {text/plain: {}}}, `), body(`requestBody: {content: {text/*: {}}}, `),
			"", "POST /x: request body: content type text/* is gone",
		},
	})
}

func TestBreakingAnswers(t *testing.T) {
	t.Parallel()
	answers := func(text string) string { return `{/x: {get: {operationId: X, responses: {` + text + `}}}}` }
	checkChanges(t, []change{
		{"a success is removed", answers(`'200': {description: A.}, '204': {description: B.}`), answers(`'200': {description: A.}`), "GET /x: answer 204: is gone", ""},
		{"an error is removed", answers(`'200': {description: A.}, '404': {description: B.}`), answers(`'200': {description: A.}`), "GET /x: answer 404: is gone", ""},
		{"a status becomes a range", answers(`'404': {description: A.}`), answers(`4XX: {description: A.}`), "", "GET /x: answer 4XX: is gone"},
		{
			"a content type is removed", answers(`'200': {description: A., content: {text/plain: {}, text/csv: {}}}`), answers(`'200': {description: A., content: {text/csv: {}}}`),
			"GET /x: answer 200: content type text/plain is gone", "",
		},
		{
			"a content type becomes a range", answers(`'200': {description: A., content: {text/plain: {}}}`), answers(`'200': {description: A., content: {text/*: {}}}`),
			"GET /x: answer 200: content type text/plain is gone", "GET /x: answer 200: content type text/* is gone",
		},
		{
			"a header is removed", answers(`'200': {description: A., headers: {X-A: {schema: {type: string}}}}`), answers(`'200': {description: A.}`),
			`GET /x: answer 200: header "X-A": is gone`, "",
		},
		{
			"a header becomes optional", answers(`'200': {description: A., headers: {X-A: {required: true, schema: {type: string}}}}`),
			answers(`'200': {description: A., headers: {x-a: {schema: {type: string}}}}`), `GET /x: answer 200: header "X-A": has become optional`, "",
		},
	})
}

const componentDocument = `
openapi: 3.0.3
info: {title: sample, version: '1'}
paths:
  /x:
    post:
      operationId: X
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/%[1]s'}}}}
      responses:
        '200': {description: Done., content: {application/json: {schema: {$ref: '#/components/schemas/%[1]s'}}}}
        '201': {description: Done., content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/%[1]s'}}}}}
components:
  schemas:
    %[1]s:
      type: object
      properties:
        value: {type: %[2]s}
        next: {$ref: '#/components/schemas/%[1]s'}
        other: {oneOf: [{type: string}, {$ref: '#/components/schemas/%[1]s'}]}
        parts: {type: array, items: {allOf: [{$ref: '#/components/schemas/%[1]s'}]}}
        list: {$ref: '#/components/schemas/%[1]sList'}
        never: {not: {$ref: '#/components/schemas/%[1]s'}}
    %[1]sList:
      anyOf: [{$ref: '#/components/schemas/%[1]sList'}, {type: array, items: {$ref: '#/components/schemas/%[1]s'}}]
`

func TestBreakingComponentsThatContainThemselves(t *testing.T) {
	t.Parallel()
	document := func(name, kind string) string { return fmt.Sprintf(componentDocument, name, kind) }
	for _, tt := range []struct {
		name, head string
		want       []string
	}{
		{"a component is renamed", document("Leaf", "string"), nil},
		{"a change is listed once for each direction", document("Node", "integer"), []string{
			"schema Node in answers at /value: type string has become integer",
			"schema Node in requests at /never: excludes values that it took",
			"schema Node in requests at /value: type string has become integer",
		}},
		{"a change of a renamed component is listed where it is used", document("Leaf", "integer"), []string{
			"POST /x: answer 200 as application/json at /value: type string has become integer",
			"POST /x: answer 201 as application/json at /*/value: type string has become integer",
			"POST /x: request body as application/json at /never: excludes values that it took",
			"POST /x: request body as application/json at /value: type string has become integer",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, breaking(t, document("Node", "string"), tt.head)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBreakingOfTheRealDocument(t *testing.T) {
	t.Parallel()
	base := string(openapi.YAML)
	for _, tt := range []struct {
		name, old, new string
		want           []string
	}{
		{"nothing changes", "", "", nil},
		{"an operation is removed", "    put:\n      operationId: UpdateSchedule\n", "    x-put:\n      operationId: UpdateSchedule\n", []string{
			"PUT /csapi/v1.3/registry/{registryId}/schedule/{scheduleId}: is gone",
		}},
		{"a field becomes required", "      required: [filters]\n", "      required: [filters, name]\n", []string{
			"schema ScheduleRequest in requests at /name: has become required",
		}},
		{"a required field is added", "      required: [filters]\n      properties:\n", "      required: [filters, owner]\n      properties:\n        owner: {type: string}\n", []string{
			"schema ScheduleRequest in requests at /owner: is new and required",
		}},
		{"an error loses a required field", "required: [errorCode, message, timestamp]", "required: [errorCode, message]", []string{
			"schema PolicyRefusal in answers at /(ResponseError)/timestamp: has become optional",
			"schema ResponseError in answers at /timestamp: has become optional",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			head := strings.Replace(base, tt.old, tt.new, 1)
			if tt.old != "" && head == base {
				t.Fatal("the document has no such text")
			}
			if diff := cmp.Diff(tt.want, breaking(t, base, head)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := breaking(t, base, string(openapi.JSON)); got != nil {
		t.Errorf("YAML and JSON: got %v, want nothing", got)
	}
}

func TestBreakingRefusesWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(operationDocument, `{}`)
	for _, tt := range []struct{ name, base, head, want string }{
		{"the base is no YAML", "{", good, "base: read document: "},
		{"the head has no version", good, "paths: {}", "head: document: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := contract.Breaking([]byte(tt.base), []byte(tt.head))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
}
