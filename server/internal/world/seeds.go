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

// Seeds lists the names of the scenarios that come with the emulator.
func Seeds() []string {
	files, _ := seeds.ReadDir("seeds") // it is embedded
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// IsEmpty reports whether a world that begins with a scenario holds nothing.
func IsEmpty(s control.Scenario) bool {
	return len(s.Registries) == 0 && len(s.Connectors.AWS) == 0 && !HasState(s)
}

// ScenarioOf returns the scenario that is named, or the one that is given.
func ScenarioOf(seed string, given control.Scenario) (control.Scenario, error) {
	switch {
	case seed == "":
		return given, nil
	case !IsEmpty(given):
		return given, rule.Errorf("", "Give seed or scenario, not both.")
	}
	return seedNamed(seed)
}

// seedNamed gives a scenario that comes with the emulator.
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
// published as openapi/scenario.schema.json; an error says in which line the text does not fit it.
func ReadScenario(text []byte) (s control.Scenario, err error) {
	var top yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		return s, err
	}
	var plain any
	if err := top.Decode(&plain); err != nil {
		return s, err
	}
	data, err := json.Marshal(plain) // fails for keys that are no texts
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
	var wrong *contract.ValueError
	if err := document.CheckValue("Scenario", value); errors.As(err, &wrong) {
		return s, fmt.Errorf("line %d: %w", lineOf(&top, wrong.Pointer), wrong)
	} else if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

// lineOf finds the line of what a pointer leads to, or of the last part on the way that there is.
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
