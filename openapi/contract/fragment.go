package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// outline is a document as far as finding operations needs it. The rest stays text until an
// operation is used: kin-openapi takes forty times as long for the whole as this does, and a
// process uses few of the operations, or none yet.
type outline struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components map[string]map[string]json.RawMessage `json:"components"`
	Security   json.RawMessage                       `json:"security,omitempty"`
}

// head is an operation as far as finding it needs it.
type head struct {
	OperationID string             `json:"operationId"`
	Summary     string             `json:"summary"`
	Security    *[]json.RawMessage `json:"security"`
	Evidence    Evidence           `json:"x-evidence"`
}

// detail is what checking the traffic of an operation needs.
type detail struct {
	route  *routers.Route
	query  map[string]*openapi3.Parameter
	filter *openapi3filter.Options
}

// reference finds what a part of a document refers to.
var reference = regexp.MustCompile(`"\$ref":\s*"#/components/([^/"]+)/([^/"]+)"`)

// fragment is a document of some paths, and of the components that they and some texts refer to.
func (d *outline) fragment(paths map[string]map[string]json.RawMessage, texts ...json.RawMessage) (*openapi3.T, error) {
	part := struct {
		*outline
		Info       map[string]string                     `json:"info"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components map[string]map[string]json.RawMessage `json:"components"`
	}{
		d,
		map[string]string{"title": "part", "version": "0"},
		paths,
		map[string]map[string]json.RawMessage{"securitySchemes": d.Components["securitySchemes"]},
	}
	for _, item := range paths {
		for _, text := range item {
			texts = append(texts, text)
		}
	}
	for len(texts) > 0 {
		text := texts[0]
		texts = texts[1:]
		for _, found := range reference.FindAllSubmatch(text, -1) {
			kind, name := string(found[1]), string(found[2])
			component, known := d.Components[kind][name]
			if !known {
				return nil, fmt.Errorf("refers to %s, which is not there", found[0])
			}
			if _, done := part.Components[kind][name]; done {
				continue
			}
			if part.Components[kind] == nil {
				part.Components[kind] = map[string]json.RawMessage{}
			}
			part.Components[kind][name] = component
			texts = append(texts, component)
		}
	}
	data, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, err
	}
	setFormats(spec)
	return spec, nil
}

// detailOf reads what the text of an operation leaves open.
func (d *outline) detailOf(path, method string) (*detail, error) {
	item := map[string]json.RawMessage{}
	for name, text := range d.Paths[path] {
		if strings.EqualFold(name, method) || !isMethod(name) {
			item[name] = text
		}
	}
	spec, err := d.fragment(map[string]map[string]json.RawMessage{path: item})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	whole := spec.Paths.Value(path)
	operation := whole.Operations()[method]
	got := &detail{
		route: &routers.Route{
			Spec:      spec,
			Path:      path,
			PathItem:  whole,
			Method:    method,
			Operation: operation,
		},
		query:  map[string]*openapi3.Parameter{},
		filter: filterOf(spec),
	}
	for _, ref := range slices.Concat(whole.Parameters, operation.Parameters) {
		if ref.Value.In == openapi3.ParameterInQuery {
			got.query[ref.Value.Name] = ref.Value
		}
	}
	return got, nil
}

// isMethod reports whether a field of a path is one of its operations.
func isMethod(field string) bool {
	return slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, field)
}

func filterOf(spec *openapi3.T) *openapi3filter.Options {
	return &openapi3filter.Options{
		AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus:   true,
		SkipSettingDefaults:     true, // they would rewrite the query; the rules know them
		KeepValidatedValue:      true,
		SchemaValidationOptions: spec.GetSchemaValidationOptions(),
	}
}

// valueSchema is a schema by itself, with the formats of its document.
type valueSchema struct {
	schema *openapi3.Schema
	filter *openapi3filter.Options
}

// schemas are those that values were held to.
type schemas struct {
	mu  sync.Mutex
	all map[string]valueSchema
}

// schema reads a schema of the document.
func (d *outline) schema(known *schemas, name string) (valueSchema, error) {
	known.mu.Lock()
	defer known.mu.Unlock()
	if s, ok := known.all[name]; ok {
		return s, nil
	}
	text, ok := d.Components["schemas"][name]
	if !ok {
		return valueSchema{}, fmt.Errorf("the document has no schema %s", name)
	}
	spec, err := d.fragment(nil, text, json.RawMessage(`{"$ref":"#/components/schemas/`+name+`"}`))
	if err != nil {
		return valueSchema{}, fmt.Errorf("schema %s: %w", name, err)
	}
	s := valueSchema{spec.Components.Schemas[name].Value, filterOf(spec)}
	if known.all == nil {
		known.all = map[string]valueSchema{}
	}
	known.all[name] = s
	return s, nil
}

// readOutline reads a document that is JSON.
func readOutline(data []byte) (*outline, error) {
	d := &outline{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return d, nil
}
