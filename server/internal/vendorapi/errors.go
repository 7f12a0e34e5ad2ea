package vendorapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/fault"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/request"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// statusClosed is logged for a call whose caller did not wait for the response.
const statusClosed = 499

// invalidInput is the documented message of a 400 (release notes 1.12).
const invalidInput = "Invalid Input Request."

// problem is the response to a request that failed.
type problem struct {
	status  int
	message string // for the body
	detail  string // for X-QCS-Detail and the log
	rule    string // name of an openapi.Refusal, if one was applied
	code    string // of the body; default: made from the status
	wait    string // Retry-After; "" for none
}

// problems is the one table from errors to responses, read from top to bottom. An error that no row
// matches is an internal error: 500.
var problems = []func(error) (problem, bool){
	row(func(e *contract.PathError) problem { return problemFrom(http.StatusNotFound, "Not found.", e) }),
	row(func(e *contract.MethodError) problem {
		return problemFrom(http.StatusMethodNotAllowed, "Method not allowed.", e)
	}),
	row(func(e *auth.Error) problem { return problemFrom(http.StatusUnauthorized, e.Message, e) }),
	row(limitProblem),
	row(func(e *auth.ForbiddenError) problem { return problemFrom(http.StatusForbidden, e.Message, e) }),
	row(func(e *fault.AnswerError) problem {
		p := problem{status: e.Status, message: e.Message, code: e.Code}
		if e.Limit != nil {
			limit := limitProblem(e.Limit)
			p.status, p.message = limit.status, cmp.Or(e.Message, limit.message)
		}
		return p
	}),
	row(func(e contract.RequestErrors) problem { return requestProblem(e[0], e) }),
	row(func(e *openapi.RequestError) problem { return requestProblem(e, e) }),
	row(func(e *qql.SyntaxError) problem {
		return problem{
			status: http.StatusBadRequest, message: invalidInput, detail: "filter: " + e.Error(),
			rule: openapi.FilterSyntax,
		}
	}),
	func(err error) (problem, bool) {
		var e *qql.TokenError
		p := problemFrom(http.StatusBadRequest, invalidInput, err)
		if p.rule = openapi.FilterValue; errors.As(err, &e) && e.Unknown {
			p.rule = openapi.FilterToken
		}
		return p, e != nil
	},
	row(func(e *registry.PolicyError) problem { return problemFrom(http.StatusBadRequest, "Bad request", e) }),
	row(func(e *rule.ViolationError) problem {
		return problem{status: http.StatusBadRequest, message: e.Msg, detail: e.Msg, rule: e.Rule}
	}),
	row(func(e *formError) problem { return problemFrom(http.StatusBadRequest, invalidInput, e) }),
	row(func(e *echo.HTTPError) problem {
		return problem{
			status: e.Code, message: invalidInput,
			detail: "body: a value does not fit its field; whole numbers are written without point and exponent",
		}
	}),
	is(context.Canceled, statusClosed, "Canceled."),
	is(auth.ErrFreePlan, http.StatusConflict,
		"The Report APIs are not supported in subscriptions with the Container Security Free version."),
	is(store.ErrNotFound, http.StatusNotFound, "Not found."),
	func(err error) (problem, bool) {
		return problem{
			status: http.StatusServiceUnavailable, message: "Service unavailable.", wait: databaseWait,
			detail: store.ErrUnavailable.Error(),
		}, errors.Is(err, store.ErrUnavailable)
	},
}

// databaseWait is when a call can be made again while the database cannot be reached, in seconds.
const databaseWait = "1"

// problemFrom returns a problem whose detail is the text of the error.
func problemFrom(status int, message string, err error) problem {
	return problem{status: status, message: message, detail: err.Error()}
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

// is makes a row of the table for one error.
func is(target error, status int, message string) func(error) (problem, bool) {
	return func(err error) (problem, bool) { return problemFrom(status, message, err), errors.Is(err, target) }
}

func limitProblem(e *auth.LimitError) problem {
	status, message := http.StatusTooManyRequests, "Rate limit exceeded."
	if e.Classic {
		status, message = http.StatusConflict, "This API cannot be run again until the rate limit window has passed."
	}
	if e.Concurrent {
		message = "Too many calls of this API run at the same time."
	}
	return problemFrom(status, message, e)
}

func requestProblem(first *openapi.RequestError, all error) problem {
	p := problemFrom(http.StatusBadRequest, invalidInput, all)
	switch first.Status {
	case http.StatusUnsupportedMediaType:
		p.status, p.message = first.Status, "Unsupported content type."
	case http.StatusRequestEntityTooLarge:
		p.status, p.message = first.Status, "Request body too large."
	}
	p.rule = cmp.Or(first.Rule, openapi.DocumentSays)
	return p
}

func problemOf(err error) problem {
	for _, match := range problems {
		if p, ok := match(err); ok {
			return p
		}
	}
	return problem{status: http.StatusInternalServerError, message: "Internal server error."}
}

// Detail is the header with the cause of a refusal, or with which of our choices the response
// depends on, in the canonical form of net/http.
const Detail = "X-Qcs-Detail"

// Explain is the header with which a caller requests all violations of a request, not only the
// first.
const Explain = "X-QCS-Explain"

// Fail returns a function that sends an error in the vendor's format, unless a response has begun.
// The cause goes into X-QCS-Detail and the log; the cause of an internal error into the log only.
// The function now returns the time of responses to callers whose world is not known.
func Fail(now func() time.Time) request.Fail {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		p := problemOf(err)
		if canceled := r.Context().Err(); canceled != nil && p.status == http.StatusInternalServerError {
			p = problemFrom(statusClosed, "Canceled.", canceled) // databases return many errors for it
		}
		s := request.Of(r.Context())
		if s.Cause = err; s.Started {
			return // the caller has disconnected, or the response broke off: there is no second response
		}
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Del(Detail) // of the response that failed
		if p.detail != "" {
			limit := maxDetail
			if r.Header.Get(Explain) != "" {
				limit = maxExplained
			}
			header.Set(Detail, ascii(p.detail, limit)+ruleDetail(p.rule))
		}
		if p.wait != "" {
			header.Set("Retry-After", p.wait)
		}
		var method *contract.MethodError
		if errors.As(err, &method) {
			header.Set("Allow", strings.Join(method.Allow, ", "))
		}
		var login *auth.Error
		if errors.As(err, &login) {
			header["Www-Authenticate"] = []string{"Bearer", `Basic realm="qcs"`}
		}
		body := errorBody(err, p, cmp.Or(s.Now(), now()))
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(p.status)
		_, _ = w.Write(body) // the caller may have disconnected
	}
}

// errorBody returns a problem in one of the two formats of the vendor (release notes 1.12).
func errorBody(err error, p problem, at time.Time) []byte {
	var shape any = api.ResponseError{
		ErrorCode: cmp.Or(p.code, errorCode(p.status)), Message: p.message, Timestamp: at.UnixMilli(),
	}
	var policy *registry.PolicyError
	if errors.As(err, &policy) {
		shape = api.PolicyError{
			Code: 10400, Message: p.message, MessageInfo: "For API definition see: ", Status: p.status,
			Error: "Invalid json",
		}
	}
	body, _ := json.Marshal(shape) // texts and numbers always marshal
	return body
}

// errorCode returns the status and its name, such as "400 BAD_REQUEST" (release notes 1.12).
func errorCode(status int) string {
	name := http.StatusText(status)
	if status == http.StatusRequestEntityTooLarge {
		name = "Payload Too Large" // the current name
	}
	return strconv.Itoa(status) + " " + strings.ToUpper(strings.ReplaceAll(name, " ", "_"))
}

// ruleDetail describes the rule of a refusal and what --strictness=vendor does instead.
func ruleDetail(name string) string {
	for _, r := range openapi.Refusals {
		if r.Name == name {
			detail := fmt.Sprintf(" (rule %s, %s", r.Name, r.Class)
			if r.Lenient != "" {
				detail += "; --strictness=vendor: " + r.Lenient
			}
			return detail + ")"
		}
	}
	return ""
}

// maxDetail limits the header, as some clients refuse longer lines; maxExplained is the limit for
// callers that request all violations.
const maxDetail, maxExplained = 500, 4000

// ascii shortens a text and replaces the characters that a header cannot contain.
func ascii(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
