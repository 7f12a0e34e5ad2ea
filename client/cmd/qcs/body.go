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
	return p.read(path, func(in io.Reader) error {
		documents := yaml.NewDecoder(in)
		var document, more any
		if err := documents.Decode(&document); err != nil {
			return err
		}
		if err := documents.Decode(&more); !errors.Is(err, io.EOF) {
			return errors.New("holds more than one document")
		}
		data, err := json.Marshal(document)
		if err != nil {
			return err
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		return d.Decode(to)
	})
}

// readJSON reads a JSON file, or standard input, into a value.
func (p *program) readJSON(path string, to any) error {
	return p.read(path, func(in io.Reader) error { return json.NewDecoder(in).Decode(to) })
}

// read decodes a file, or standard input.
func (p *program) read(path string, decode func(io.Reader) error) error {
	in, err := p.input(path)
	if err != nil {
		return &usageError{err.Error()}
	}
	defer in.Close()
	if err := decode(in); err != nil {
		return &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	return nil
}
