package bind

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/openapi"
)

// PathValues are the values of the parameters of a path, in their order in it, without escapes. No
// path has more.
type PathValues = [2]string

// Route is an operation behind its binder.
type Route struct {
	OperationID, Method, Path string
	Params                    []string // names of the parameters in the path

	// Serve answers a request. An error is a *openapi.RequestError, openapi.ErrUnbound when nothing
	// was read or written, or what the operation gave.
	Serve Handler
}

// Handler answers a request.
type Handler = func(w http.ResponseWriter, r *http.Request, path PathValues) error

// Register registers routes with Echo. A request that they leave to the reference goes to another
// handler.
func Register(e *echo.Echo, routes []Route, unbound echo.HandlerFunc) {
	for _, route := range routes {
		e.Add(route.Method, strings.NewReplacer("{", ":", "}", "").Replace(route.Path), func(c echo.Context) error {
			var path PathValues
			for i, name := range route.Params {
				path[i] = c.Param(name)
				if c.Request().URL.RawPath != "" { // Echo has routed by it
					if plain, err := url.PathUnescape(path[i]); err == nil { // what cannot be decoded stays
						path[i] = plain
					}
				}
			}
			err := route.Serve(c.Response(), c.Request(), path)
			if err == openapi.ErrUnbound { //nolint:errorlint // never wrapped
				return unbound(c)
			}
			return err
		})
	}
}

// ByOperation gives the handlers of routes by the ids of their operations.
func ByOperation(routes []Route) map[string]Handler {
	all := make(map[string]Handler, len(routes))
	for _, r := range routes {
		all[r.OperationID] = r.Serve
	}
	return all
}

// Options of the binders.
type Options struct {
	MaxBody int64 // bytes of a request body; 1 MiB when 0
}

// Bodiless reports whether a request has no body; one that has is left to the reference.
func Bodiless(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody
}

// IsJSON reports whether a request says that its body is JSON, in the usual way of writing it.
func IsJSON(r *http.Request) bool {
	kind := r.Header["Content-Type"]
	return len(kind) == 1 && (kind[0] == "application/json" || strings.HasPrefix(kind[0], "application/json;"))
}

// buffers are used again.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func borrow() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

func giveBack(b *bytes.Buffer) {
	const worth = 1 << 20 // bytes
	if b.Cap() <= worth {
		buffers.Put(b)
	}
}

// ReadBody reads a body up to its bound. Its length is that which the request tells, if it tells
// one.
func ReadBody(r *http.Request, o Options) (string, *openapi.RequestError) {
	most := cmp.Or(o.MaxBody, 1<<20)
	var text []byte
	var err error
	if n := r.ContentLength; 0 < n && n <= min(most, 64<<10) { // who says that a body is longer has to send it first
		text = make([]byte, n)
		_, err = io.ReadFull(r.Body, text)
	} else {
		text, err = io.ReadAll(io.LimitReader(r.Body, most+1))
	}
	switch {
	case int64(len(text)) > most:
		return "", &openapi.RequestError{
			Status: http.StatusRequestEntityTooLarge,
			Rule:   openapi.BodyTooLarge,
			Where:  "body",
			Reason: fmt.Sprintf("more than %d bytes", most),
		}
	case err != nil:
		return "", openapi.Refuse("", "body", "could not be read to its end")
	}
	return unsafe.String(unsafe.SliceData(text), len(text)), nil // nobody else has it
}

// jsonType is set as it is: a header of one value needs no new slice.
var jsonType = []string{"application/json"}

// Answer answers with JSON text, which a function appends.
func Answer[T any](w http.ResponseWriter, status int, value T, appendTo func([]byte, T) []byte) error {
	b := borrow()
	defer giveBack(b)
	text := append(appendTo(b.AvailableBuffer(), value), '\n') // as encoding/json does
	*b = *bytes.NewBuffer(text)                                // it may have grown
	header := w.Header()
	header["Content-Type"] = jsonType
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, err := w.Write(text)
	return err
}
