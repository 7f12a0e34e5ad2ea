package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/store"
)

// statusClosed is noted of a call that the caller did not wait for.
const statusClosed = 499

// invalidInput is the documented message of a 400 (release notes 1.12).
const invalidInput = "Invalid Input Request."

// problem is an answer to a request that failed.
type problem struct {
	status  int
	message string // for the body
	detail  string // for X-QCS-Detail and the log
	rule    string // name of an openapi.Refusal, if one was applied
}

// problems is the one table from errors to answers, read from top to bottom; what no row knows is a
// fault of ours.
var problems = []func(error) (problem, bool){
	row(func(e *contract.PathError) problem { return problem{http.StatusNotFound, "Not found.", e.Error(), ""} }),
	row(func(e *contract.MethodError) problem {
		return problem{http.StatusMethodNotAllowed, "Method not allowed.", e.Error(), ""}
	}),
	row(func(e *authError) problem { return problem{http.StatusUnauthorized, e.message, e.detail, ""} }),
	row(func(e *limitError) problem { return e.problem() }),
	row(func(e *forbidden) problem { return problem{http.StatusForbidden, e.message, e.message, ""} }),
	row(func(e contract.RequestErrors) problem {
		return problem{e[0].Status, requestMessage(e[0]), e.Error(), cmp.Or(e[0].Rule, openapi.DocumentSays)}
	}),
	row(func(e *contract.RequestError) problem {
		return problem{e.Status, requestMessage(e), e.Error(), cmp.Or(e.Rule, openapi.DocumentSays)}
	}),
	row(func(e *qql.SyntaxError) problem {
		return problem{http.StatusBadRequest, invalidInput, "filter: " + e.Error(), openapi.FilterSyntax}
	}),
	func(err error) (problem, bool) {
		var e *qql.TokenError
		p := problem{http.StatusBadRequest, invalidInput, err.Error(), openapi.FilterValue}
		if errors.As(err, &e) && e.Unknown {
			p.rule = openapi.FilterToken
		}
		return p, e != nil
	},
	row(func(e *registry.PolicyError) problem { return problem{http.StatusBadRequest, "Bad request", e.Msg, ""} }),
	row(func(e *registry.RuleError) problem { return problem{http.StatusBadRequest, e.Msg, e.Msg, e.Rule} }),
	row(func(e *formError) problem { return problem{http.StatusBadRequest, invalidInput, e.Error(), ""} }),
	row(func(e *echo.HTTPError) problem {
		return problem{
			e.Code,
			invalidInput,
			"body: a value does not fit its field; whole numbers are written without point and exponent",
			"",
		}
	}),
	func(err error) (problem, bool) {
		return problem{statusClosed, "Canceled.", err.Error(), ""}, errors.Is(err, context.Canceled)
	},
	func(err error) (problem, bool) {
		return problem{
			http.StatusConflict,
			"The Report APIs are not supported in subscriptions with the Container Security Free version.",
			errFreePlan.Error(),
			"",
		}, errors.Is(err, errFreePlan)
	},
	func(err error) (problem, bool) {
		return problem{http.StatusNotFound, "Not found.", err.Error(), ""}, errors.Is(err, store.ErrNotFound)
	},
}

// row makes a row of the table for a type of error.
func row[E error](f func(E) problem) func(error) (problem, bool) {
	return func(err error) (problem, bool) {
		var e E
		if !errors.As(err, &e) {
			return problem{}, false
		}
		return f(e), true
	}
}

func requestMessage(e *contract.RequestError) string {
	switch e.Status {
	case http.StatusUnsupportedMediaType:
		return "Unsupported content type."
	case http.StatusRequestEntityTooLarge:
		return "Request body too large."
	}
	return invalidInput
}

func problemOf(err error) problem {
	for _, match := range problems {
		if p, ok := match(err); ok {
			return p
		}
	}
	return problem{status: http.StatusInternalServerError, message: "Internal server error."}
}

// fail answers an error in the vendor's shape, unless an answer has begun. The cause goes into
// X-QCS-Detail and the log; that of a fault of ours into the log only.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if gone := r.Context().Err(); gone != nil && p.status == http.StatusInternalServerError {
		p = problem{statusClosed, "Canceled.", gone.Error(), ""} // a database says so in many ways
	}
	x := exchangeOf(r.Context())
	if x.cause = err; x.begun {
		return // the caller is gone, or the answer broke off: there is no second one
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Del("X-QCS-Detail") // what noted has written of another answer
	if p.detail != "" {
		most := maxDetail
		if r.Header.Get(explain) != "" {
			most = maxExplained
		}
		header.Set(detailHeader, ascii(p.detail, most)+ruleNote(p.rule))
	}
	var method *contract.MethodError
	if errors.As(err, &method) {
		header.Set("Allow", strings.Join(method.Allow, ", "))
	}
	if p.status == http.StatusUnauthorized {
		header["Www-Authenticate"] = []string{"Bearer", `Basic realm="qcs"`}
	}
	at := cmp.Or(x.now, s.options.Now()).UnixMilli()
	var shape any = api.ResponseError{ErrorCode: errorCode(p.status), Message: p.message, Timestamp: at}
	var policy *registry.PolicyError
	if errors.As(err, &policy) { // the other shape (release notes 1.12)
		shape = api.PolicyError{
			Code:        10400,
			Message:     p.message,
			MessageInfo: "For API definition see: ",
			Status:      p.status,
			Error:       "Invalid json",
		}
	}
	body, _ := json.Marshal(shape) // texts and numbers always marshal
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // the caller may be gone
}

// errorCode is the status and its name, such as "400 BAD_REQUEST" (release notes 1.12).
func errorCode(status int) string {
	name := http.StatusText(status)
	if status == http.StatusRequestEntityTooLarge {
		name = "Payload Too Large" // the current name
	}
	return strconv.Itoa(status) + " " + strings.ToUpper(strings.ReplaceAll(name, " ", "_"))
}

// ruleNote says on what a refusal rests and how it can be switched off.
func ruleNote(name string) string {
	for _, r := range openapi.Refusals {
		if r.Name == name {
			note := fmt.Sprintf(" (rule %s, %s", r.Name, r.Class)
			if r.Lenient != "" {
				note += "; --strictness=vendor: " + r.Lenient
			}
			return note + ")"
		}
	}
	return ""
}

// maxDetail bounds what a header says; some clients refuse longer lines. Those that ask for all
// faults do not.
const maxDetail, maxExplained = 500, 4000

// ascii makes a text fit for a header.
func ascii(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
