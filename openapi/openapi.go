// Package openapi holds the two hand-written documents of the project, the Go scalars of their
// custom formats, and the table of refusals.
//
// openapi.yaml describes the vendor's API and is the only place where an endpoint of it is
// declared; control.yaml describes what the emulator offers beside it. The package imports the
// standard library only, so that every other package can import it.
package openapi

import _ "embed" // for the documents

// YAML is the document of the vendor's API as it is written by hand.
//
//go:embed openapi.yaml
var YAML []byte

// JSON is the same document as JSON, generated from YAML.
//
//go:embed openapi.json
var JSON []byte

// ControlJSON is the document of the emulator's control API, generated from control.yaml.
//
//go:embed control.json
var ControlJSON []byte
