package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// refuses says why an operation cannot be bound; "" when it can.
func (g *generator) refuses(o operation) string {
	if len(o.pathParams) > 2 { // bind.PathValues holds no more
		return "too many parameters in the path"
	}
	for _, p := range slices.Concat(o.pathParams, o.query) {
		if why := refusesParameter(p); why != "" {
			return "parameter " + p.Name + ": " + why
		}
	}
	if o.RequestBody == nil || !o.RequestBody.Value.Required {
		return "" // with a body, which is optional or not expected, a request is left to the reference
	}
	media := o.RequestBody.Value.Content["application/json"]
	if media == nil || len(o.RequestBody.Value.Content) != 1 {
		return "a body that is no JSON"
	}
	if why := refusesSchema(media.Schema.Value, map[*openapi3.Schema]bool{}); why != "" {
		return "its body has " + why
	}
	return ""
}

func refusesParameter(p *openapi3.Parameter) string {
	s, query := p.Schema.Value, p.In == openapi3.ParameterInQuery
	method, err := p.SerializationMethod()
	if err != nil || p.Content != nil || p.AllowReserved || query && method.Style != openapi3.SerializationForm {
		return "its style"
	}
	if s.Items != nil && query && method.Explode {
		if unknown(s, keywords["array"]) != "" || s.MinItems > 1 { // a list that is given has an item
			return "its schema"
		}
		s = s.Items.Value
	}
	known, ok := parameterKeywords[p.In+" "+strings.Join(s.Type.Slice(), " or ")]
	if !ok || !exact(s) || unknown(s, known) != "" {
		return "its place or schema"
	}
	return ""
}

// operation writes the handler of an operation.
func (g *generator) operation(o operation) error {
	id := o.OperationID
	request := id + "RequestObject"
	g.p(
		"// %s answers %s %s.\nfunc (b *bound) %s(w http.ResponseWriter, r *http.Request, path "+
			"bind.PathValues) error {",
		lower(id),
		o.method,
		o.path,
		lower(id),
	)
	hasBody := o.RequestBody != nil && o.RequestBody.Value.Required
	g.p(
		"if %s {\nreturn openapi.ErrUnbound\n}",
		map[bool]string{true: "bind.Bodiless(r) || !bind.IsJSON(r)", false: "!bind.Bodiless(r)"}[hasBody],
	)
	g.p("var request %s", request)
	for i, p := range o.pathParams {
		f, err := g.types.field(request, p.Name)
		if err != nil {
			return err
		}
		least, most := bounds(p.Schema.Value.MinLength, p.Schema.Value.MaxLength)
		g.p("request.%s = path[%d]", f.name, i)
		g.p(
			"if refused := bind.Path(%q, request.%s, %d, %d); refused != nil {\nreturn refused\n}", p.Name,
			f.name, least, most,
		)
	}
	if len(o.query) == 0 {
		g.p("if refused := bind.NoQuery(%q, r.URL.RawQuery); refused != nil {\nreturn refused\n}", id)
	} else {
		g.p("if refused := bind%sParams(r.URL.RawQuery, &request.Params); refused != nil {\nreturn refused\n}", id)
	}
	if hasBody {
		media := o.RequestBody.Value.Content["application/json"].Schema.Value
		body := ast.NewIdent(id + "JSONRequestBody")
		name := g.types.structName(body)
		if err := g.decoder(media, name); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		g.p("text, refused := bind.ReadBody(r, b.options)\nif refused != nil {\nreturn refused\n}")
		g.p(
			"var body %s\nd := bind.NewDecoder(text)\nif !(decode%s(&d, &body) && d.End()) {\n"+
				"return d.Refused()\n}\nrequest.Body = new(body)",
			body.Name,
			name,
		)
	}
	g.p("answer, err := b.ssi.%s(r.Context(), request)\nif err != nil || answer == nil {\nreturn err\n}", id)
	g.answers(id)
	g.p("return answer.Visit%sResponse(w)\n}\n", id)
	if len(o.query) > 0 {
		return g.params(o)
	}
	return nil
}

// answers writes how answers that are sent often are encoded; others write themselves.
func (g *generator) answers(id string) {
	for _, status := range []string{"200", "201"} {
		spec, known := g.types.named[id+status+"JSONResponse"]
		if !known {
			continue
		}
		value, by := text(spec.Type)+"(a)", g.appender(spec.Type)
		if _, element := g.types.plain(spec.Type); by == "" && g.appender(element) != "" {
			by = fmt.Sprintf(
				"func(to []byte, all %s) []byte { return bind.AppendList(to, all, %s) }", text(spec.Type),
				g.appender(element),
			)
		}
		if by != "" {
			g.p(
				"if a, ok := answer.(%s%sJSONResponse); ok {\nreturn bind.Answer(w, %[2]s, %s, %s)\n}", id,
				status, value, by,
			)
		}
	}
}

// bounds are those of a text or a list; a most of -1 is none.
func bounds(least uint64, most *uint64) (int, int) {
	if most == nil {
		return int(least), -1
	}
	return int(least), int(*most)
}

// params writes the binder of the parameters of a query.
func (g *generator) params(o operation) error {
	id := o.OperationID
	var own, cases, end strings.Builder
	var names []string
	for _, p := range o.query {
		names = append(names, p.Name)
		f, err := g.types.field(id+"Params", p.Name)
		if err != nil {
			return err
		}
		s := p.Schema.Value
		fmt.Fprintf(&cases, "case %q:\n", p.Name)
		switch pointer, optional := f.kind.(*ast.StarExpr); {
		case s.Type.Is(openapi3.TypeArray):
			least, most := bounds(s.Items.Value.MinLength, s.Items.Value.MaxLength)
			fmt.Fprintf(
				&cases,
				"if p.%[1]s == nil {\np.%[1]s = make([]string, 0, q.Left())\n}\n"+
					"if q.Item(len(p.%[1]s), %[2]d, %[3]d) {\np.%[1]s = append(p.%[1]s, q.Value)\n}\n",
				f.name,
				least,
				most,
			)
			_, most = bounds(0, s.MaxItems)
			fmt.Fprintf(&end, "q.List(%q, len(p.%s), %t, %d)\n", p.Name, f.name, p.Required, most)
		case optional:
			fmt.Fprintf(&own, "%s %s\n", lower(f.name), text(pointer.X))
			fmt.Fprintf(
				&cases,
				"if own == nil {\nown = new(values)\n}\nif q.Once(p.%[1]s != nil, %[2]t) && %[3]s {\n"+
					"p.%[1]s = &own.%[4]s\n}\n",
				f.name,
				p.AllowEmptyValue,
				binds(s, "&own."+lower(f.name)),
				lower(f.name),
			)
		default:
			return fmt.Errorf("%s: parameter %s: a type that is not expected: %s", id, p.Name, text(f.kind))
		}
	}
	g.p(
		"// bind%[1]sParams reads the query of %[1]s.\n"+
			"func bind%[1]sParams(query string, p *%[1]sParams) *openapi.RequestError {",
		id,
	)
	if own.Len() > 0 {
		g.p("type values struct {\n%s}\nvar own *values // what the parameters point to", own.String())
	}
	g.p(
		"q := bind.NewQuery(%q, query)\nfor q.Next() {\nswitch q.Name {\n%sdefault:\nq.Unknown(%s)\n}\n}\n"+
			"%sreturn q.Refused\n}\n",
		id,
		cases.String(),
		quoted(names),
		end.String(),
	)
	return nil
}

// binds is the expression that binds a value of a query.
func binds(s *openapi3.Schema, to string) string {
	if !s.Type.Is(openapi3.TypeInteger) {
		least, most := bounds(s.MinLength, s.MaxLength)
		return fmt.Sprintf("bind.Text(&q, %s, %d, %d)", to, least, most)
	}
	return plainly(fmt.Sprintf("bind.Int(&q, %s)", to) + within(s, to, "q"))
}
