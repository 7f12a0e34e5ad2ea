// Command jsondoc converts an OpenAPI document from YAML to JSON: "jsondoc FILE.yaml FILE.json".
// With a third argument it writes only that schema of the document, and those that it refers to, as
// a JSON Schema. Keys are sorted, so that the result depends on the document only.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	if len(args) != 2 && len(args) != 3 {
		fmt.Fprintln(stderr, "usage: jsondoc FILE.yaml FILE.json [SCHEMA]")
		return 2
	}
	if err := convert(args[0], args[1], args[2:]); err != nil {
		fmt.Fprintf(stderr, "jsondoc: %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

func convert(from, to string, schema []string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return err
	}
	data, err := json.Marshal(document)
	if err == nil && len(schema) > 0 {
		data, err = extract(data, schema[0])
	}
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, append(data, '\n'), "", " "); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

// extract makes a JSON Schema of a schema of a document.
func extract(data []byte, name string) ([]byte, error) {
	var document struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	all := document.Components.Schemas
	if all[name] == nil {
		return nil, fmt.Errorf("no schema %s", name)
	}
	definitions := map[string]any{}
	collect(all, all[name], definitions)
	root, _ := all[name].(map[string]any)
	root["$schema"], root["title"], root["definitions"] = "http://json-schema.org/draft-07/schema#", name, definitions
	return json.Marshal(root)
}

// collect points references to the definitions, and adds what they refer to.
func collect(all map[string]any, value any, definitions map[string]any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			name, isReference := strings.CutPrefix(fmt.Sprint(inner), "#/components/schemas/")
			if key != "$ref" || !isReference {
				collect(all, inner, definitions)
				continue
			}
			if v[key] = "#/definitions/" + name; definitions[name] == nil {
				definitions[name] = all[name]
				collect(all, all[name], definitions)
			}
		}
	case []any:
		for _, inner := range v {
			collect(all, inner, definitions)
		}
	}
}
