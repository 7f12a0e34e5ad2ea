package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/ociregistry"
)

// sources returns the sources of scans: the hosts of real registries, and the inventory.
func sources(k *koanf.Koanf, log *slog.Logger) ([]server.Source, error) {
	hosts, err := list(k, keyOCIHosts)
	if err != nil {
		return nil, err
	}
	hosts = slices.DeleteFunc(hosts, func(h string) bool { return h == "" })
	switch oci := k.String(keySource) == sourceOCI; {
	case oci && len(hosts) == 0:
		return nil, fmt.Errorf("%s %s: needs %s, the hosts to contact", keySource, sourceOCI, keyOCIHosts)
	case !oci && len(hosts) > 0:
		return nil, fmt.Errorf("%s: needs %s %s", keyOCIHosts, keySource, sourceOCI)
	}
	var all []server.Source
	if len(hosts) > 0 {
		all = append(all, ociregistry.New(ociregistry.Options{Hosts: hosts, Logger: log}))
	}
	contents, err := inventory(k.String(keyInventory))
	if contents != nil {
		all = append(all, contents)
	}
	return all, err
}

// seed sets the scenario of the first world: a built-in one, or a file.
func seed(k *koanf.Koanf, o *server.Options) error {
	name := k.String(keySeed)
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
		o.Seed = name
		return nil
	}
	text, err := os.ReadFile(name)
	if err == nil {
		o.Scenario, err = server.ReadScenario(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", keySeed, name, err)
	}
	return nil
}

// inventory reads the contents of registries from a file; nil without a file.
func inventory(path string) (server.Inventory, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyInventory, err)
	}
	all, err := decodeInventory(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", keyInventory, path, err)
	}
	return all, nil
}

// decodeInventory decodes YAML by the names of the JSON fields, and refuses unknown fields.
func decodeInventory(text []byte) (all server.Inventory, err error) {
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	data, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&all)
	return all, err
}
