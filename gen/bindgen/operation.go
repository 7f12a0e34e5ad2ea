package main

import (
	"fmt"
	"go/ast"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// handlerType is the type of a handler in the generated code. It names no type of package bind, so
// that a server can declare the same type without that package.
const handlerType = "func(w http.ResponseWriter, r *http.Request, path [2]string) error"

// file writes the handlers of all operations and the function that lists them.
func (g *generator) file(all []operation) error {
	g.p("// bound calls the operations with requests that were checked.\n"+
		"type bound struct {\nssi StrictServerInterface\nmaxBody int64\n}\n\n"+
		"// Bound returns handlers by operation id. A handler checks a request against the document and calls\n"+
		"// the operation; path has the values of the path parameters in their order in the path. A body may\n"+
		"// have maxBody bytes. An error is a *openapi.RequestError, an error of the operation, or\n"+
		"// openapi.ErrUnbound: then the handler has read and written nothing, and package contract must\n"+
		"// check the request, as it must where an operation has no handler here.\n"+
		"func Bound(ssi StrictServerInterface, maxBody int64) map[string]%[1]s {\nb := &bound{ssi, maxBody}\n"+
		"return map[string]%[1]s{", handlerType)
	var bound []operation
	for _, o := range all {
		if why := unsupported(o); why != "" {
			fmt.Fprintf(g.report, "bindgen: no binder for %s: %s\n", o.OperationID, why)
			continue
		}
		g.p("%q: b.%s,", o.OperationID, lower(o.OperationID))
		bound = append(bound, o)
	}
	g.p("}\n}\n")
	for _, o := range bound {
		if err := g.operation(o); err != nil {
			return fmt.Errorf("%s: %w", o.OperationID, err)
		}
	}
	return nil
}

// operation writes the handler of an operation.
func (g *generator) operation(o operation) error {
	id := o.OperationID
	request := id + "RequestObject"
	hasBody := o.RequestBody != nil && o.RequestBody.Value.Required
	g.p("// %[1]s handles %[2]s %[3]s.\n"+
		"func (b *bound) %[1]s(w http.ResponseWriter, r *http.Request, path [2]string) error {\n"+
		"if %[4]s {\nreturn openapi.ErrUnbound\n}\nvar request %[5]s", lower(id), o.method, o.path,
		map[bool]string{true: "!bind.HasBody(r) || !bind.IsJSON(r)", false: "bind.HasBody(r)"}[hasBody], request)
	for i, p := range o.pathParams {
		f, err := g.types.field(request, p.Name)
		if err != nil {
			return err
		}
		least, most := bounds(p.Schema.Value.MinLength, p.Schema.Value.MaxLength)
		g.p("request.%s = path[%d]", f.name, i)
		g.returnRefusal("bind.Path(%q, request.%s, %d, %d)", p.Name, f.name, least, most)
	}
	if len(o.query) == 0 {
		g.returnRefusal("bind.NoQuery(%q, r.URL.RawQuery)", id)
	} else {
		g.returnRefusal("bind%sParams(r.URL.RawQuery, &request.Params)", id)
	}
	if hasBody {
		if err := g.body(o); err != nil {
			return err
		}
	}
	g.p("response, err := b.ssi.%[1]s(r.Context(), request)\nif err != nil || response == nil {\nreturn err\n}\n"+
		"return response.Visit%[1]sResponse(w)\n}\n", id)
	if len(o.query) > 0 {
		return g.params(o)
	}
	return nil
}

// returnRefusal writes a call whose result the handler returns unless it is nil.
func (g *generator) returnRefusal(call string, args ...any) {
	g.p("if refused := %s; refused != nil {\nreturn refused\n}", fmt.Sprintf(call, args...))
}

// body writes the part of a handler that decodes the body.
func (g *generator) body(o operation) error {
	schema := o.RequestBody.Value.Content["application/json"].Schema.Value
	body := ast.NewIdent(o.OperationID + "JSONRequestBody")
	name := g.types.structName(body)
	g.p("text, refused := bind.ReadBody(r, b.maxBody)\nif refused != nil {\nreturn refused\n}\n"+
		"var body %s\nd := bind.NewDecoder(text)\nif !(decode%s(&d, &body) && d.End()) {\n"+
		"return d.Refused()\n}\nrequest.Body = new(body)", body.Name, name)
	return g.decoder(schema, name)
}

// bounds are the limits of a length; a most of -1 is no limit.
func bounds(least uint64, most *uint64) (int, int) {
	if most == nil {
		return int(least), -1
	}
	return int(least), int(*most)
}

// param is a parameter of a query.
type param struct {
	*openapi3.Parameter
	field
	operation string
	bit       int // among those that are given
}

// params writes the function that reads the query of an operation.
func (g *generator) params(o operation) error {
	var cases, end strings.Builder
	names, single := make([]string, len(o.query)), false
	for i, query := range o.query {
		names[i] = query.Name
		f, err := g.types.field(o.OperationID+"Params", query.Name)
		if err != nil {
			return err
		}
		p := param{query, f, o.OperationID, i}
		list := p.Schema.Value.Type.Is(openapi3.TypeArray)
		given, write := fmt.Sprintf("len(p.%s) > 0", f.name), g.listParam
		if !list {
			single, given, write = true, fmt.Sprintf("given&(1<<%d) != 0", i), g.singleParam
		}
		text, err := write(p)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		fmt.Fprintf(&cases, "case %q:\n%s", p.Name, text)
		if p.Required {
			fmt.Fprintf(&end, "q.Required(%q, %s)\n", p.Name, given)
		}
		if most := p.Schema.Value.MaxItems; list && most != nil {
			fmt.Fprintf(&end, "q.MaxItems(%q, len(p.%s), %d)\n", p.Name, f.name, *most)
		}
	}
	g.p("// bind%[1]sParams reads the query of %[1]s.\n"+
		"func bind%[1]sParams(query string, p *%[1]sParams) *openapi.RequestError {", o.OperationID)
	if single {
		g.p("var given uint64 // one bit per parameter")
	}
	g.p("q := bind.NewQuery(%q, query)\nfor q.Next() {\nswitch q.Name {\n%sdefault:\nq.Unknown(%s)\n}\n}\n"+
		"%sreturn q.Refused\n}\n", o.OperationID, cases.String(), quoted(names), end.String())
	return nil
}

// listParam writes how an item of a list in the query is bound.
func (g *generator) listParam(p param) (string, error) {
	kind, element := g.types.plain(p.kind)
	if kind != "list" {
		return "", fmt.Errorf("type %s does not fit the schema", text(p.kind))
	}
	item := p.Schema.Value.Items.Value
	checks, err := g.checks(place{item, element, "&item", p.operation + p.name}, "q")
	least, most := bounds(item.MinLength, item.MaxLength)
	return fmt.Sprintf("if p.%[1]s == nil {\np.%[1]s = make(%[2]s, 0, q.Left())\n}\nitem := %[3]s(q.Value)\n"+
		"if q.Item(len(p.%[1]s), %[4]d, %[5]d)%[6]s {\np.%[1]s = append(p.%[1]s, item)\n}\n",
		p.name, text(p.kind), text(element), least, most, checks), err
}

// singleParam writes how a parameter that is given once is bound.
func (g *generator) singleParam(p param) (string, error) {
	s, kind, value := p.Schema.Value, p.kind, "value"
	if pointer, ok := kind.(*ast.StarExpr); ok {
		kind, value = pointer.X, "new(value)"
	}
	checks, err := g.checks(place{s, kind, "&value", p.operation + p.name}, "q")
	read := "bind.Int(&q, &value)" + checks
	if !s.Type.Is(openapi3.TypeInteger) {
		least, most := bounds(s.MinLength, s.MaxLength)
		read = fmt.Sprintf("bind.Text(&q, &value, %d, %d)%s", least, most, checks)
		if p.AllowEmptyValue && (least > 0 || checks != "") { // the schema does not apply to an empty value
			read = fmt.Sprintf(`(q.Value == "" || %s)`, read)
		}
	}
	return fmt.Sprintf("var value %s\nif q.Once(&given, 1<<%d, %t) && %s {\np.%s = %s\n}\n",
		text(kind), p.bit, p.AllowEmptyValue, read, p.name, value), err
}
