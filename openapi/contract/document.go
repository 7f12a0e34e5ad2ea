// Package contract holds traffic to an OpenAPI document: it finds the operation of a request,
// checks requests and responses, and compares two documents.
//
// It is the only package of the project, besides the generator, that imports kin-openapi, which it
// completes where that is silent: unknown and repeated parameters, duplicate keys, trailing bytes,
// undeclared properties of answers. It imports nothing of the server.
package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// Strictness says what becomes of requests that the vendor may well accept although nothing
// documents it; see openapi.Refusals.
type Strictness string

// The two settings. Strict, the default, refuses what no document allows, because catching mistakes
// is what the emulator is for.
const (
	Strict Strictness = "strict"
	Vendor Strictness = "vendor"
)

// Options of a document.
type Options struct {
	Strictness Strictness // Strict when empty
	MaxBody    int64      // bytes of a request body; 1 MiB when 0

	// Passed is told of what is let pass because the strictness is Vendor; it may be nil.
	Passed func(*RequestError)
}

// Document is an OpenAPI document, ready to check traffic. It is safe for concurrent use.
type Document struct {
	outline    *outline
	operations []*Operation
	options    Options
	schemas    *schemas
}

// Operation is one operation of a document.
type Operation struct {
	ID       string // operationId
	Method   string
	Path     string // template, such as /csapi/v1.3/registry/{registryId}
	Summary  string // what it does, in a few words
	Public   bool   // declared with "security: []": needs no credentials
	evidence Evidence
	document *Document
	segments []string
	read     func() (*detail, error) // once
}

// detail is what checking the traffic of an operation needs. Load has seen that it can be read;
// Open trusts that Load would.
func (o *Operation) detail() *detail {
	got, err := o.read()
	if err != nil {
		panic(fmt.Sprintf("contract: a document that Load refuses was opened: %v", err))
	}
	return got
}

// Load reads a document as JSON or YAML and checks that it is a valid one and that each operation
// has an operationId of its own.
func Load(data []byte, o Options) (*Document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	setFormats(spec)
	if err := spec.Validate(openapi3.NewLoader().Context); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	if !json.Valid(data) {
		if data, err = spec.MarshalJSON(); err != nil {
			return nil, fmt.Errorf("document: %w", err)
		}
	}
	d, err := Open(data, o)
	if err != nil {
		return nil, err
	}
	for _, operation := range d.operations {
		if _, err := operation.read(); err != nil {
			return nil, fmt.Errorf("document: %w", err)
		}
	}
	return d, nil
}

// Open reads a document as JSON that Load has accepted before, such as an embedded one. It takes a
// fortieth of the time: the parts are read when they are first needed.
func Open(data []byte, o Options) (*Document, error) {
	text, err := readOutline(data)
	if err != nil {
		return nil, err
	}
	d := &Document{outline: text, options: o.complete(), schemas: &schemas{}}
	seen := map[string]bool{}
	for path, item := range text.Paths {
		for field, operation := range item {
			if !isMethod(field) {
				continue
			}
			o, err := newOperation(d, path, strings.ToUpper(field), operation)
			if err != nil {
				return nil, err
			}
			if o.ID == "" || seen[o.ID] {
				return nil, fmt.Errorf("document: %s %s has no operationId of its own", o.Method, path)
			}
			seen[o.ID] = true
			d.operations = append(d.operations, o)
		}
	}
	slices.SortFunc(d.operations, func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
	return d, nil
}

// With gives the same document with other options, without reading it again.
func (d *Document) With(o Options) *Document {
	other := *d
	other.options = o.complete()
	other.operations = make([]*Operation, len(d.operations))
	for i, operation := range d.operations {
		copied := *operation
		copied.document = &other
		other.operations[i] = &copied
	}
	return &other
}

func (o Options) complete() Options {
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	return o
}

func newOperation(d *Document, path, method string, text json.RawMessage) (*Operation, error) {
	var h head
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("document: %s %s: %w", method, path, err)
	}
	return &Operation{
		ID:       h.OperationID,
		Method:   method,
		Path:     path,
		Summary:  h.Summary,
		Public:   h.Security != nil && len(*h.Security) == 0,
		evidence: h.Evidence,
		document: d,
		segments: strings.Split(path, "/"),
		read:     sync.OnceValues(func() (*detail, error) { return d.outline.detailOf(path, method) }),
	}, nil
}

// Operations lists the operations in the order of their ids.
func (d *Document) Operations() []*Operation { return d.operations }

// PathError says that the document has no such path.
type PathError struct{ Nearest string }

func (e *PathError) Error() string {
	if e.Nearest == "" {
		return "the document has no such path"
	}
	return "the document has no such path; the nearest is " + e.Nearest
}

// MethodError says that the path exists, but not with this method.
type MethodError struct{ Allow []string }

func (e *MethodError) Error() string {
	return "the path takes " + strings.Join(e.Allow, ", ")
}

// Match is the operation that a request means, with the values of its path parameters. One that is
// made of an operation alone has none, and does for answers.
type Match struct {
	*Operation
	path []string // the segments of the request's
}

// Values copies the values of the path parameters, in their order in the path, as far as there is
// room.
func (m Match) Values(into []string) {
	for i, value := range m.path {
		if strings.HasPrefix(m.segments[i], "{") && len(into) > 0 {
			into[0], into = value, into[1:]
		}
	}
}

// Params are the values of all path parameters; nil when there are none.
func (m Match) Params() (values map[string]string) {
	for i, value := range m.path {
		if segment := m.segments[i]; strings.HasPrefix(segment, "{") {
			if values == nil {
				values = map[string]string{}
			}
			values[segment[1:len(segment)-1]] = value
		}
	}
	return values
}

// Find returns the operation of a request. A literal segment of a path beats a parameter in the
// same place. An error is a *PathError or a *MethodError.
func (d *Document) Find(method string, target *url.URL) (Match, error) {
	segments := strings.Split(target.Path, "/") // where no RawPath is, no slash was escaped
	if target.RawPath != "" {
		segments = strings.Split(target.EscapedPath(), "/")
		for i, segment := range segments {
			segments[i], _ = url.PathUnescape(segment) // what cannot be decoded becomes "", which fits nothing
		}
	}
	var found *Operation
	most := -1
	for _, o := range d.operations {
		literals, ok := o.match(segments)
		if ok && literals > most {
			most, found = literals, nil
		}
		if ok && literals == most && o.Method == method {
			found = o
		}
	}
	switch {
	case found != nil:
		return Match{found, segments}, nil
	case most < 0:
		return Match{}, &PathError{d.nearest(strings.Split(target.EscapedPath(), "/"))}
	}
	return Match{}, &MethodError{d.methods(segments, most)}
}

// methods are those of the operations that fit a path to the letter in so many segments.
func (d *Document) methods(segments []string, literals int) (all []string) {
	for _, o := range d.operations {
		if n, ok := o.match(segments); ok && n == literals {
			all = append(all, o.Method)
		}
	}
	slices.Sort(all)
	return all
}

// match compares the segments of a path with the template and counts those that are equal to the
// letter.
func (o *Operation) match(segments []string) (literals int, ok bool) {
	if len(segments) != len(o.segments) {
		return 0, false
	}
	for i, want := range o.segments {
		switch isParameter := strings.HasPrefix(want, "{"); {
		case !isParameter && want == segments[i]:
			literals++
		case !isParameter || segments[i] == "":
			return 0, false
		}
	}
	return literals, true
}

// nearest names the path that shares the longest beginning with the segments, the shortest of
// several.
func (d *Document) nearest(segments []string) string {
	best, shared := "", 0
	for _, o := range d.operations {
		n := o.shares(segments)
		if n > shared || n == shared && best != "" && len(o.Path) < len(best) {
			best, shared = o.Path, n
		}
	}
	return best
}

// shares measures the beginning that a path has in common with the template, in segments first and
// then in letters; less than one segment counts as nothing.
func (o *Operation) shares(segments []string) int {
	const segment = 1000
	n := 0
	for n < len(segments) && n < len(o.segments) &&
		(o.segments[n] == segments[n] || strings.HasPrefix(o.segments[n], "{")) {
		n++
	}
	if n < 2 { // the first segment is the empty one before the leading slash
		return 0
	}
	letters := 0
	if n < len(segments) && n < len(o.segments) {
		for letters < min(len(segments[n]), len(o.segments[n])) && segments[n][letters] == o.segments[n][letters] {
			letters++
		}
	}
	return n*segment + letters
}

// setFormats makes kin-openapi check the custom formats; without it they would be notes only.
func setFormats(spec *openapi3.T) {
	spec.SetStringFormatValidator("uuid", openapi3.NewCallbackValidator(checkUUID))
	spec.SetStringFormatValidator("epoch-millis", openapi3.NewCallbackValidator(checkMillis))
}

func checkUUID(text string) error {
	valid := len(text) == 36
	for i := 0; valid && i < len(text); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			valid = text[i] == '-'
		} else {
			valid = strings.IndexByte("0123456789abcdefABCDEF", text[i]) >= 0
		}
	}
	if !valid {
		return errors.New("not a UUID")
	}
	return nil
}

func checkMillis(text string) error {
	if text == "" || len(text) > 15 || strings.Trim(text, "0123456789") != "" {
		return errors.New("not epoch milliseconds")
	}
	return nil
}

// input is what kin-openapi wants to know of a request.
func (m Match) input(r *http.Request, query url.Values) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{
		Request:     r,
		PathParams:  m.Params(),
		QueryParams: query,
		Route:       m.detail().route,
		Options:     m.detail().filter,
	}
}
