package bind

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/qcsdev/qcs/openapi"
)

// ErrUnbound says that a request has to go the way of the reference: it holds something that was left to that.
var ErrUnbound = errors.New("left to the reference")

// PathValues are the values of the parameters of a path, in their order in it, without escapes. No path has more.
type PathValues [2]string

// Operation is an operation of the document.
type Operation struct {
	ID     string
	Public bool // needs no credentials
}

// Route is an operation behind its binder.
type Route struct {
	OperationID, Method, Path string
	Params                    []string // names of the parameters in the path

	// Serve answers a request. An error is a *openapi.RequestError, ErrUnbound when nothing was read or written, or what the operation gave.
	Serve Handler
}

// Handler answers a request.
type Handler func(w http.ResponseWriter, r *http.Request, path PathValues) error

// Register registers routes with Echo. A request that they leave to the reference goes to another handler.
func Register(e *echo.Echo, routes []Route, unbound echo.HandlerFunc) {
	for _, route := range routes {
		e.Add(route.Method, strings.NewReplacer("{", ":", "}", "").Replace(route.Path), func(c echo.Context) error {
			var path PathValues
			for i, name := range route.Params {
				path[i] = Unescape(c.Param(name), c.Request().URL.RawPath != "")
			}
			err := route.Serve(c.Response(), c.Request(), path)
			if err == ErrUnbound { //nolint:errorlint // never wrapped
				return unbound(c)
			}
			return err
		})
	}
}

// Options of the binders.
type Options struct {
	MaxBody int64 // bytes of a request body; 1 MiB when 0
}

// Most is how long a body may be.
func (o Options) Most() int64 {
	if o.MaxBody == 0 {
		return 1 << 20
	}
	return o.MaxBody
}

// Unescape decodes a value of a path where that is needed; what cannot be decoded stays.
func Unescape(value string, escaped bool) string {
	if !escaped || !strings.Contains(value, "%") {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
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
var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// Buffer is a buffer that is used again.
type Buffer struct{ Bytes []byte }

// NewBuffer gives an empty buffer.
func NewBuffer() *Buffer {
	b, _ := buffers.Get().(*Buffer)
	b.Bytes = b.Bytes[:0]
	return b
}

// Free gives a buffer back.
func (b *Buffer) Free() {
	const worth = 1 << 20 // bytes
	if cap(b.Bytes) <= worth {
		buffers.Put(b)
	}
}

// ReadBody reads a body up to its bound.
func ReadBody(r *http.Request, o Options) (string, *openapi.RequestError) {
	most := o.Most()
	b := NewBuffer()
	defer b.Free()
	read := bytes.NewBuffer(b.Bytes)
	n, err := read.ReadFrom(io.LimitReader(r.Body, most+1))
	b.Bytes = read.Bytes()
	switch {
	case n > most:
		return "", &openapi.RequestError{Status: http.StatusRequestEntityTooLarge, Rule: openapi.BodyTooLarge, Where: "body", Reason: fmt.Sprintf("more than %d bytes", most)}
	case err != nil:
		return "", openapi.Refuse("", "body", "could not be read to its end")
	}
	return read.String(), nil
}

// jsonType is set as it is: a header of one value needs no new slice.
var jsonType = []string{"application/json"}

// Write answers with the JSON text in a buffer, which it gives back.
func (b *Buffer) Write(w http.ResponseWriter, status int) error {
	defer b.Free()
	b.Bytes = append(b.Bytes, '\n') // as encoding/json does
	header := w.Header()
	header["Content-Type"] = jsonType
	header.Set("Content-Length", strconv.Itoa(len(b.Bytes)))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes)
	return err
}
