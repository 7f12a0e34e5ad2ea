package contract

import (
	"errors"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// ValueError says where a value does not fit a schema.
type ValueError struct {
	Pointer []string // keys and indexes from the top of the value
	Msg     string
}

func (e *ValueError) Error() string { return "/" + strings.Join(e.Pointer, "/") + ": " + e.Msg }

// CheckValue holds a value, as encoding/json decodes it, to a schema of the document. The error is
// a *ValueError: the first fault that is found.
func (d *Document) CheckValue(schema string, value any) error {
	s, err := d.outline.schema(d.schemas, schema)
	if err != nil {
		return err
	}
	err = s.schema.VisitJSON(value, s.filter.SchemaValidationOptions...)
	var wrong *openapi3.SchemaError
	if errors.As(err, &wrong) {
		return &ValueError{wrong.JSONPointer(), wrong.Reason}
	}
	return err
}
