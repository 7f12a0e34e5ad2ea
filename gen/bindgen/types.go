package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"strings"
)

// goTypes are the types that oapi-codegen has generated.
type goTypes struct {
	named map[string]ast.Expr
	enums map[string]bool // the types with a method Valid
}

// readTypes reads the generated files of some folders.
func readTypes(folders []string) (goTypes, error) {
	t := goTypes{map[string]ast.Expr{}, map[string]bool{}}
	var files []string
	for _, folder := range folders {
		found, _ := filepath.Glob(filepath.Join(folder, "*.gen.go")) // the pattern is well-formed
		files = append(files, found...)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return t, err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.TypeSpec:
				t.named[n.Name.Name] = n.Type
			case *ast.FuncDecl:
				if n.Name.Name == "Valid" && n.Recv != nil {
					t.enums[text(n.Recv.List[0].Type)] = true
				}
				return false // a type inside a function is of no use
			}
			return true
		})
	}
	return t, nil
}

// field is a field of a struct.
type field struct {
	name string
	kind ast.Expr
}

// field finds the field of a struct by its key on the wire.
func (t goTypes) field(name, key string) (field, error) {
	if s, ok := t.named[name].(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			if len(f.Names) == 1 && f.Tag != nil && keyOf(f.Tag.Value) == key {
				return field{f.Names[0].Name, f.Type}, nil
			}
		}
	}
	return field{}, fmt.Errorf("type %s has no field for %q", name, key)
}

func keyOf(literal string) string {
	tag := reflect.StructTag(strings.Trim(literal, "`"))
	key, _, _ := strings.Cut(cmp.Or(tag.Get("form"), tag.Get("json")), ",")
	return key
}

// text writes a type as Go source.
func text(e ast.Expr) string { return types.ExprString(e) }

// plain follows names and returns what a type is: struct, list, pointer, nullable, or a type that
// oapi-codegen did not generate, such as string; "" for others. A list, a pointer and a nullable
// type have an element.
func (t goTypes) plain(e ast.Expr) (kind string, element ast.Expr) {
	switch x := e.(type) {
	case *ast.Ident:
		if named, ok := t.named[x.Name]; ok {
			return t.plain(named)
		}
		return x.Name, nil
	case *ast.SelectorExpr:
		return text(x), nil
	case *ast.StructType:
		return "struct", nil
	case *ast.ArrayType:
		return "list", x.Elt
	case *ast.StarExpr:
		return "pointer", x.X
	case *ast.IndexExpr:
		if text(x.X) == "nullable.Nullable" {
			return "nullable", x.Index
		}
	}
	return "", nil
}

// structName follows names to the one that is declared as a struct.
func (t goTypes) structName(e ast.Expr) string {
	x, ok := e.(*ast.Ident)
	if !ok {
		return ""
	}
	if _, ok := t.named[x.Name].(*ast.StructType); ok {
		return x.Name
	}
	return t.structName(t.named[x.Name])
}

// isEnum reports whether a type, or the type that it is another name for, is an enumeration.
func (t goTypes) isEnum(e ast.Expr) bool {
	x, ok := e.(*ast.Ident)
	return ok && (t.enums[x.Name] || t.isEnum(t.named[x.Name]))
}
