// Package rule has what the packages of rules share: the error of a request that violates a rule,
// the parameters that all lists take, and the basis of a response. It must not import net/http.
package rule

import (
	"errors"
	"fmt"

	"github.com/qcsdev/qcs/openapi/qql"
)

// ViolationError is the error of a request that violates a rule.
type ViolationError struct {
	Rule string // name of an openapi.Refusal; "" for a rule of the control API
	Msg  string // a sentence for the caller
}

func (v *ViolationError) Error() string { return v.Msg }

// IsViolation reports whether an error says that a request violates a rule, or that its filter
// cannot be parsed or has unknown tokens.
func IsViolation(err error) bool {
	var violation *ViolationError
	var token *qql.TokenError
	var syntax *qql.SyntaxError
	return errors.As(err, &violation) || errors.As(err, &token) || errors.As(err, &syntax)
}

// Errorf returns a ViolationError of a rule.
func Errorf(rule, format string, args ...any) error {
	return &ViolationError{rule, fmt.Sprintf(format, args...)}
}
