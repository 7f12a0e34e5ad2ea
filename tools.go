//go:build tools || generate

// Package tools pins the code generator and holds the commands that "make generate" runs.
package tools

import (
	_ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
)

//go:generate go run ./gen/jsondoc openapi/openapi.yaml openapi/openapi.json
//go:generate go run ./gen/jsondoc openapi/control.yaml openapi/control.json
//go:generate go run ./gen/jsondoc openapi/control.yaml openapi/scenario.schema.json Scenario
//go:generate go tool oapi-codegen -config gen/api.yaml openapi/openapi.yaml
//go:generate go tool oapi-codegen -config gen/apiserver.yaml openapi/openapi.yaml
//go:generate go tool oapi-codegen -config gen/apiclient.yaml openapi/openapi.yaml
//go:generate go tool oapi-codegen -config gen/control.yaml openapi/control.yaml
//go:generate go tool oapi-codegen -config gen/controlserver.yaml openapi/control.yaml
//go:generate go tool oapi-codegen -config gen/controlclient.yaml openapi/control.yaml
