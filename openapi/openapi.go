// Package openapi has the two hand-written documents of the project, the Go scalars of their
// custom formats, and the table of refusals.
//
// openapi.yaml describes the API of the vendor and is the only place that declares its endpoints.
// control.yaml describes the control API of the emulator. The package imports the standard library
// only, so that every other package can import it.
package openapi

import _ "embed" // for the documents

// YAML is the hand-written document of the vendor's API.
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
