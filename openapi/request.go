package openapi

import "errors"

// RequestError says why a request was refused.
type RequestError struct {
	Status int    // 400, 413 or 415
	Rule   string // name of a Refusal; "" when the document itself says so
	Where  string // such as `query parameter "pageSize"` or "body at /filters/0"
	Reason string // never contains a value of the body, which might be a secret
}

func (e *RequestError) Error() string { return e.Where + ": " + e.Reason }

// ErrUnbound says that a request was neither checked nor answered by the binder of its operation,
// as it holds something that is left to package contract.
var ErrUnbound = errors.New("left to the reference")

// Refuse gives the error of a request with status 400.
func Refuse(rule, where, reason string) *RequestError {
	const badRequest = 400
	return &RequestError{Status: badRequest, Rule: rule, Where: where, Reason: reason}
}
