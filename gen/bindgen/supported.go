package main

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// The keywords that the generated code checks, by type. An operation with others gets no binder.
var (
	bodyKeywords = map[string]string{
		"object":  "properties required nullable",
		"array":   "items minItems maxItems",
		"boolean": "nullable",
		"integer": "minimum maximum format enum not nullable",
		"string":  "minLength maxLength pattern format enum nullable",
	}
	parameterKeywords = map[string]string{
		"path string":   "minLength maxLength",
		"query string":  "minLength maxLength pattern enum",
		"query integer": "minimum maximum enum",
	}
)

// annotations are the keywords that do not restrict a value.
const annotations = " type title description example default deprecated writeOnly"

// maxBits limits parameters and properties: a generated binder has one bit of a uint64 for each.
const maxBits = 64

// unsupported says why an operation gets no binder; "" when it gets one.
func unsupported(o operation) string {
	if len(o.pathParams) > 2 { // the handlers take [2]string
		return "too many parameters in the path"
	}
	if len(o.query) > maxBits {
		return "too many parameters in the query"
	}
	for _, p := range slices.Concat(o.pathParams, o.query) {
		if why := unsupportedParameter(p); why != "" {
			return "parameter " + p.Name + ": " + why
		}
	}
	if o.RequestBody == nil || !o.RequestBody.Value.Required {
		return "" // the handler leaves a request with a body to package contract
	}
	media := o.RequestBody.Value.Content["application/json"]
	if media == nil || len(o.RequestBody.Value.Content) != 1 {
		return "a body that is not only JSON"
	}
	if why := unsupportedSchema(media.Schema.Value, map[*openapi3.Schema]bool{}); why != "" {
		return "its body has " + why
	}
	return ""
}

func unsupportedParameter(p *openapi3.Parameter) string {
	s, query := p.Schema.Value, p.In == openapi3.ParameterInQuery
	method, err := p.SerializationMethod()
	if err != nil || p.Content != nil || p.AllowReserved || query && method.Style != openapi3.SerializationForm {
		return "its style"
	}
	if s.Items != nil && query && method.Explode {
		if otherKeyword(s, bodyKeywords["array"]) != "" || s.MinItems > 1 { // a list in a query has an item
			return "its schema"
		}
		s = s.Items.Value
	}
	known, ok := parameterKeywords[p.In+" "+typeOf(s)]
	if !ok || !expressible(s) || otherKeyword(s, known) != "" {
		return "its place or schema"
	}
	return ""
}

func unsupportedSchema(s *openapi3.Schema, visited map[*openapi3.Schema]bool) string {
	if visited[s] {
		return ""
	}
	visited[s] = true
	known, ok := bodyKeywords[typeOf(s)]
	if other := otherKeyword(s, known); other != "" {
		return other
	}
	switch {
	case !ok:
		return "the type " + typeOf(s)
	case !slices.Contains([]string{"", "int64", "date-time"}, s.Format):
		return "the format " + s.Format
	case !expressible(s):
		return "bounds that it does not know"
	case s.Items != nil:
		return unsupportedSchema(s.Items.Value, visited)
	}
	for _, p := range s.Properties {
		if why := unsupportedSchema(p.Value, visited); why != "" {
			return why
		}
	}
	return ""
}

// otherKeyword returns a keyword of a schema that restricts values and is not among the known ones.
func otherKeyword(s *openapi3.Schema, known string) string {
	var keywords map[string]any
	if data, err := s.MarshalJSON(); err != nil || json.Unmarshal(data, &keywords) != nil {
		return "a schema without JSON"
	}
	for _, key := range slices.Sorted(maps.Keys(keywords)) {
		if !strings.HasPrefix(key, "x-") && !slices.Contains(strings.Fields(known+annotations), key) {
			return key
		}
	}
	return ""
}

// expressible reports whether the bounds of a number are whole, an excluded range has both ends,
// and an object has at most maxBits properties.
func expressible(s *openapi3.Schema) bool {
	for _, bound := range []*float64{s.Min, s.Max} {
		if bound != nil && *bound != math.Trunc(*bound) {
			return false
		}
	}
	return (s.Not == nil || s.Not.Value.Min != nil && s.Not.Value.Max != nil) && len(s.Properties) <= maxBits
}

func typeOf(s *openapi3.Schema) string { return strings.Join(s.Type.Slice(), " or ") }
