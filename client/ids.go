package client

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/qcsdev/qcs/gen/apiclient"
)

// reserved lists the path segments that cannot be ids, because they would name another operation:
// dot segments, and the literal segments of the document.
var reserved = []string{"", ".", "..", "bulk", "cancel", "validate", "aws-base", "aws", "acr", "gcp"}

// ids checks the ids in the path of a request. An invalid id is ErrInvalid, and nothing is sent.
func ids(all ...string) apiclient.RequestEditorFn {
	return func(context.Context, *http.Request) error {
		for _, id := range all {
			if slices.Contains(reserved, id) {
				return fmt.Errorf("client: %q is not an id: %w", id, ErrInvalid)
			}
		}
		return nil
	}
}
