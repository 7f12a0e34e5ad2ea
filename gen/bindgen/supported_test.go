package main

import (
	"io"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestOperationsWithoutABinder lists the operations of the document that have no binder, and why.
func TestOperationsWithoutABinder(t *testing.T) {
	t.Parallel()
	spec, err := openapi3.NewLoader().LoadFromFile("../../openapi/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"CreateToken":        "a body that is not only JSON",
		"CreateGCPConnector": "a body that is not only JSON",
	}
	for _, o := range operationsOf(spec) {
		if why := unsupported(o); why != want[o.OperationID] {
			t.Errorf("%s: got %q, want %q", o.OperationID, why, want[o.OperationID])
		}
	}
}

func TestGenerateWithoutTypes(t *testing.T) {
	t.Parallel()
	out := t.TempDir() + "/apiserver/bound.gen.go"
	if err := generate("../../openapi/openapi.json", out, nil, io.Discard); err == nil {
		t.Error("got no error without the types of oapi-codegen")
	}
}

// TestUncheckedKeywords: a parameter with a rule that a binder does not check gets no binder.
func TestUncheckedKeywords(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(list, item *openapi3.Schema){
		"nothing":             func(_, _ *openapi3.Schema) {},
		"an enumeration":      func(_, item *openapi3.Schema) { item.Enum = []any{"a"} },
		"a pattern of items":  func(_, item *openapi3.Schema) { item.Pattern = "^a$" },
		"unique items":        func(list, _ *openapi3.Schema) { list.UniqueItems = true },
		"a minimum of items":  func(list, _ *openapi3.Schema) { list.MinItems = 2 },
		"a bound of a half":   func(_, item *openapi3.Schema) { item.Min = new(0.5) },
		"a format of items":   func(_, item *openapi3.Schema) { item.Format = "uuid" },
		"a choice of schemas": func(list, _ *openapi3.Schema) { list.OneOf = openapi3.SchemaRefs{{Value: item()}} },
	} {
		items := item()
		list := openapi3.NewArraySchema().WithItems(items)
		change(list, items)
		why := unsupportedParameter(openapi3.NewQueryParameter("p").WithSchema(list))
		checked := strings.Contains("nothing, an enumeration, a pattern of items", name)
		if (why == "") != checked {
			t.Errorf("%s: got %q", name, why)
		}
	}
}

func item() *openapi3.Schema { return openapi3.NewStringSchema() }
