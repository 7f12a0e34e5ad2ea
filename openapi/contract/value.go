package contract

import (
	"errors"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// ValueError says where a value violates a schema.
type ValueError struct {
	Pointer []string // keys and indexes from the top of the value
	Msg     string
}

func (e *ValueError) Error() string { return "/" + strings.Join(e.Pointer, "/") + ": " + e.Msg }

// CheckValue checks a value, as encoding/json decodes it, against a schema of the document. The
// error is a *ValueError with the first fault.
func (d *Document) CheckValue(schema string, value any) error {
	s, err := d.outline.schema(schema)
	if err != nil {
		return err
	}
	err = s.VisitJSON(value, s.options...)
	var fault *openapi3.SchemaError
	if errors.As(err, &fault) {
		return &ValueError{fault.JSONPointer(), fault.Reason}
	}
	return err
}
