// Package controlapi is the emulator's own API over HTTP, /_qcs/…: the handlers of control.yaml.
package controlapi

import (
	"context"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/traffic"
	"github.com/qcsdev/qcs/server/internal/world"
)

// Handlers has the handlers of the control API: each translates, calls the rules, names the answer.
type Handlers struct {
	Store     *store.Store
	Registry  *registry.Service
	Scans     *scan.Service
	Worlds    *world.Service
	Authority *auth.Authority
	Faults    *fault.Set
	Journal   *traffic.Journal
	Recorder  *traffic.Recorder

	Configured []string // names of the worlds of the configuration, which are not dropped
	NewID      func() string
	Version    string
	Replay     func(context.Context, control.Scenario) (control.Replay, error)
}
