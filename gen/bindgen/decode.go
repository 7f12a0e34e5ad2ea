package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// hasMore reports whether a schema says something that no binder checks.
func hasMore(s *openapi3.Schema) bool {
	return len(s.OneOf)+len(s.AnyOf)+len(s.AllOf) > 0 || s.UniqueItems || s.MultipleOf != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet() || s.MinProps != 0 || s.MaxProps != nil ||
		s.AdditionalProperties.Schema != nil || s.AdditionalProperties.Has != nil || s.Discriminator != nil || s.ReadOnly
}

// formats are those of numbers that every binder reads.
var formats = []string{"", "int64"}

// refusesSchema says what in a schema has no decoder; "" when there is nothing.
func (g *generator) refusesSchema(s *openapi3.Schema, seen map[*openapi3.Schema]bool) string {
	if seen[s] {
		return ""
	}
	seen[s] = true
	switch {
	case len(s.OneOf) > 0:
		return "oneOf"
	case !slices.Contains(formats, s.Format):
		return "the format " + s.Format
	case hasMore(s) || len(s.Type.Slice()) != 1 || !simple(s):
		return "a schema that it does not know"
	case s.Items != nil:
		return g.refusesSchema(s.Items.Value, seen)
	}
	for _, p := range s.Properties {
		if why := g.refusesSchema(p.Value, seen); why != "" {
			return why
		}
	}
	return ""
}

// mostProperties is how many bits remember which were given.
const mostProperties = 64

// whole reports whether the bounds of a number are whole ones.
func whole(s *openapi3.Schema) bool {
	for _, bound := range []*float64{s.Min, s.Max} {
		if bound != nil && *bound != math.Trunc(*bound) {
			return false
		}
	}
	return true
}

// simple reports whether a schema of one type says only what its decoder checks.
func simple(s *openapi3.Schema) bool {
	word, number := s.Type.Is(openapi3.TypeString), s.Type.Is(openapi3.TypeInteger)
	excludes := s.Not == nil || number && s.Not.Value.Min != nil && s.Not.Value.Max != nil
	return excludes && whole(s) && len(s.Properties) <= mostProperties && (len(s.Enum) == 0 || word || number) && !s.Type.Is(openapi3.TypeNumber) && (!s.Nullable || s.Items == nil)
}

// helper writes a function once.
func (g *generator) helper(name string, write func(p func(string, ...any)) error) error {
	if g.made[name] {
		return nil
	}
	g.made[name] = true
	var b strings.Builder
	if err := write(func(text string, args ...any) { fmt.Fprintf(&b, text+"\n", args...) }); err != nil {
		return err
	}
	g.helpers.WriteString(b.String())
	return nil
}

// decoder writes the decoder of an object.
func (g *generator) decoder(s *openapi3.Schema, name string) error {
	return g.helper("decode"+name, func(p func(string, ...any)) error {
		p("// decode%[1]s reads a %[1]s.\nfunc decode%[1]s(d *bind.Decoder, v *%[1]s) bool {\nif !d.Object() {\nreturn false\n}\nvar given uint64\nvar unknown bind.Keys\nfor d.Property() {\nok := false\nswitch d.Key {", name)
		keys := slices.Clone(s.Required)
		for key := range s.Properties {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys[len(s.Required):])
		for i, key := range keys {
			f, err := g.types.field(name, key)
			if err != nil {
				return err
			}
			call, err := g.reads(place{s.Properties[key].Value, f.kind, "&v." + f.name, name + f.name})
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			p("case %q:\nok = d.Once(&given, 1<<%d) && (%s || d.In(%[1]q))", key, i, call)
		}
		p("default:\nok = d.Unknown(&unknown, keysOf%s)\n}\nif !ok {\nreturn false\n}\n}", name)
		p("return d.Done(given, %s)\n}\n", quoted(s.Required))
		slices.Sort(keys)
		p("// keysOf%s are those that the document knows.\nvar keysOf%[1]s = []string{%s}\n", name, quoted(keys))
		return nil
	})
}

// place is where a value is read to, with what is known of it.
type place struct {
	*openapi3.Schema
	kind     ast.Expr
	to, name string // name is for a function of its own, if it needs one
}

// call is the call of the function of its own.
func (v place) call() string { return fmt.Sprintf("decode%s(d, %s)", v.name, v.to) }

// reads is the expression that reads a value.
func (g *generator) reads(v place) (string, error) {
	plain, element := g.types.plain(v.kind)
	switch {
	case plain == "pointer" || plain == "nullable":
		return g.optional(v, element, plain)
	case v.Type.Is(openapi3.TypeObject):
		v.name = g.types.structName(v.kind)
		return v.call(), g.decoder(v.Schema, v.name)
	case v.Items != nil && plain == "list":
		return g.list(v, element)
	case len(v.Enum) > 0:
		return g.enum(v)
	case v.Type.Is(openapi3.TypeBoolean) && plain == "bool":
		return fmt.Sprintf("d.Bool(%s)", v.to), nil
	case v.Type.Is(openapi3.TypeInteger) && (plain == "int" || plain == "int64"):
		return g.integer(v), nil
	case v.Type.Is(openapi3.TypeString) && plain == "string":
		return g.words(v), nil
	}
	return "", fmt.Errorf("type %s does not fit the schema", text(v.kind))
}

func (g *generator) list(v place, element ast.Expr) (string, error) {
	each, err := g.reads(place{v.Items.Value, element, "v", v.name + "Item"})
	if function, rest, _ := strings.Cut(each, "(d, v)"); rest == "" && !strings.Contains(function, "(") {
		each = function
	} else {
		each = fmt.Sprintf("func(d *bind.Decoder, v *%s) bool { return %s }", text(element), each)
	}
	most := -1
	if v.MaxItems != nil {
		most = int(*v.MaxItems)
	}
	return fmt.Sprintf("bind.List(d, %s, bind.Bounds{Least: %d, Most: %d}, %s)", v.to, v.MinItems, most, each), err
}

func (g *generator) words(v place) string {
	least, most := bounds(v.Schema)
	call := fmt.Sprintf("bind.String(d, %s, %d, %d)", v.to, least, most)
	if v.Pattern != "" {
		call += fmt.Sprintf(" && (%s(*%s) || d.Refuse(\"\", %s))", g.pattern(v.name, v.Pattern), v.to, literal(`string doesn't match the regular expression "`+v.Pattern+`"`))
	}
	return plainly(call)
}

// literal writes a text as Go source, raw where that can be.
func literal(text string) string {
	if strings.Contains(text, "`") {
		return fmt.Sprintf("%q", text)
	}
	return "`" + text + "`"
}

// optional reads into what a pointer points to, or what may be null.
func (g *generator) optional(v place, element ast.Expr, plain string) (string, error) {
	inner := *v.Schema
	inner.Nullable = false
	each, err := g.reads(place{&inner, element, "&value", v.name + "Value"})
	if err != nil {
		return "", err
	}
	return v.call(), g.helper("decode"+v.name, func(p func(string, ...any)) error {
		if plain == "pointer" {
			p("func decode%s(d *bind.Decoder, v **%s) bool {\nvar value %[2]s\n*v = &value\nreturn %s\n}\n", v.name, text(element), each)
			return nil
		}
		p("func decode%s(d *bind.Decoder, v *nullable.Nullable[%s]) bool {", v.name, text(element))
		if v.Nullable {
			p("if d.Null() {\nv.SetNull()\nreturn true\n}")
		}
		p("var value %s\nif !(%s) {\nreturn false\n}\nv.Set(value)\nreturn true\n}\n", text(element), each)
		return nil
	})
}

// enum writes the decoder of a type with few values.
func (g *generator) enum(v place) (string, error) {
	name := text(v.kind)
	if spec, ok := g.types.named[name]; !ok || text(spec.Type) == name {
		return "", fmt.Errorf("enumeration without a type of its own: %s", name)
	}
	allowed, err := json.Marshal(v.Enum)
	if err != nil {
		return "", err
	}
	values := make([]string, len(v.Enum))
	for i, one := range v.Enum {
		values[i] = fmt.Sprintf("%#v", one)
	}
	v.name = name
	return v.call(), g.helper("decode"+name, func(p func(string, ...any)) error {
		p("// decode%[1]s reads a %[1]s.\nfunc decode%[1]s(d *bind.Decoder, v *%[1]s) bool {\nconst other = %[2]s", name, literal("value is not one of the allowed values "+string(allowed)))
		if v.Type.Is(openapi3.TypeInteger) {
			p("if !bind.Number(d, v) {\nreturn false\n}\nswitch *v {")
		} else {
			p("word, ok := d.Word(other)\nif !ok {\nreturn false\n}\nswitch *v = %s(word); word {", name)
		}
		p("case %s:\nreturn true\n}\nreturn d.Refuse(\"\", other)\n}\n", strings.Join(values, ", "))
		return nil
	})
}

// integer reads a number within its bounds.
func (g *generator) integer(v place) string {
	call := fmt.Sprintf("bind.Number(d, %s)", v.to)
	if v.Not != nil {
		call += fmt.Sprintf(" && (*%[1]s < %[2]d || *%[1]s > %[3]d || d.Refuse(\"\", \"is excluded\"))", v.to, int64(*v.Not.Value.Min), int64(*v.Not.Value.Max))
	}
	return plainly(call + within(v.Schema, v.to, `d.Refuse("", %q)`))
}

// within is the condition that a number, which was read to a place, is within its bounds, and what is done else.
func within(s *openapi3.Schema, to, refuse string) (condition string) {
	if s.Min != nil {
		condition += fmt.Sprintf(" && (*%s >= %d || "+refuse+")", to, int64(*s.Min), fmt.Sprintf("number must be at least %g", *s.Min))
	}
	if s.Max != nil {
		condition += fmt.Sprintf(" && (*%s <= %d || "+refuse+")", to, int64(*s.Max), fmt.Sprintf("number must be at most %g", *s.Max))
	}
	return condition
}

// plainly writes what the address of a variable points to as the variable.
func plainly(expression string) string { return strings.ReplaceAll(expression, "*&", "") }
