package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// variant is a list of schemas that a value must satisfy together. A schema and those in its allOf
// belong to one variant; each alternative of a oneOf or anyOf is a variant of its own.
type variant struct {
	name    string // of the alternative; "" when there is only one
	schemas []*openapi3.Schema
}

// variants expands schemas that apply together. Schemas in above are being expanded already; they
// are skipped, because a schema can contain itself.
func variants(refs openapi3.SchemaRefs, above []*openapi3.Schema) []variant {
	all := []variant{{}}
	for _, ref := range refs {
		all = combine(all, variantsOf(ref.Value, above))
	}
	return all
}

func variantsOf(s *openapi3.Schema, above []*openapi3.Schema) []variant {
	if slices.Contains(above, s) {
		return []variant{{}}
	}
	above = append(slices.Clone(above), s)
	all := combine([]variant{{schemas: []*openapi3.Schema{s}}}, variants(s.AllOf, above))
	for _, choice := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(choice) > 0 {
			all = combine(all, alternatives(choice, above))
		}
	}
	return all
}

// alternatives expands a oneOf or anyOf. The name of an alternative is its component or its number.
func alternatives(choice openapi3.SchemaRefs, above []*openapi3.Schema) []variant {
	var all []variant
	for i, ref := range choice {
		name := strconv.Itoa(i + 1)
		if ref.Ref != "" {
			name = path.Base(ref.Ref)
		}
		all = append(all, combine([]variant{{name: name}}, variantsOf(ref.Value, above))...)
	}
	return all
}

// combine returns each variant of a together with each of b.
func combine(a, b []variant) []variant {
	var all []variant
	for _, x := range a {
		for _, y := range b {
			all = append(all, variant{strings.Trim(x.name+" "+y.name, " "), slices.Concat(x.schemas, y.schemas)})
		}
	}
	return all
}

func (v variant) types() []string {
	for _, schema := range v.schemas {
		if !schema.Type.IsEmpty() {
			return schema.Type.Slice()
		}
	}
	return nil
}

func (v variant) format() string {
	return cmp.Or(v.texts(func(s *openapi3.Schema) string { return s.Format })...)
}

// texts returns the values of a keyword; an empty text means that a schema does not have it.
func (v variant) texts(keyword func(*openapi3.Schema) string) (all []string) {
	for _, schema := range v.schemas {
		if text := keyword(schema); text != "" {
			all = append(all, text)
		}
	}
	return all
}

func (v variant) patterns() []string {
	return v.texts(func(s *openapi3.Schema) string { return s.Pattern })
}

func (v variant) nullable() bool {
	return slices.ContainsFunc(v.schemas, func(s *openapi3.Schema) bool { return s.Nullable })
}

func (v variant) unique() bool {
	return slices.ContainsFunc(v.schemas, func(s *openapi3.Schema) bool { return s.UniqueItems })
}

// enum returns the allowed values as JSON; nil means all values.
func (v variant) enum() []string {
	var all []string
	for _, schema := range v.schemas {
		if len(schema.Enum) == 0 {
			continue
		}
		values := make([]string, 0, len(schema.Enum))
		for _, value := range schema.Enum {
			text, _ := json.Marshal(value) // cannot fail: the value was read from JSON
			if all == nil || slices.Contains(all, string(text)) {
				values = append(values, string(text))
			}
		}
		all = values
	}
	return all
}

func (v variant) multiples() (all []float64) {
	for _, schema := range v.schemas {
		if schema.MultipleOf != nil {
			all = append(all, *schema.MultipleOf)
		}
	}
	return all
}

func (v variant) not() openapi3.SchemaRefs {
	return v.refs(func(s *openapi3.Schema) *openapi3.SchemaRef { return s.Not })
}

func (v variant) items() openapi3.SchemaRefs {
	return v.refs(func(s *openapi3.Schema) *openapi3.SchemaRef { return s.Items })
}

func (v variant) refs(keyword func(*openapi3.Schema) *openapi3.SchemaRef) (all openapi3.SchemaRefs) {
	for _, schema := range v.schemas {
		all = append(all, refsOf(keyword(schema))...)
	}
	return all
}

// properties excludes the read-only properties from requests, the write-only ones from answers.
func (v variant) properties(request bool) map[string]openapi3.SchemaRefs {
	all := map[string]openapi3.SchemaRefs{}
	for _, schema := range v.schemas {
		for name, ref := range schema.Properties {
			if hidden := request && ref.Value.ReadOnly || !request && ref.Value.WriteOnly; !hidden {
				all[name] = append(all[name], ref)
			}
		}
	}
	return all
}

// required lists the required properties, except those that occur only in the other direction.
func (v variant) required(request bool) []string {
	here, other := v.properties(request), v.properties(!request)
	var all []string
	for _, schema := range v.schemas {
		for _, name := range schema.Required {
			if here[name] != nil || other[name] == nil {
				all = append(all, name)
			}
		}
	}
	return all
}

// additional returns the schemas of the additional properties, and whether the variant allows any.
func (v variant) additional() (refs openapi3.SchemaRefs, allowed bool) {
	allowed = true
	for _, schema := range v.schemas {
		if has := schema.AdditionalProperties.Has; has != nil && !*has {
			allowed = false
		}
		refs = append(refs, refsOf(schema.AdditionalProperties.Schema)...)
	}
	return refs, allowed
}

// bound returns the strictest value of a keyword; nil when no schema has it.
func (v variant) bound(l limit) *bound {
	var strictest *bound
	for _, schema := range v.schemas {
		if b := l.of(schema); b != nil && (strictest == nil || l.stricter(b, strictest)) {
			strictest = b
		}
	}
	return strictest
}

// limit is a keyword that limits values.
type limit struct {
	keyword string
	upper   bool
	of      func(*openapi3.Schema) *bound
}

// bound is the value of a limit.
type bound struct {
	value float64
	text  string
}

func (l limit) stricter(a, b *bound) bool {
	if l.upper {
		return a.value < b.value
	}
	return a.value > b.value
}

var limits = []limit{
	{"minimum", false, func(s *openapi3.Schema) *bound { return number(s.Min, s.ExclusiveMin, "above") }},
	{"maximum", true, func(s *openapi3.Schema) *bound { return number(s.Max, s.ExclusiveMax, "below") }},
	{"minLength", false, func(s *openapi3.Schema) *bound { return lower(s.MinLength) }},
	{"maxLength", true, func(s *openapi3.Schema) *bound { return upper(s.MaxLength) }},
	{"minItems", false, func(s *openapi3.Schema) *bound { return lower(s.MinItems) }},
	{"maxItems", true, func(s *openapi3.Schema) *bound { return upper(s.MaxItems) }},
	{"minProperties", false, func(s *openapi3.Schema) *bound { return lower(s.MinProps) }},
	{"maxProperties", true, func(s *openapi3.Schema) *bound { return upper(s.MaxProps) }},
}

// number is a limit of numbers. An exclusive limit allows the next number above or below it.
func number(n *float64, exclusive openapi3.ExclusiveBound, side string) *bound {
	switch {
	case n == nil:
		return nil
	case exclusive.IsTrue():
		next := math.Nextafter(*n, map[string]float64{"above": math.Inf(1), "below": math.Inf(-1)}[side])
		return &bound{next, fmt.Sprintf("%s %v", side, *n)}
	}
	return &bound{*n, fmt.Sprint(*n)}
}

// lower is a lower bound; kin-openapi has 0 where the document gives none.
func lower(n uint64) *bound {
	if n == 0 {
		return nil
	}
	return upper(&n)
}

func upper(n *uint64) *bound {
	if n == nil {
		return nil
	}
	return &bound{float64(*n), strconv.FormatUint(*n, 10)}
}
