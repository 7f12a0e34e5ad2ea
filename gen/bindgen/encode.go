package main

import (
	"fmt"
	"go/ast"
	"slices"
)

// encoder writes the encoder of a struct; it reports whether the type can have one.
func (g *generator) encoder(name string) bool {
	fields, ok := g.types.fields(name)
	if !ok || g.types.marshal[name] ||
		slices.ContainsFunc(
			fields,
			func(f field) bool { return f.omits && g.types.structName(f.kind) != "" && !g.texts(f.kind) },
		) {
		return false
	}
	err := g.helper("append"+name, func(p func(string, ...any)) error {
		p(
			"// append%[1]s appends a %[1]s as encoding/json writes it.\n"+
				"func append%[1]s(to []byte, v %[1]s) []byte {\nto = append(to, '{')",
			name,
		)
		for _, f := range fields {
			at := "v." + f.name
			write := fmt.Sprintf("to = append(to, `%q:`...)\nto = append(%s, ',')", f.key, g.value(at, f.kind))
			if f.omits {
				write = fmt.Sprintf("if %s {\n%s\n}", g.given(at, f.kind), write)
			}
			p("%s", write)
		}
		p("return bind.End(to, '}')\n}\n")
		return nil
	})
	return err == nil
}

// texts reports whether a struct holds texts only.
func (g *generator) texts(kind ast.Expr) bool {
	fields, _ := g.types.fields(g.types.structName(kind))
	return !slices.ContainsFunc(fields, func(f field) bool {
		plain, _ := g.types.plain(f.kind)
		return plain != "string"
	})
}

// appenders append values of types.
var appenders = map[string]string{
	"millis": "bind.AppendDigits",
	"string": "bind.AppendString",
	"int":    "bind.AppendInt",
	"int64":  "bind.AppendInt",
	"bool":   "strconv.AppendBool",
	"counts": "bind.AppendCounts",
}

// appender is the function that appends a value; "" when there is none.
func (g *generator) appender(kind ast.Expr) string {
	plain, _ := g.types.plain(kind)
	if name := g.types.structName(kind); plain == "struct" && g.encoder(name) {
		return "append" + name
	}
	return appenders[plain]
}

// value is the expression that appends a value.
func (g *generator) value(at string, kind ast.Expr) string {
	plain, element := g.types.plain(kind)
	each := g.appender(element)
	switch by := g.appender(kind); {
	case by != "":
		return fmt.Sprintf("%s(to, %s)", by, at)
	case plain == "list" && each != "":
		return fmt.Sprintf("bind.AppendList(to, %s, %s)", at, each)
	case plain == "nullable" && each != "":
		return fmt.Sprintf("bind.AppendNullable(to, %s, %s)", at, each)
	}
	return fmt.Sprintf("bind.AppendAny(to, %s)", at)
}

// given is the condition that a value is not empty, for fields that are left out when they are.
func (g *generator) given(at string, kind ast.Expr) string {
	switch plain, _ := g.types.plain(kind); plain {
	case "string":
		return at + ` != ""`
	case "int", "int64", "millis":
		return at + " != 0"
	case "bool":
		return at
	case "pointer":
		return at + " != nil"
	case "struct":
		return fmt.Sprintf("%s != (%s{})", at, text(kind))
	case "list", "map", "counts", "nullable":
		return "len(" + at + ") > 0"
	}
	return "!" + at + ".IsZero()"
}
