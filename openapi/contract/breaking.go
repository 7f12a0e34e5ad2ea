package contract

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Change is a difference between two documents that breaks a client of the older one.
type Change struct {
	Where string // such as `GET /x: query parameter "filter"` or "schema ScheduleRequest in requests at /name"
	What  string // such as "is gone"
}

// String joins place and change to one line.
func (c Change) String() string { return c.Where + ": " + c.What }

// Breaking lists what a client that was written for the document base would trip over when the
// server obeys the document head: requests that were right and no longer are, and answers that say
// less, or something else, than they did. A change below a component is listed once, at the
// component. The operationId counts, because generated clients take their names from it; servers,
// links, callbacks, defaults and the encoding of forms are not compared. Both documents may be JSON
// or YAML.
func Breaking(base, head []byte) ([]Change, error) {
	older, err := endpoints(base)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	newer, err := endpoints(head)
	if err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	w := newWalker(map[visit]bool{})
	for _, key := range slices.Sorted(maps.Keys(older)) {
		where := older[key].method + " " + older[key].path
		if head, ok := newer[key]; ok {
			w.operation(where, older[key], head)
			continue
		}
		w.add(place{root: where}, "is gone")
	}
	w.drain()
	return slices.SortedFunc(
		maps.Keys(w.changes), func(a, b Change) int { return strings.Compare(a.String(), b.String()) },
	), nil
}

// endpoint is an operation with the parts of the document that it inherits from.
type endpoint struct {
	doc          *openapi3.T
	method, path string
	item         *openapi3.PathItem
	operation    *openapi3.Operation
}

// pathParameter is a segment of a path template.
var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// endpoints reads a document. The keys leave out the names of path parameters, which no client
// sends.
func endpoints(data []byte) (map[string]endpoint, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if err := doc.Validate(loader.Context, openapi3.DisableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	all := map[string]endpoint{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			all[pathParameter.ReplaceAllString(path, "{}")+" "+method] = endpoint{doc, method, path, item, operation}
		}
	}
	return all, nil
}

func (w *walker) operation(where string, base, head endpoint) {
	if a, b := base.operation.OperationID, head.operation.OperationID; a != b && a != "" {
		w.add(place{root: where}, "operationId %q has become %q", a, b)
	}
	w.security(where, base, head)
	w.parameters(where, base, head)
	w.requestBody(
		place{request: true, root: where + ": request body"}, base.operation.RequestBody,
		head.operation.RequestBody,
	)
	w.responses(where, base.operation.Responses, head.operation.Responses)
}

// security asks that whatever authenticated a request still does: each alternative of base must
// hold all that some alternative of head wants.
func (w *walker) security(where string, base, head endpoint) {
	offered := head.credentials()
	for _, sent := range base.credentials() {
		enough := slices.ContainsFunc(offered, func(wanted []string) bool { return subset(wanted, sent) })
		switch {
		case enough:
		case len(sent) == 0:
			w.add(place{root: where}, "is no longer public")
		default:
			w.add(place{root: where}, "%s no longer suffices", strings.Join(sent, " with "))
		}
	}
}

// credentials lists the alternatives, each as the schemes and scopes that it wants. One that wants
// nothing means that the operation is public.
func (e endpoint) credentials() [][]string {
	requirements := e.doc.Security
	if e.operation.Security != nil {
		requirements = *e.operation.Security
	}
	if len(requirements) == 0 {
		return [][]string{{}}
	}
	all := make([][]string, 0, len(requirements))
	for _, requirement := range requirements {
		var wants []string
		for _, name := range slices.Sorted(maps.Keys(requirement)) {
			scheme := e.scheme(name)
			wants = append(wants, scheme)
			for _, scope := range requirement[name] {
				wants = append(wants, scheme+" scope "+scope)
			}
		}
		all = append(all, wants)
	}
	return all
}

// scheme describes a security scheme by what a client sends, so that its name in the document does
// not matter.
func (e endpoint) scheme(name string) string {
	s := e.doc.Components.SecuritySchemes[name].Value // a valid document has it
	parts := []string{s.Type, strings.ToLower(s.Scheme), s.In, s.Name, s.OpenIdConnectUrl}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

func (w *walker) parameters(where string, base, head endpoint) {
	older, newer := base.parameters(), head.parameters()
	at := func(p *openapi3.Parameter) place {
		return place{request: true, root: fmt.Sprintf("%s: %s parameter %q", where, p.In, p.Name)}
	}
	for _, key := range slices.Sorted(maps.Keys(older)) {
		if newer[key] == nil {
			w.add(at(older[key]), "is gone")
			continue
		}
		w.parameter(at(older[key]), older[key], newer[key])
	}
	for _, key := range slices.Sorted(maps.Keys(newer)) {
		if older[key] == nil && newer[key].Required {
			w.add(at(newer[key]), "is new and required")
		}
	}
}

// parameters collects those of the path and of the operation by where and how they are sent: a path
// parameter by its place, a header in one spelling.
func (e endpoint) parameters() map[string]*openapi3.Parameter {
	segments := pathParameter.FindAllString(e.path, -1)
	all := map[string]*openapi3.Parameter{}
	for _, ref := range slices.Concat(e.item.Parameters, e.operation.Parameters) {
		name := ref.Value.Name
		switch ref.Value.In {
		case openapi3.ParameterInPath:
			name = strconv.Itoa(slices.Index(segments, "{"+name+"}"))
		case openapi3.ParameterInHeader:
			name = http.CanonicalHeaderKey(name)
		}
		all[ref.Value.In+" "+name] = ref.Value
	}
	return all
}

func (w *walker) parameter(p place, base, head *openapi3.Parameter) {
	if head.Required && !base.Required {
		w.add(p, "has become required")
	}
	if base.AllowEmptyValue && !head.AllowEmptyValue {
		w.add(p, "can no longer be empty")
	}
	scalar := isScalar(base)
	if a, b := writing(base, scalar), writing(head, scalar); a != b {
		w.add(p, "written as %s has become %s", a, b)
	}
	if len(base.Content)+len(head.Content) == 0 {
		w.walk(p, schemaOf(base.Schema), schemaOf(head.Schema))
	}
	w.content(p, base.Content, head.Content)
}

func isScalar(p *openapi3.Parameter) bool {
	if p.Schema == nil {
		return false
	}
	kinds := p.Schema.Value.Type
	return !kinds.IsEmpty() && !kinds.Includes(openapi3.TypeArray) && !kinds.Includes(openapi3.TypeObject)
}

// writing describes how a value is written. For a scalar, explode changes nothing.
func writing(p *openapi3.Parameter, scalar bool) string {
	method, err := p.SerializationMethod()
	switch {
	case len(p.Content) > 0 || err != nil:
		return "content"
	case method.Explode && !scalar:
		return method.Style + " exploded"
	}
	return method.Style
}

func (w *walker) requestBody(p place, base, head *openapi3.RequestBodyRef) {
	switch {
	case head == nil && base == nil:
	case head == nil:
		w.add(p, "is gone")
	case base == nil:
		if head.Value.Required {
			w.add(p, "is new and required")
		}
	default:
		if head.Value.Required && !base.Value.Required {
			w.add(p, "has become required")
		}
		w.content(p, base.Value.Content, head.Value.Content)
	}
}

func (w *walker) responses(where string, base, head *openapi3.Responses) {
	for _, status := range slices.Sorted(maps.Keys(base.Map())) {
		p := place{root: where + ": answer " + status}
		answer := head.Value(status)
		if code, err := strconv.Atoi(status); err == nil && answer == nil {
			answer = head.Status(code) // a range such as 4XX
		}
		if answer == nil {
			w.add(p, "is gone")
			continue
		}
		w.headers(p, base.Value(status).Value.Headers, answer.Value.Headers)
		w.content(p, base.Value(status).Value.Content, answer.Value.Content)
	}
}

func (w *walker) headers(p place, base, head openapi3.Headers) {
	newer := map[string]*openapi3.Header{}
	for name, ref := range head {
		newer[http.CanonicalHeaderKey(name)] = ref.Value
	}
	for _, name := range slices.Sorted(maps.Keys(base)) {
		at := place{root: fmt.Sprintf("%s: header %q", p.root, name)}
		older, other := base[name].Value, newer[http.CanonicalHeaderKey(name)]
		if other == nil {
			w.add(at, "is gone")
			continue
		}
		if older.Required && !other.Required {
			w.add(at, "has become optional")
		}
		w.walk(at, schemaOf(older.Schema), schemaOf(other.Schema))
	}
}

// content compares bodies. Only a request may find its type in a range such as application/*.
func (w *walker) content(p place, base, head openapi3.Content) {
	for _, kind := range slices.Sorted(maps.Keys(base)) {
		media := head[kind]
		if media == nil && p.request {
			media = head.Get(kind)
		}
		if media == nil {
			w.add(p, "content type %s is gone", kind)
			continue
		}
		w.walk(
			place{request: p.request, root: p.root + " as " + kind}, schemaOf(base[kind].Schema),
			schemaOf(media.Schema),
		)
	}
}

// schemaOf makes a list of a schema that may be missing.
func schemaOf(ref *openapi3.SchemaRef) openapi3.SchemaRefs {
	if ref == nil {
		return nil
	}
	return openapi3.SchemaRefs{ref}
}

// subset reports whether all of part occurs in whole.
func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}
