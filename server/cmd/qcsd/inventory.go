package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/oasdiff/yaml"

	"github.com/qcsdev/qcs/server"
)

// inventory reads what registries hold from a file; no file means nothing.
func inventory(path string) (server.Inventory, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyInventory, err)
	}
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", keyInventory, path, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var all server.Inventory
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", keyInventory, path, err)
	}
	return all, nil
}
