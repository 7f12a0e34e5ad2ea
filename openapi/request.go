package openapi

import "errors"

// RequestError says why a request was refused.
type RequestError struct {
	Status int    // 400, 413 or 415
	Rule   string // name of a Refusal; "" when the document gives the reason
	Where  string // such as `query parameter "pageSize"` or "body at /filters/0"
	Reason string // never contains a value of the body, which might be a secret
}

func (e *RequestError) Error() string { return e.Where + ": " + e.Reason }

// ErrUnbound is what a generated binder returns for a request that it does not support. It has
// neither checked nor answered the request; package contract has to check it.
var ErrUnbound = errors.New("left to the reference")

// Refuse returns a RequestError with status 400.
func Refuse(rule, where, reason string) *RequestError {
	const badRequest = 400
	return &RequestError{Status: badRequest, Rule: rule, Where: where, Reason: reason}
}
