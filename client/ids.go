package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/qcsdev/qcs/gen/apiclient"
)

// reserved are the segments of a path that would turn a call on one thing into another call: dot
// segments climb, and the literal ones are operations of their own.
var reserved = map[string]bool{
	"":         true,
	".":        true,
	"..":       true,
	"bulk":     true,
	"cancel":   true,
	"validate": true,
	"aws-base": true,
	"aws":      true,
	"acr":      true,
	"gcp":      true,
}

// ids keeps a call from being made with an id that cannot be one: the error, ErrInvalid, comes
// before anything is sent.
func ids(all ...string) apiclient.RequestEditorFn {
	return func(context.Context, *http.Request) error {
		for _, id := range all {
			if reserved[id] {
				return fmt.Errorf("client: %q is not an id: %w", id, ErrInvalid)
			}
		}
		return nil
	}
}
