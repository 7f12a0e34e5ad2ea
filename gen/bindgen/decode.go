package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// What the schemas of bodies and parameters may say, by their types; decoders and binders check
// that.
var (
	keywords = map[string]string{
		"object":  "properties required nullable",
		"array":   "items minItems maxItems",
		"boolean": "nullable",
		"integer": "minimum maximum format enum not nullable",
		"string":  "minLength maxLength pattern format enum nullable",
	}
	parameterKeywords = map[string]string{
		"path string":   "minLength maxLength",
		"query string":  "minLength maxLength",
		"query integer": "minimum maximum",
	}
)

// unknown is something that a schema says of values beside some keywords; "" when there is nothing.
func unknown(s *openapi3.Schema, known string) string {
	var said map[string]any
	if data, err := s.MarshalJSON(); err != nil || json.Unmarshal(data, &said) != nil {
		return "a schema without JSON"
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if !strings.HasPrefix(key, "x-") &&
			!slices.Contains(
				strings.Fields(known+" type title description example default deprecated writeOnly"), key,
			) {
			return key
		}
	}
	return ""
}

// refusesSchema says what in a schema has no decoder; "" when there is nothing.
func refusesSchema(s *openapi3.Schema, seen map[*openapi3.Schema]bool) string {
	if seen[s] {
		return ""
	}
	seen[s] = true
	kind := strings.Join(s.Type.Slice(), " or ")
	known, ok := keywords[kind]
	if more := unknown(s, known); more != "" {
		return more
	}
	switch {
	case !ok:
		return "the type " + kind
	case !slices.Contains([]string{"", "int64", "date-time"}, s.Format):
		return "the format " + s.Format
	case !exact(s):
		return "bounds that it does not know"
	case s.Items != nil:
		return refusesSchema(s.Items.Value, seen)
	}
	for _, p := range s.Properties {
		if why := refusesSchema(p.Value, seen); why != "" {
			return why
		}
	}
	return ""
}

// exact reports whether the bounds of a number are whole ones, what it may not be has two of them,
// and the properties of an object are not more than there are bits to remember which were given.
func exact(s *openapi3.Schema) bool {
	for _, bound := range []*float64{s.Min, s.Max} {
		if bound != nil && *bound != math.Trunc(*bound) {
			return false
		}
	}
	return (s.Not == nil || s.Not.Value.Min != nil && s.Not.Value.Max != nil) && len(s.Properties) <= 64
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
		p(
			"// decode%[1]s reads a %[1]s.\nfunc decode%[1]s(d *bind.Decoder, v *%[1]s) bool {\n"+
				"if !d.Object() {\nreturn false\n}\nvar given uint64\nvar unknown bind.Keys\nfor d.Property() {\n"+
				"ok := false\nswitch d.Key {",
			name,
		)
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
	case plain == "pointer" || plain == "nullable" && v.Nullable:
		return g.optional(v, element, strings.ToUpper(plain[:1])+plain[1:])
	case v.Type.Is(openapi3.TypeObject):
		v.name = g.types.structName(v.kind)
		return v.call(), g.decoder(v.Schema, v.name)
	case len(v.Enum) > 0:
		return g.enum(v)
	}
	switch strings.Join(v.Type.Slice(), " or ") + " as " + plain {
	case "array as list":
		return g.list(v, element)
	case "boolean as bool":
		return fmt.Sprintf("d.Bool(%s)", v.to), nil
	case "integer as int", "integer as int64":
		return g.integer(v), nil
	case "string as time.Time":
		return fmt.Sprintf("bind.Time(d, %s, %s)", v.to, g.pattern("DateTime", openapi3.FormatOfStringDateTime)), nil
	case "string as string":
		return g.words(v), nil
	}
	return "", fmt.Errorf("type %s does not fit the schema", text(v.kind))
}

// each is the function that reads what is in a value: an item, or what it points to.
func (g *generator) each(s *openapi3.Schema, kind ast.Expr, name string) (string, error) {
	read, err := g.reads(place{s, kind, "v", name})
	if function, rest, _ := strings.Cut(read, "(d, v)"); rest == "" && !strings.Contains(function, "(") {
		return function, err
	}
	return fmt.Sprintf("func(d *bind.Decoder, v *%s) bool { return %s }", text(kind), read), err
}

func (g *generator) list(v place, element ast.Expr) (string, error) {
	each, err := g.each(v.Items.Value, element, v.name+"Item")
	least, most := bounds(v.MinItems, v.MaxItems)
	return fmt.Sprintf("bind.List(d, %s, bind.Bounds{Least: %d, Most: %d}, %s)", v.to, least, most, each), err
}

// optional reads into what a pointer points to, or what may be null.
func (g *generator) optional(v place, element ast.Expr, by string) (string, error) {
	inner := *v.Schema
	inner.Nullable = false
	each, err := g.each(&inner, element, v.name)
	return fmt.Sprintf("bind.%s(d, %s, %s)", by, v.to, each), err
}

func (g *generator) words(v place) string {
	least, most := bounds(v.MinLength, v.MaxLength)
	call := fmt.Sprintf("bind.String(d, %s, %d, %d)", v.to, least, most)
	if v.Pattern != "" {
		call += fmt.Sprintf(
			" && (%s(*%s) || d.Refuse(\"\", %s))", g.pattern(v.name, v.Pattern), v.to,
			literal(`string doesn't match the regular expression "`+v.Pattern+`"`),
		)
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
	v.name = name
	return v.call(), g.helper("decode"+name, func(p func(string, ...any)) error {
		p(
			"// decode%[1]s reads a %[1]s.\nfunc decode%[1]s(d *bind.Decoder, v *%[1]s) bool {\nconst other = %[2]s",
			name,
			literal("value is not one of the allowed values "+string(allowed)),
		)
		read := "bind.String(d, v, 0, -1)"
		if v.Type.Is(openapi3.TypeInteger) {
			read = "bind.Number(d, v)"
		}
		p(
			"if !%s {\nreturn false\n}\nswitch *v {\ncase %s:\nreturn true\n}\nreturn d.Refuse(\"\", other)\n}\n",
			read, strings.Trim(string(allowed), "[]"),
		)
		return nil
	})
}

// integer reads a number within its bounds.
func (g *generator) integer(v place) string {
	call := fmt.Sprintf("bind.Number(d, %s)", v.to)
	if v.Not != nil {
		call += fmt.Sprintf(
			" && (*%[1]s < %[2]d || *%[1]s > %[3]d || d.Refuse(\"\", \"is excluded\"))", v.to,
			int64(*v.Not.Value.Min), int64(*v.Not.Value.Max),
		)
	}
	return plainly(call + within(v.Schema, v.to, "d"))
}

// within is the condition that a number, which was read to a place, is within its bounds, and what
// its reader does else.
func within(s *openapi3.Schema, to, reader string) (condition string) {
	if s.Min != nil {
		condition += fmt.Sprintf(
			` && (*%s >= %d || %s.Refuse("", "number must be at least %[2]d"))`, to, int64(*s.Min), reader,
		)
	}
	if s.Max != nil {
		condition += fmt.Sprintf(
			` && (*%s <= %d || %s.Refuse("", "number must be at most %[2]d"))`, to, int64(*s.Max), reader,
		)
	}
	return condition
}

// plainly writes what the address of a variable points to as the variable.
func plainly(expression string) string { return strings.ReplaceAll(expression, "*&", "") }
