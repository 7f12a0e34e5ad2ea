package contract

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// shape is one form of a value: schemas that all hold, with what is in their allOf, and with one
// alternative chosen of each oneOf and anyOf.
type shape struct {
	name    string
	schemas []*openapi3.Schema
}

// forms expands schemas that hold together; above are those that are being expanded.
func forms(refs openapi3.SchemaRefs, above []*openapi3.Schema) []shape {
	all := []shape{{}}
	for _, ref := range refs {
		all = combine(all, formsOf(ref.Value, above))
	}
	return all
}

func formsOf(s *openapi3.Schema, above []*openapi3.Schema) []shape {
	if slices.Contains(above, s) {
		return []shape{{}}
	}
	above = append(slices.Clone(above), s)
	all := combine([]shape{{schemas: []*openapi3.Schema{s}}}, forms(s.AllOf, above))
	for _, choice := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(choice) > 0 {
			all = combine(all, alternatives(choice, above))
		}
	}
	return all
}

// alternatives names each one by its component or its number.
func alternatives(choice openapi3.SchemaRefs, above []*openapi3.Schema) []shape {
	var all []shape
	for i, ref := range choice {
		name := strconv.Itoa(i + 1)
		if ref.Ref != "" {
			name = path.Base(ref.Ref)
		}
		all = append(all, combine([]shape{{name: name}}, formsOf(ref.Value, above))...)
	}
	return all
}

func combine(a, b []shape) []shape {
	var all []shape
	for _, x := range a {
		for _, y := range b {
			all = append(all, shape{strings.Trim(x.name+" "+y.name, " "), slices.Concat(x.schemas, y.schemas)})
		}
	}
	return all
}

func (s shape) types() []string {
	for _, schema := range s.schemas {
		if !schema.Type.IsEmpty() {
			return schema.Type.Slice()
		}
	}
	return nil
}

func (s shape) format() string {
	for _, schema := range s.schemas {
		if schema.Format != "" {
			return schema.Format
		}
	}
	return ""
}

func (s shape) nullable() bool {
	return slices.ContainsFunc(s.schemas, func(schema *openapi3.Schema) bool { return schema.Nullable })
}

func (s shape) unique() bool {
	return slices.ContainsFunc(s.schemas, func(schema *openapi3.Schema) bool { return schema.UniqueItems })
}

// enum lists the values as JSON; nil means all.
func (s shape) enum() []string {
	var all []string
	for _, schema := range s.schemas {
		if len(schema.Enum) == 0 {
			continue
		}
		values := make([]string, 0, len(schema.Enum))
		for _, v := range schema.Enum {
			text, _ := json.Marshal(v) // it comes from JSON
			if all == nil || slices.Contains(all, string(text)) {
				values = append(values, string(text))
			}
		}
		all = values
	}
	return all
}

func (s shape) patterns() []string {
	var all []string
	for _, schema := range s.schemas {
		if schema.Pattern != "" {
			all = append(all, schema.Pattern)
		}
	}
	return all
}

func (s shape) multiples() []float64 {
	var all []float64
	for _, schema := range s.schemas {
		if schema.MultipleOf != nil {
			all = append(all, *schema.MultipleOf)
		}
	}
	return all
}

func (s shape) except() openapi3.SchemaRefs {
	var all openapi3.SchemaRefs
	for _, schema := range s.schemas {
		all = append(all, schemaOf(schema.Not)...)
	}
	return all
}

func (s shape) items() openapi3.SchemaRefs {
	var all openapi3.SchemaRefs
	for _, schema := range s.schemas {
		all = append(all, schemaOf(schema.Items)...)
	}
	return all
}

// properties are those that travel in the direction: requests carry none that are read-only,
// answers none that are write-only.
func (s shape) properties(request bool) map[string]openapi3.SchemaRefs {
	all := map[string]openapi3.SchemaRefs{}
	for _, schema := range s.schemas {
		for name, ref := range schema.Properties {
			if hidden := request && ref.Value.ReadOnly || !request && ref.Value.WriteOnly; !hidden {
				all[name] = append(all[name], ref)
			}
		}
	}
	return all
}

// required lists the names that must be there, without properties that travel in the other
// direction only.
func (s shape) required(request bool) []string {
	here, anywhere := s.properties(request), s.declared()
	var all []string
	for _, schema := range s.schemas {
		for _, name := range schema.Required {
			if here[name] != nil || !anywhere[name] {
				all = append(all, name)
			}
		}
	}
	return all
}

func (s shape) declared() map[string]bool {
	all := map[string]bool{}
	for _, schema := range s.schemas {
		for name := range schema.Properties {
			all[name] = true
		}
	}
	return all
}

// others returns what holds for properties without a name of their own, and whether there may be
// any.
func (s shape) others() (refs openapi3.SchemaRefs, open bool) {
	open = true
	for _, schema := range s.schemas {
		if has := schema.AdditionalProperties.Has; has != nil && !*has {
			open = false
		}
		refs = append(refs, schemaOf(schema.AdditionalProperties.Schema)...)
	}
	return refs, open
}

// bound is the tightest one of a keyword.
func (s shape) bound(l limit) *bound {
	var tightest *bound
	for _, schema := range s.schemas {
		if b := l.of(schema); b != nil && (tightest == nil || l.tighter(b, tightest)) {
			tightest = b
		}
	}
	return tightest
}

// limit is a keyword that bounds values.
type limit struct {
	keyword string
	upper   bool
	of      func(*openapi3.Schema) *bound
}

type bound struct {
	value float64
	text  string
}

func (l limit) tighter(a, b *bound) bool {
	if l.upper {
		return a.value < b.value
	}
	return a.value > b.value
}

var limits = []limit{
	{"minimum", false, minimum},
	{"maximum", true, maximum},
	{"minLength", false, func(s *openapi3.Schema) *bound { return atLeast(s.MinLength) }},
	{"maxLength", true, func(s *openapi3.Schema) *bound { return atMost(s.MaxLength) }},
	{"minItems", false, func(s *openapi3.Schema) *bound { return atLeast(s.MinItems) }},
	{"maxItems", true, func(s *openapi3.Schema) *bound { return atMost(s.MaxItems) }},
	{"minProperties", false, func(s *openapi3.Schema) *bound { return atLeast(s.MinProps) }},
	{"maxProperties", true, func(s *openapi3.Schema) *bound { return atMost(s.MaxProps) }},
}

func minimum(s *openapi3.Schema) *bound {
	switch {
	case s.Min == nil:
		return nil
	case s.ExclusiveMin.IsTrue():
		return &bound{math.Nextafter(*s.Min, math.Inf(1)), fmt.Sprintf("above %v", *s.Min)}
	}
	return &bound{*s.Min, fmt.Sprint(*s.Min)}
}

func maximum(s *openapi3.Schema) *bound {
	switch {
	case s.Max == nil:
		return nil
	case s.ExclusiveMax.IsTrue():
		return &bound{math.Nextafter(*s.Max, math.Inf(-1)), fmt.Sprintf("below %v", *s.Max)}
	}
	return &bound{*s.Max, fmt.Sprint(*s.Max)}
}

func atLeast(n uint64) *bound {
	if n == 0 {
		return nil
	}
	return atMost(&n)
}

func atMost(n *uint64) *bound {
	if n == nil {
		return nil
	}
	return &bound{float64(*n), strconv.FormatUint(*n, 10)}
}
