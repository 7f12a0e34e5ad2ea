package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/qcsdev/qcs/gen/bindgen/bind"
)

// decoder writes the function that decodes an object, once for each type.
func (g *generator) decoder(s *openapi3.Schema, name string) error {
	if g.done[name] {
		return nil
	}
	g.done[name] = true
	keys := slices.Clone(s.Required)
	for key := range s.Properties {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys[len(s.Required):])
	var b strings.Builder
	fmt.Fprintf(&b, "// decode%[1]s decodes a JSON object of type %[1]s.\n"+
		"func decode%[1]s(d *bind.Decoder, v *%[1]s) bool {\n"+
		"if !d.Object() {\nreturn false\n}\nvar given uint64 // one bit per property\nvar unknown bind.Keys\n"+
		"for d.Property() {\nok := false\nswitch d.Key {\n", name)
	for i, key := range keys {
		f, err := g.types.field(name, key)
		if err != nil {
			return err
		}
		read, err := g.read(place{s.Properties[key].Value, f.kind, "&v." + f.name, name + f.name})
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		fmt.Fprintf(&b, "case %q:\nok = d.Once(&given, 1<<%d) && (%s || d.In(%[1]q))\n", key, i, read)
	}
	fmt.Fprintf(&b, "default:\nok = d.Unknown(&unknown, keysOf%s)\n}\nif !ok {\nreturn false\n}\n}\n"+
		"return d.Complete(given, %s)\n}\n\n", name, quoted(s.Required))
	slices.Sort(keys)
	fmt.Fprintf(&b, "// keysOf%[1]s are the keys of type %[1]s in the document.\nvar keysOf%[1]s = []string{%[2]s}\n\n",
		name, quoted(keys))
	g.helpers.WriteString(b.String())
	return nil
}

// place is a value in the generated code.
type place struct {
	*openapi3.Schema
	kind ast.Expr // its Go type
	to   string   // expression for its address
	name string   // for the pattern of the value
}

// value is the expression for the value.
func (v place) value() string {
	if variable, ok := strings.CutPrefix(v.to, "&"); ok {
		return variable
	}
	return "*" + v.to
}

// read returns the expression that decodes a value and reports success.
func (g *generator) read(v place) (string, error) {
	plain, element := g.types.plain(v.kind)
	switch {
	case plain == "pointer" || plain == "nullable" && v.Nullable:
		inner := *v.Schema
		inner.Nullable = false
		each, err := g.readFunc(&inner, element, v.name)
		return fmt.Sprintf("bind.%s(d, %s, %s)", strings.ToUpper(plain[:1])+plain[1:], v.to, each), err
	case v.Type.Is(openapi3.TypeObject):
		name := g.types.structName(v.kind)
		return fmt.Sprintf("decode%s(d, %s)", name, v.to), g.decoder(v.Schema, name)
	}
	var read string
	switch typeOf(v.Schema) + " as " + plain {
	case "array as list":
		each, err := g.readFunc(v.Items.Value, element, v.name+"Item")
		least, most := bounds(v.MinItems, v.MaxItems)
		return fmt.Sprintf("bind.List(d, %s, bind.Bounds{Least: %d, Most: %d}, %s)", v.to, least, most, each), err
	case "boolean as bool":
		return fmt.Sprintf("d.Bool(%s)", v.to), nil
	case "string as time.Time":
		pattern := g.pattern("DateTime", openapi3.FormatOfStringDateTime)
		return fmt.Sprintf("bind.Time(d, %s, %s)", v.to, pattern), nil
	case "integer as int", "integer as int64":
		read = fmt.Sprintf("bind.Number(d, %s)", v.to)
	case "string as string":
		least, most := bounds(v.MinLength, v.MaxLength)
		read = fmt.Sprintf("bind.String(d, %s, %d, %d)", v.to, least, most)
	default:
		return "", fmt.Errorf("type %s does not fit the schema", text(v.kind))
	}
	checks, err := g.checks(v, "d")
	return read + checks, err
}

// readFunc returns a function that decodes what a list, a pointer or a nullable value contains.
func (g *generator) readFunc(s *openapi3.Schema, kind ast.Expr, name string) (string, error) {
	read, err := g.read(place{s, kind, "v", name})
	if function, rest, _ := strings.Cut(read, "(d, v)"); rest == "" && !strings.Contains(function, "(") {
		return function, err
	}
	return fmt.Sprintf("func(d *bind.Decoder, v *%s) bool { return %s }", text(kind), read), err
}

// checks returns the conditions of a value after it was read; reader is the variable of the query
// or the decoder, which gets the reason when one is false.
func (g *generator) checks(v place, reader string) (string, error) {
	var b strings.Builder
	check := func(condition, reason string) {
		fmt.Fprintf(&b, " && (%s || %s.Refuse(\"\", %s))", condition, reader, literal(reason))
	}
	if v.Not != nil {
		check(fmt.Sprintf("%[1]s < %[2]d || %[1]s > %[3]d", v.value(), int64(*v.Not.Value.Min),
			int64(*v.Not.Value.Max)), "is excluded")
	}
	if v.Min != nil {
		least := int64(*v.Min)
		check(fmt.Sprintf("%s >= %d", v.value(), least), fmt.Sprintf("number must be at least %d", least))
	}
	if v.Max != nil {
		most := int64(*v.Max)
		check(fmt.Sprintf("%s <= %d", v.value(), most), fmt.Sprintf("number must be at most %d", most))
	}
	switch {
	case v.Pattern == bind.URLPattern:
		check(fmt.Sprintf("bind.MatchesURL(string(%s))", v.value()), noMatch(v.Pattern))
	case v.Pattern != "":
		check(fmt.Sprintf("%s.MatchString(string(%s))", g.pattern(v.name, v.Pattern), v.value()), noMatch(v.Pattern))
	}
	if len(v.Enum) > 0 {
		if !g.types.isEnum(v.kind) {
			return "", fmt.Errorf("enumeration without a type of its own: %s", text(v.kind))
		}
		isValid := strings.TrimPrefix(v.to, "&") + ".Valid()"
		if !v.Type.Is(openapi3.TypeString) {
			allowed, err := json.Marshal(v.Enum)
			if err != nil {
				return "", err
			}
			check(isValid, "value is not one of the allowed values "+string(allowed))
			return b.String(), nil
		}
		allowed := make([]string, len(v.Enum))
		for i, value := range v.Enum {
			allowed[i] = literal(fmt.Sprint(value))
		}
		fmt.Fprintf(&b, " && (%s || %s.NotAllowed(string(%s), %s))",
			isValid, reader, v.value(), strings.Join(allowed, ", "))
	}
	return b.String(), nil
}

func noMatch(pattern string) string {
	return `string doesn't match the regular expression "` + pattern + `"`
}

// pattern writes the variable of a compiled pattern, once, and returns its name.
func (g *generator) pattern(name, pattern string) string {
	name = "pattern" + name
	if !g.done[name] {
		g.done[name] = true
		fmt.Fprintf(&g.helpers, "var %s = regexp.MustCompile(%s)\n\n", name, literal(pattern))
	}
	return name
}

// literal writes a text as a Go literal, raw where possible.
func literal(text string) string {
	if strings.Contains(text, "`") {
		return fmt.Sprintf("%q", text)
	}
	return "`" + text + "`"
}
