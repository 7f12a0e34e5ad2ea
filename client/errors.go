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

// Sentinels for errors.Is. An *Error is the one that its status says.
var (
	// 400, or a call that was not made, as it names nothing that there could be
	ErrInvalid      = errors.New("invalid request")
	ErrUnauthorized = errors.New("unauthorized") // 401
	ErrForbidden    = errors.New("forbidden")    // 403
	ErrNotFound     = errors.New("not found")    // 404
	// 409: on the vendor's platforms also a classic rate limit, or a plan without reports
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

// Error is a refusal or a fault that the service answered. Find it with errors.As.
type Error struct {
	Status       int           // HTTP status
	Code         string        // errorCode of the body, such as "400 BAD_REQUEST"
	Message      string        // message of the body, or its beginning when it is not JSON
	Detail       string        // X-QCS-Detail of the emulator: what exactly was refused, and by which rule
	RequestID    string        // X-Request-Id, if there is one
	Method, Path string        // the call; the query is left out
	RetryAfter   time.Duration // how long to wait, if the service says so
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

// maxExcerpt bounds what is kept of an answer that is not JSON.
const maxExcerpt = 2048

// excerpt is the beginning of a text.
func excerpt(text string) string {
	if text = strings.TrimSpace(text); len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	return text
}

// refused makes an *Error of an answer. It reads the vendor's two shapes of a body and takes the
// beginning of anything else.
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

// serverTime is when an answer was made, by the clock of the service; a date in Retry-After is one
// of the same clock.
func serverTime(h http.Header) time.Time {
	at, _ := http.ParseTime(h.Get("Date"))
	return at
}
