package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/openapi/contract"
)

// effect has the changes that are listed when the schema is the body of a request, and when it is
// the body of an answer; they are joined by "; ".
type effect struct{ request, answer string }

// schemaChange replaces the schema base by head, and head by base, so that each row shows a change
// and its opposite.
type schemaChange struct {
	name, base, head string
	there, back      effect
}

const schemaDocument = `
openapi: 3.0.3
info: {title: sample, version: '1'}
paths:
  /x:
    post:
      operationId: Do
      requestBody: {content: {application/json: {schema: %[1]s}}}
      responses:
        '200': {description: Done., content: {application/json: {schema: %[1]s}}}
`

func checkSchemaChanges(t *testing.T, rows []schemaChange) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			base, head := fmt.Sprintf(schemaDocument, tt.base), fmt.Sprintf(schemaDocument, tt.head)
			if diff := cmp.Diff(tt.there, effectOf(t, base, head), cmp.AllowUnexported(effect{})); diff != "" {
				t.Errorf("there (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.back, effectOf(t, head, base), cmp.AllowUnexported(effect{})); diff != "" {
				t.Errorf("back (-want +got):\n%s", diff)
			}
			if got := effectOf(t, head, head); got != (effect{}) {
				t.Errorf("the same document: got %+v, want nothing", got)
			}
		})
	}
}

func effectOf(t *testing.T, base, head string) effect {
	t.Helper()
	var request, answer []string
	for _, line := range breaking(t, base, head) {
		if rest, ok := strings.CutPrefix(line, "POST /x: request body as application/json"); ok {
			request = append(request, "body"+rest)
			continue
		}
		rest, ok := strings.CutPrefix(line, "POST /x: answer 200 as application/json")
		if !ok {
			t.Errorf("unexpected change %s", line)
		}
		answer = append(answer, "body"+rest)
	}
	return effect{strings.Join(request, "; "), strings.Join(answer, "; ")}
}

// breaking prints the changes between two documents.
func breaking(t *testing.T, base, head string) []string {
	t.Helper()
	changes, err := contract.Breaking([]byte(base), []byte(head))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return lines
}

func TestBreakingTypes(t *testing.T) {
	t.Parallel()
	checkSchemaChanges(t, []schemaChange{
		{
			"a type is another", `{type: string}`, `{type: boolean}`,
			effect{"body: type string has become boolean", "body: type string has become boolean"},
			effect{"body: type boolean has become string", "body: type boolean has become string"},
		},
		{
			"an integer becomes any number", `{type: integer}`, `{type: number}`,
			effect{"", "body: type integer has become number"}, effect{"body: type number has become integer", ""},
		},
		{
			"a type is left open", `{type: string}`, `{}`,
			effect{"", "body: type string has become any"}, effect{"body: type any has become string", ""},
		},
		{
			"a format is another", `{type: string, format: uuid}`, `{type: string, format: date}`,
			effect{"body: format uuid has become date", "body: format uuid has become date"},
			effect{"body: format date has become uuid", "body: format date has become uuid"},
		},
		{
			"a format is added", `{type: string}`, `{type: string, format: date}`,
			effect{"body: format none has become date", ""}, effect{"", "body: format date has become none"},
		},
		{
			"null is no longer a value", `{type: string, nullable: true}`, `{type: string}`,
			effect{"body: can no longer be null", ""}, effect{"", "body: can be null now"},
		},
		{
			"text for people changes", `{type: string, description: One., example: a, title: A}`, `{type: string, description: Two., deprecated: true, default: b}`,
			effect{}, effect{},
		},
	})
}

func TestBreakingValues(t *testing.T) {
	t.Parallel()
	checkSchemaChanges(t, []schemaChange{
		{
			"an enum value is removed", `{type: string, enum: [a, b]}`, `{type: string, enum: [a]}`,
			effect{`body: value "b" is gone`, ""}, effect{},
		},
		{
			"an enum is added", `{type: integer}`, `{type: integer, enum: [1, 2]}`,
			effect{"body: takes only 1, 2 now", ""}, effect{},
		},
		{
			"a pattern is added", `{type: string}`, `{type: string, pattern: '^a'}`,
			effect{"body: pattern ^a is new", ""}, effect{},
		},
		{
			"a pattern is changed", `{type: string, pattern: '^a'}`, `{type: string, pattern: '^b'}`,
			effect{"body: pattern ^b is new", ""}, effect{"body: pattern ^a is new", ""},
		},
		{
			"repeated items are refused", `{type: array, items: {}}`, `{type: array, items: {}, uniqueItems: true}`,
			effect{"body: takes no repeated items now", ""}, effect{},
		},
		{
			"a multiple is added", `{type: integer}`, `{type: integer, multipleOf: 5}`,
			effect{"body: multipleOf 5 is new", ""}, effect{},
		},
		{
			"a multiple is coarser", `{type: integer, multipleOf: 5}`, `{type: integer, multipleOf: 10}`,
			effect{"body: multipleOf 10 is new", ""}, effect{},
		},
		{
			"values are excluded", `{type: integer}`, `{type: integer, not: {type: integer, minimum: 8}}`,
			effect{"body: excludes values that it took", ""}, effect{},
		},
		{
			"more values are excluded", `{type: integer, not: {type: integer, minimum: 8}}`, `{type: integer, not: {type: integer, minimum: 7}}`,
			effect{"body: excludes values that it took", ""}, effect{},
		},
	})
}

func TestBreakingBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kind, keyword, loose, tight string }{
		{"minimum", "integer", "minimum", "1", "2"},
		{"maximum", "integer", "maximum", "9", "8"},
		{"minimum of a number", "number", "minimum", "0.5", "0.75"},
		{"minimum length", "string", "minLength", "1", "2"},
		{"maximum length", "string", "maxLength", "9", "8"},
		{"minimum of items", "array, items: {}", "minItems", "1", "2"},
		{"maximum of items", "array, items: {}", "maxItems", "9", "8"},
		{"minimum of properties", "object", "minProperties", "1", "2"},
		{"maximum of properties", "object", "maxProperties", "9", "8"},
	} {
		free := fmt.Sprintf("{type: %s}", tt.kind)
		loose := fmt.Sprintf("{type: %s, %s: %s}", tt.kind, tt.keyword, tt.loose)
		tight := fmt.Sprintf("{type: %s, %s: %s}", tt.kind, tt.keyword, tt.tight)
		checkSchemaChanges(t, []schemaChange{
			{tt.name + " is added", free, loose, effect{fmt.Sprintf("body: %s %s is new", tt.keyword, tt.loose), ""}, effect{}},
			{tt.name + " is tightened", loose, tight, effect{fmt.Sprintf("body: %s %s has become %s", tt.keyword, tt.loose, tt.tight), ""}, effect{}},
		})
	}
	checkSchemaChanges(t, []schemaChange{
		{
			"minimum itself is excluded", `{type: number, minimum: 1}`, `{type: number, minimum: 1, exclusiveMinimum: true}`,
			effect{"body: minimum 1 has become above 1", ""}, effect{},
		},
		{
			"maximum itself is excluded", `{type: number, maximum: 1}`, `{type: number, maximum: 1, exclusiveMaximum: true}`,
			effect{"body: maximum 1 has become below 1", ""}, effect{},
		},
	})
}

func TestBreakingProperties(t *testing.T) {
	t.Parallel()
	checkSchemaChanges(t, []schemaChange{
		{
			"a property is removed", `{type: object, properties: {a: {type: string}}}`, `{type: object}`,
			effect{"body at /a: is gone", "body at /a: is gone"}, effect{},
		},
		{
			"a required property is removed", `{type: object, required: [a], properties: {a: {type: string}}}`, `{type: object}`,
			effect{"body at /a: is gone", "body at /a: is gone"}, effect{"body at /a: is new and required", ""},
		},
		{
			"an optional property becomes required", `{type: object, properties: {a: {}}}`, `{type: object, required: [a], properties: {a: {}}}`,
			effect{"body at /a: has become required", ""}, effect{"", "body at /a: has become optional"},
		},
		{
			"a property of a property of an item changes", `{type: array, items: {properties: {a: {properties: {b: {type: string}}}}}}`,
			`{type: array, items: {properties: {a: {properties: {b: {type: integer}}}}}}`,
			effect{"body at /*/a/b: type string has become integer", "body at /*/a/b: type string has become integer"},
			effect{"body at /*/a/b: type integer has become string", "body at /*/a/b: type integer has become string"},
		},
		{
			"items get a type", `{type: array, items: {}}`, `{type: array, items: {type: string}}`,
			effect{"body at /*: type any has become string", ""}, effect{"", "body at /*: type string has become any"},
		},
		{
			"a property is for answers only", `{type: object, required: [a], properties: {a: {}}}`, `{type: object, required: [a], properties: {a: {readOnly: true}}}`,
			effect{"body at /a: is gone", ""}, effect{"body at /a: is new and required", ""},
		},
		{
			"a property is for requests only", `{type: object, required: [a], properties: {a: {}}}`, `{type: object, required: [a], properties: {a: {writeOnly: true}}}`,
			effect{"", "body at /a: is gone"}, effect{},
		},
		{
			"other properties are refused", `{type: object, additionalProperties: true}`, `{type: object, additionalProperties: false}`,
			effect{"body: has no other properties any more", ""}, effect{},
		},
		{
			"other properties are refused where nothing was said", `{type: object}`, `{type: object, additionalProperties: false}`,
			effect{"body: has no other properties any more", ""}, effect{},
		},
		{
			"other properties are refused where they had a type", `{type: object, additionalProperties: {type: integer}}`, `{type: object, additionalProperties: false}`,
			effect{"body: has no other properties any more", "body: has no other properties any more"}, effect{},
		},
		{
			"other properties get a type", `{type: object}`, `{type: object, additionalProperties: {type: integer}}`,
			effect{"body at /*: type any has become integer", ""}, effect{"", "body at /*: type integer has become any"},
		},
	})
}

func TestBreakingForms(t *testing.T) {
	t.Parallel()
	checkSchemaChanges(t, []schemaChange{
		{
			"an alternative is removed", `{oneOf: [{type: string}, {type: integer}]}`, `{oneOf: [{type: string}]}`,
			effect{"body at /(2): is no longer taken", ""}, effect{"", "body at /(2): may be sent now"},
		},
		{
			"alternatives are put in another order", `{anyOf: [{type: string}, {type: integer}]}`, `{anyOf: [{type: integer}, {type: string}]}`,
			effect{}, effect{},
		},
		{
			"an alternative is narrowed", `{oneOf: [{type: string}, {type: array, items: {}}]}`, `{oneOf: [{type: string}, {type: array, items: {}, maxItems: 3}]}`,
			effect{"body at /(2): maxItems 3 is new", ""}, effect{},
		},
		{
			"an alternative is added to a plain schema", `{type: string}`, `{oneOf: [{type: integer}, {type: string}]}`,
			effect{"", "body at /(1): may be sent now"}, effect{"body at /(1): is no longer taken", ""},
		},
		{
			"a plain schema is split into others", `{type: boolean}`, `{oneOf: [{type: integer}, {type: string}]}`,
			effect{"body: is no longer taken", "body at /(1): may be sent now; body at /(2): may be sent now"},
			effect{"body at /(1): is no longer taken; body at /(2): is no longer taken", "body: may be sent now"},
		},
		{
			"parts are joined by allOf", `{type: object, required: [a], properties: {a: {type: string, maxLength: 3}, b: {type: integer}}}`,
			`{allOf: [{type: object, required: [a], properties: {a: {type: string}}}, {properties: {a: {maxLength: 3}, b: {type: integer}}}]}`,
			effect{}, effect{},
		},
		{
			"a part of allOf is narrowed", `{allOf: [{type: string}, {enum: [a, b, c]}, {maxLength: 2}]}`, `{allOf: [{type: string}, {enum: [a, b]}, {enum: [b, c]}, {maxLength: 1}]}`,
			effect{`body: maxLength 2 has become 1; body: value "a" is gone; body: value "c" is gone`, ""}, effect{},
		},
	})
}
