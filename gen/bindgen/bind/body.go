package bind

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/qcsdev/qcs/openapi"
)

// HasBody reports whether a request has a body.
func HasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// IsJSON reports whether the Content-Type of a request is JSON, in its usual spelling and without a
// Content-Encoding. The handlers leave others to package contract.
func IsJSON(r *http.Request) bool {
	kind := r.Header["Content-Type"]
	return len(kind) == 1 && r.Header["Content-Encoding"] == nil &&
		(kind[0] == "application/json" || strings.HasPrefix(kind[0], "application/json;"))
}

// trustedLength is the greatest Content-Length, in bytes, for which ReadBody allocates memory
// before the body has arrived.
const trustedLength = 64 << 10

// bom is a byte order mark in UTF-8. A reader of JSON may ignore it (RFC 8259, section 8.1).
const bom = "\ufeff"

// ReadBody reads a body of at most limit bytes, without its byte order mark.
func ReadBody(r *http.Request, limit int64) (string, *openapi.RequestError) {
	var text []byte
	var err error
	if n := r.ContentLength; 0 < n && n <= min(limit, trustedLength) {
		text = make([]byte, n)
		_, err = io.ReadFull(r.Body, text)
	} else {
		text, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	switch {
	case int64(len(text)) > limit:
		refused := openapi.Refuse(openapi.BodyTooLarge, "body", fmt.Sprintf("more than %d bytes", limit))
		refused.Status = http.StatusRequestEntityTooLarge
		return "", refused
	case err != nil:
		return "", openapi.Refuse("", "body", "could not be read to its end")
	}
	return strings.TrimPrefix(string(text), bom), nil
}
