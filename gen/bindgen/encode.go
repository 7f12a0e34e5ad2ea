package main

import (
	"fmt"
	"go/ast"
	"strings"
)

// encoder writes the encoder of a struct; it reports whether the type can have one.
func (g *generator) encoder(name string) bool {
	fields, ok := g.types.fields(name)
	if !ok || g.types.marshal[name] {
		return false
	}
	err := g.helper("append"+name, func(p func(string, ...any)) error {
		p("// append%[1]s appends a %[1]s as encoding/json writes it.\nfunc append%[1]s(to []byte, v *%[1]s) []byte {\nto = append(to, '{')", name)
		for _, f := range fields {
			at := "v." + f.name
			write := fmt.Sprintf("to = append(to, `%q:`...)\nto = append(%s, ',')", f.key, g.value("to", at, f.kind))
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

// appenders append values of types, of which items are appended by those that take a pointer.
var appenders = map[string]string{
	"millis": "bind.AppendDigits", "string": "bind.AppendString", "int": "bind.AppendInt", "int64": "bind.AppendInt", "bool": "strconv.AppendBool", "counts": "bind.AppendCounts",
	"*string": "bind.AppendText", "*int": "bind.AppendNumber",
}

// value is the expression that appends a value.
func (g *generator) value(to, at string, kind ast.Expr) string {
	plain, element := g.types.plain(kind)
	if by := appenders[plain]; by != "" {
		return fmt.Sprintf("%s(%s, %s)", by, to, at)
	}
	of, _ := g.types.plain(element)
	each := appenders["*"+of]
	switch plain {
	case "struct":
		if name := g.types.structName(kind); g.encoder(name) {
			return fmt.Sprintf("append%s(%s, &%s)", name, to, at)
		}
	case "list":
		if name := g.types.structName(element); name != "" && g.encoder(name) {
			each = "append" + name
		}
		if each != "" {
			return fmt.Sprintf("bind.AppendList(%s, %s, %s)", to, at, each)
		}
	case "nullable":
		if each != "" {
			return fmt.Sprintf("bind.AppendNullable(%s, %s, %s)", to, at, each)
		}
	}
	return fmt.Sprintf("bind.AppendAny(%s, %s)", to, at)
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
	case "list", "map", "counts", "nullable":
		return "len(" + at + ") > 0"
	case "struct":
		return "!(" + g.zero(at, kind) + ")"
	}
	return "!" + at + ".IsZero()"
}

// zero is the condition that a struct is the zero value of its type.
func (g *generator) zero(at string, kind ast.Expr) string {
	fields, _ := g.types.fields(g.types.structName(kind))
	var all []string
	for _, f := range fields {
		here := at + "." + f.name
		switch plain, _ := g.types.plain(f.kind); plain {
		case "list", "counts", "nullable":
			all = append(all, here+" == nil")
		case "struct":
			all = append(all, g.zero(here, f.kind))
		default:
			all = append(all, "!("+g.given(here, f.kind)+")")
		}
	}
	return strings.Join(all, " && ")
}
