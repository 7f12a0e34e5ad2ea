package main

import (
	"io"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestPatternsThatBecomeCode: what can be read without going back becomes code; what cannot stays a regular expression, whose meaning is sure.
func TestPatternsThatBecomeCode(t *testing.T) {
	t.Parallel()
	for pattern, code := range map[string]bool{
		`^[0-9]{12}$`: true, `^([01][0-9]|2[0-3]):[0-5][0-9]$`: true, `^https?://[^/\s]+(/[^\s]*)?$`: true, `^arn:[a-z0-9-]+:iam::[0-9]{12}:role/.+`: true, `^[a-z][a-z0-9_]{0,63}$`: true, `^[0-9]{2,3}[a-z]$`: true, `^x?[^,]*$`: false,
		`^a*ab$`: false, `^(ab)*c$`: false, `^x(abc)?`: false, `^x(abc)?$`: true, `^a[b]?(cd|ef)?`: false, `^[0-9]{2,3}[0-9]$`: false, `^(a|ab)c$`: false, `[0-9]+`: false, `^é$`: false, `^[^a]b$`: false, `^[à-ü]+$`: false, `(?i)^abc$`: false, `^a(b|)c$`: false, `^(a?)*$`: false, `^\bword$`: false, `^.{1,3}$`: false,
	} {
		g := &generator{told: io.Discard, patterns: map[string]string{}}
		g.pattern("X", pattern)
		if got := !strings.Contains(g.helpers.String(), "regexp.MustCompile"); got != code {
			t.Errorf("%s: code is %v, want %v\n%s", pattern, got, code, g.helpers.String())
		}
	}
}

// TestWhatIsLeftToTheReferenceIsTold names each operation that has no binder.
func TestWhatIsLeftToTheReferenceIsTold(t *testing.T) {
	t.Parallel()
	var told strings.Builder
	if err := generate("../../openapi/openapi.json", t.TempDir()+"/apiserver/bound.gen.go", &told); err == nil {
		t.Error("got no error without the types that oapi-codegen writes")
	}
	spec, err := load("../../openapi/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{told: &told}
	left := map[string]string{}
	for _, o := range operationsOf(spec) {
		if why := g.refuses(o); why != "" {
			left[o.OperationID] = why
		}
	}
	want := map[string]string{
		"CreateToken": "a body that is no JSON", "CreateGCPConnector": "a body that is no JSON",
	}
	for id, why := range want {
		if left[id] != why {
			t.Errorf("%s: got %q, want %q", id, left[id], why)
		}
	}
	if len(left) != len(want) {
		t.Errorf("got %v", left)
	}
}

// TestNothingIsLeftUncheckedInSilence: what a binder does not check keeps it from being made.
func TestNothingIsLeftUncheckedInSilence(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(list, item *openapi3.Schema){
		"nothing":             func(_, _ *openapi3.Schema) {},
		"unique items":        func(list, _ *openapi3.Schema) { list.UniqueItems = true },
		"a least number":      func(list, _ *openapi3.Schema) { list.MinItems = 2 },
		"a pattern of items":  func(_, item *openapi3.Schema) { item.Pattern = "^a$" },
		"a bound of a half":   func(_, item *openapi3.Schema) { item.Min = new(0.5) },
		"a format of items":   func(_, item *openapi3.Schema) { item.Format = "uuid" },
		"a choice of schemas": func(list, _ *openapi3.Schema) { list.OneOf = openapi3.SchemaRefs{{Value: openapi3.NewStringSchema()}} },
	} {
		item := openapi3.NewStringSchema()
		list := openapi3.NewArraySchema().WithItems(item)
		change(list, item)
		why := refusesParameter(openapi3.NewQueryParameter("p").WithSchema(list))
		if (why == "") != (name == "nothing") {
			t.Errorf("%s: got %q", name, why)
		}
	}
}
