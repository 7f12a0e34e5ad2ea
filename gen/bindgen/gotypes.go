package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"strings"
)

// goTypes are the types that oapi-codegen has written.
type goTypes struct {
	named   map[string]*ast.TypeSpec
	marshal map[string]bool // have a MarshalJSON of their own
}

func readTypes(files ...string) (*goTypes, error) {
	t := &goTypes{map[string]*ast.TypeSpec{}, map[string]bool{"Millis": true}}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						t.named[s.Name.Name] = s
					}
				}
			case *ast.FuncDecl:
				if d.Name.Name == "MarshalJSON" && d.Recv != nil {
					t.marshal[strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*")] = true
				}
			}
		}
	}
	return t, nil
}

// field is a field of a struct.
type field struct {
	name, key string
	kind      ast.Expr
	omits     bool // when empty
}

// fields are those of a type that is a struct; ok says whether it is one, without embedded types.
func (t *goTypes) fields(name string) (all []field, ok bool) {
	spec, known := t.named[name]
	if !known {
		return nil, false
	}
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil, false
	}
	for _, f := range s.Fields.List {
		if len(f.Names) != 1 {
			return nil, false
		}
		if f.Tag == nil { // it is not on the wire
			continue
		}
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
		key, options, _ := strings.Cut(cmp.Or(tag.Get("form"), tag.Get("json")), ",")
		all = append(all, field{f.Names[0].Name, key, f.Type, strings.Contains(options, "omit")})
	}
	return all, true
}

// field finds a field by its key.
func (t *goTypes) field(of, key string) (field, error) {
	all, _ := t.fields(of)
	for _, f := range all {
		if f.key == key {
			return f, nil
		}
	}
	return field{}, fmt.Errorf("type %s has no field for %q", of, key)
}

// text writes a type.
func text(e ast.Expr) string { return types.ExprString(e) }

// plain follows aliases and gives the kind of a type: string, int, int64, bool, struct, list, map, pointer, nullable, time.Time, or "".
func (t *goTypes) plain(e ast.Expr) (kind string, element ast.Expr) {
	switch x := e.(type) { // nil is of no kind
	case *ast.Ident:
		spec, known := t.named[x.Name]
		switch {
		case !known:
			return x.Name, nil
		case x.Name == "Millis":
			return "millis", nil
		}
		if _, ok := spec.Type.(*ast.StructType); ok {
			return "struct", nil
		}
		return t.plain(spec.Type)
	case *ast.SelectorExpr:
		return text(x), nil
	case *ast.ArrayType:
		return "list", x.Elt
	case *ast.MapType:
		if text(x) == "map[string]int" {
			return "counts", nil
		}
		return "map", nil
	case *ast.StarExpr:
		return "pointer", x.X
	case *ast.IndexExpr:
		if text(x.X) == "nullable.Nullable" {
			return "nullable", x.Index
		}
	}
	return "", nil
}

// structName is the name of a struct, through aliases and other names for it.
func (t *goTypes) structName(e ast.Expr) string {
	x, ok := e.(*ast.Ident)
	if !ok {
		return ""
	}
	spec, known := t.named[x.Name]
	if !known {
		return ""
	}
	if _, ok := spec.Type.(*ast.StructType); ok {
		return x.Name
	}
	return t.structName(spec.Type)
}
