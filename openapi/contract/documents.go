package contract

import (
	"sync"

	"github.com/qcsdev/qcs/openapi"
)

var (
	vendor  = sync.OnceValues(func() (*Document, error) { return Open(openapi.JSON, Options{}) })
	control = sync.OnceValues(func() (*Document, error) { return Open(openapi.ControlJSON, Options{}) })
)

// VendorDocument returns the document of the vendor's API. It is read when it is first needed.
func VendorDocument() (*Document, error) { return vendor() }

// ControlDocument returns the document of the control API. It is read when it is first needed.
func ControlDocument() (*Document, error) { return control() }
