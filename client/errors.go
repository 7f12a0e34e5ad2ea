package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Sentinels for errors.Is. An *Error equals the sentinel of its status.
var (
	// 400, or a call that was not sent because of an invalid argument
	ErrInvalid      = errors.New("invalid request")
	ErrUnauthorized = errors.New("unauthorized") // 401
	ErrForbidden    = errors.New("forbidden")    // 403
	ErrNotFound     = errors.New("not found")    // 404
	// 409: on a vendor's platform also a classic rate limit, or a plan without reports
	ErrConflict    = errors.New("conflict")
	ErrRateLimited = errors.New("rate limited")         // 429
	ErrServer      = errors.New("fault of the service") // 5xx
)

// Errors of the SDK itself.
var (
	ErrRepeatedPage = errors.New("the service answers the same page again and again")
	ErrNotWaitable  = errors.New("the service cannot tell the state of a job")
	ErrJobFailed    = errors.New("the job failed")
	ErrTooMany      = errors.New("the filter matches more schedules than the snapshot may hold")
	ErrNoToken      = errors.New("there is no token")
)

// Error is a response with a status of 400 or above. Find it with errors.As.
type Error struct {
	Status       int           // HTTP status
	Code         string        // errorCode of the body, such as "400 BAD_REQUEST"
	Message      string        // message of the body, or the start of a body that is not JSON
	Detail       string        // X-QCS-Detail of the emulator: what was refused, and by which rule
	RequestID    string        // X-Request-Id, or ""
	Method, Path string        // of the call, without the query
	RetryAfter   time.Duration // how long to wait, or 0
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %d", e.Method, e.Path, e.Status)
	if e.Message != "" && !strings.HasPrefix(e.Detail, e.Message) {
		text += ": " + e.Message
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Is reports whether target is the sentinel of the status.
func (e *Error) Is(target error) bool {
	if e.Status >= http.StatusInternalServerError {
		return target == ErrServer
	}
	sentinel, ok := map[int]error{
		http.StatusBadRequest: ErrInvalid, http.StatusUnauthorized: ErrUnauthorized, http.StatusForbidden: ErrForbidden,
		http.StatusNotFound: ErrNotFound, http.StatusConflict: ErrConflict, http.StatusTooManyRequests: ErrRateLimited,
	}[e.Status]
	return ok && target == sentinel
}

// maxExcerpt is the largest excerpt of a body in an Error, in bytes.
const maxExcerpt = 2048

// excerpt gives the start of a text.
func excerpt(text string) string {
	if text = strings.TrimSpace(text); len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	return text
}

// refused makes the *Error of a response. It reads the vendor's two shapes of an error body, and
// takes the start of any other body as the message.
func refused(response *http.Response, body []byte) *Error {
	e := &Error{
		Status:     response.StatusCode,
		Detail:     response.Header.Get("X-QCS-Detail"),
		RequestID:  response.Header.Get("X-Request-Id"),
		Method:     response.Request.Method,
		Path:       response.Request.URL.Path,
		RetryAfter: retryAfter(response.Header, serverTime(response.Header)),
	}
	var shape struct {
		ErrorCode, Message string
		Code               int
		Error              string
	}
	if json.Unmarshal(body, &shape) != nil || shape.ErrorCode == "" && shape.Message == "" && shape.Code == 0 {
		if e.Message = excerpt(string(body)); e.Message == "{}" {
			e.Message = ""
		}
		return e
	}
	e.Code, e.Message = shape.ErrorCode, excerpt(shape.Message)
	if shape.Code != 0 { // the shape of runtime policies (release notes 1.12)
		e.Code = strconv.Itoa(shape.Code)
		e.Message = strings.TrimSuffix(shape.Message+": "+shape.Error, ": ")
	}
	return e
}

// serverTime gives the time of a response by the clock of the service. A date in Retry-After is
// relative to it.
func serverTime(h http.Header) time.Time {
	at, _ := http.ParseTime(h.Get("Date"))
	return at
}
