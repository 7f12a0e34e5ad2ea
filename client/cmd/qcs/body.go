package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// readBody reads a JSON or YAML document from a file, or from standard input, into a value. An
// unknown field is an error.
func (p *program) readBody(path string, to any) error {
	in, err := p.input(path)
	if err != nil {
		return &usageError{err.Error()}
	}
	defer in.Close()
	documents := yaml.NewDecoder(in)
	var document, more any
	if err := documents.Decode(&document); err != nil {
		return &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	if err := documents.Decode(&more); !errors.Is(err, io.EOF) {
		return &usageError{path + ": holds more than one document"}
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
