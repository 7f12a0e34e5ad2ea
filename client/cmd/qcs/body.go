package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// readBody reads a JSON or YAML document from a file, or from standard input, into a value. A field that the value does not have is an error.
func (p *program) readBody(path string, to any) error {
	in := p.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return &usageError{err.Error()}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	data, err := json.Marshal(document)
	if err != nil {
		return &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	return nil
}
