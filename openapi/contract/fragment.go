package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// outline is a document whose operations and components are not parsed yet. Parsing the whole with
// kin-openapi takes 40 times as long, and most processes use few operations.
type outline struct {
	OpenAPI    string          `json:"openapi"`
	Info       json.RawMessage `json:"info"`
	Paths      texts           `json:"paths"`
	Components texts           `json:"components"`
	Security   json.RawMessage `json:"security,omitempty"`

	mu      sync.Mutex
	schemas map[string]valueSchema // parsed components, by name
}

// texts are the path items by path and field, or the components by kind and name.
type texts = map[string]map[string]json.RawMessage

// operationHead has the fields of an operation that are parsed at once.
type operationHead struct {
	OperationID string             `json:"operationId"`
	Summary     string             `json:"summary"`
	Security    *[]json.RawMessage `json:"security"`
	Evidence    Evidence           `json:"x-evidence"`
}

// detail is a parsed operation.
type detail struct {
	route  *routers.Route
	query  map[string]*openapi3.Parameter
	filter *openapi3filter.Options
}

// reference matches a reference to a component.
var reference = regexp.MustCompile(`"\$ref":\s*"#/components/([^/"]+)/([^/"]+)"`)

// fragment parses a document of some paths, and of the components that they and the queue refer to.
func (d *outline) fragment(paths texts, queue ...json.RawMessage) (*openapi3.T, error) {
	part := &outline{OpenAPI: d.OpenAPI, Info: d.Info, Paths: paths, Security: d.Security}
	part.Components = texts{"securitySchemes": d.Components["securitySchemes"]}
	for _, item := range paths {
		queue = slices.AppendSeq(queue, maps.Values(item))
	}
	for len(queue) > 0 {
		text := queue[0]
		queue = queue[1:]
		for _, ref := range reference.FindAllSubmatch(text, -1) {
			kind, name := string(ref[1]), string(ref[2])
			component, known := d.Components[kind][name]
			if !known {
				return nil, fmt.Errorf("refers to %s, which is not there", ref[0])
			}
			if _, done := part.Components[kind][name]; done {
				continue
			}
			if part.Components[kind] == nil {
				part.Components[kind] = map[string]json.RawMessage{}
			}
			part.Components[kind][name] = component
			queue = append(queue, component)
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

// parse parses an operation.
func (d *outline) parse(path, method string) (*detail, error) {
	item := map[string]json.RawMessage{}
	for name, text := range d.Paths[path] {
		if strings.EqualFold(name, method) || !isMethod(name) {
			item[name] = text
		}
	}
	spec, err := d.fragment(texts{path: item})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	pathItem := spec.Paths.Value(path)
	operation := pathItem.Operations()[method]
	query := map[string]*openapi3.Parameter{}
	for _, ref := range slices.Concat(pathItem.Parameters, operation.Parameters) {
		if ref.Value.In == openapi3.ParameterInQuery {
			query[ref.Value.Name] = ref.Value
		}
	}
	return &detail{
		route: &routers.Route{Spec: spec, Path: path, PathItem: pathItem, Method: method, Operation: operation},
		query: query,
		filter: &openapi3filter.Options{
			AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus:   true,
			SkipSettingDefaults:     true, // defaults would change the query; the rules know them
			KeepValidatedValue:      true,
			SchemaValidationOptions: spec.GetSchemaValidationOptions(),
		},
	}, nil
}

// isMethod reports whether a field of a path item is an operation.
func isMethod(field string) bool {
	return slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, field)
}

// valueSchema is a parsed schema with the options, such as formats, to validate a value.
type valueSchema struct {
	*openapi3.Schema
	options []openapi3.SchemaValidationOption
}

// schema parses a schema of the document, once.
func (d *outline) schema(name string) (valueSchema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.schemas[name]; ok {
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
	s := valueSchema{spec.Components.Schemas[name].Value, spec.GetSchemaValidationOptions()}
	d.schemas[name] = s
	return s, nil
}
