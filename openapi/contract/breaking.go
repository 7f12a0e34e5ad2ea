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

// String prints the change as one line.
func (c Change) String() string { return c.Where + ": " + c.What }

// Breaking lists the changes that break a client of the document base when the server follows the
// document head: requests that are no longer valid, and answers that lack or change what the client
// expects. A change below a component is listed once, at the component. A changed operationId is
// listed too, because generated clients take their names from it. Servers, links, callbacks,
// defaults and the encoding of forms are not compared. Both documents may be JSON or YAML.
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
	byText := func(a, b Change) int { return strings.Compare(a.String(), b.String()) }
	return slices.SortedFunc(maps.Keys(w.changes), byText), nil
}

// endpoint is an operation with the parts of the document that also apply to it.
type endpoint struct {
	doc          *openapi3.T
	method, path string
	item         *openapi3.PathItem
	operation    *openapi3.Operation
}

// pathParameter is a segment of a path template.
var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// endpoints reads a document. Its keys lack the names of path parameters, which no client needs.
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
	body := place{request: true, root: where + ": request body"}
	w.requestBody(body, base.operation.RequestBody, head.operation.RequestBody)
	w.responses(where, base.operation.Responses, head.operation.Responses)
}

// security checks that the credentials of base are still sufficient: each of its alternatives must
// include all that one alternative of head requires.
func (w *walker) security(where string, base, head endpoint) {
	accepted := head.credentials()
	for _, sent := range base.credentials() {
		switch {
		case slices.ContainsFunc(accepted, func(required []string) bool { return subset(required, sent) }):
		case len(sent) == 0:
			w.add(place{root: where}, "is no longer public")
		default:
			w.add(place{root: where}, "%s no longer suffices", strings.Join(sent, " with "))
		}
	}
}

// credentials lists the alternative credentials of an operation, each as a list of schemes and
// scopes. An empty list means that the operation is public.
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
		var required []string
		for _, name := range slices.Sorted(maps.Keys(requirement)) {
			scheme := e.scheme(name)
			required = append(required, scheme)
			for _, scope := range requirement[name] {
				required = append(required, scheme+" scope "+scope)
			}
		}
		all = append(all, required)
	}
	return all
}

// scheme describes a security scheme by what a client sends, not by its name in the document.
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

// parameters returns the parameters of the path and of the operation. A key is the place of the
// parameter and its name; a path parameter has its position instead, a header its canonical name.
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
	if a, b := style(base, scalar), style(head, scalar); a != b {
		w.add(p, "written as %s has become %s", a, b)
	}
	if len(base.Content)+len(head.Content) == 0 {
		w.walk(p, refsOf(base.Schema), refsOf(head.Schema))
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

// style describes how a value is written. Explode makes no difference for a scalar.
func style(p *openapi3.Parameter, scalar bool) string {
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
	case base == nil && head.Value.Required:
		w.add(p, "is new and required")
	case base != nil:
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
		before, now := base[name].Value, newer[http.CanonicalHeaderKey(name)]
		if now == nil {
			w.add(at, "is gone")
			continue
		}
		if before.Required && !now.Required {
			w.add(at, "has become optional")
		}
		w.walk(at, refsOf(before.Schema), refsOf(now.Schema))
	}
}

// content compares bodies. In a request, a range of head such as application/* includes the types
// of base; in an answer it does not, because a client may not expect the others.
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
		at := place{request: p.request, root: p.root + " as " + kind}
		w.walk(at, refsOf(base[kind].Schema), refsOf(media.Schema))
	}
}

// refsOf makes a list of a schema that may be nil.
func refsOf(ref *openapi3.SchemaRef) openapi3.SchemaRefs {
	if ref == nil {
		return nil
	}
	return openapi3.SchemaRefs{ref}
}

// subset reports whether whole has all elements of part.
func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}
