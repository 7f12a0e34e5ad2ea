package world

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/rule"
)

//go:embed seeds/*.yaml
var seeds embed.FS

// Seeds lists the names of the built-in scenarios.
func Seeds() []string {
	files, _ := seeds.ReadDir("seeds") // cannot fail: the folder is embedded
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// IsEmpty reports whether a scenario has no data.
func IsEmpty(s control.Scenario) bool {
	return len(s.Registries) == 0 && len(s.Connectors.AWS) == 0 && !HasState(s)
}

// ScenarioOf returns the scenario of a seed or, if seed is empty, the given one.
func ScenarioOf(seed string, given control.Scenario) (control.Scenario, error) {
	switch {
	case seed == "":
		return given, nil
	case !IsEmpty(given):
		return given, rule.Errorf("", "Give seed or scenario, not both.")
	}
	return seedNamed(seed)
}

// seedNamed returns a built-in scenario.
func seedNamed(name string) (control.Scenario, error) {
	if !slices.Contains(Seeds(), name) {
		return control.Scenario{}, &rule.ViolationError{Msg: fmt.Sprintf("seed %q: not one of %q", name, Seeds())}
	}
	text, err := seeds.ReadFile("seeds/" + name + ".yaml")
	if err != nil {
		return control.Scenario{}, err
	}
	return ReadScenario(text)
}

// ReadScenario reads a scenario from YAML or JSON. The schema is Scenario of the control document,
// published as openapi/scenario.schema.json; an error names the line that violates it.
func ReadScenario(text []byte) (s control.Scenario, err error) {
	var top yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		return s, err
	}
	var plain any
	if err := top.Decode(&plain); err != nil {
		return s, err
	}
	data, err := json.Marshal(plain) // fails for keys that are not strings
	if err != nil {
		return s, err
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return s, err
	}
	if value == nil {
		return s, nil
	}
	document, err := contract.ControlDocument()
	if err != nil {
		return s, err
	}
	var violation *contract.ValueError
	if err := document.CheckValue("Scenario", value); errors.As(err, &violation) {
		return s, fmt.Errorf("line %d: %w", lineOf(&top, violation.Pointer), violation)
	} else if err != nil {
		return s, err
	}
	err = json.Unmarshal(data, &s)
	return s, err
}

// lineOf returns the line of a JSON pointer, or of the last value on its path that exists.
func lineOf(n *yaml.Node, pointer []string) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if len(pointer) == 0 {
		return n.Line
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == pointer[0] {
				return lineOf(n.Content[i+1], pointer[1:])
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(pointer[0]); err == nil && i < len(n.Content) {
			return lineOf(n.Content[i], pointer[1:])
		}
	}
	return n.Line
}
