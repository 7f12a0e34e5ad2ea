// Package contract checks traffic against an OpenAPI document: it finds the operation of a request,
// checks requests and responses, and compares two documents.
//
// It is the only package of the project, besides the generator, that imports kin-openapi. It adds
// the checks that kin-openapi does not make: unknown and repeated parameters, duplicate keys,
// trailing bytes, undeclared properties of answers. It imports nothing of the server.
package contract

import (
	"cmp"
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
	"github.com/google/uuid"

	"github.com/qcsdev/qcs/openapi/suggest"
)

// Strictness decides about requests that the real API probably accepts although no document says
// so; see openapi.Refusals.
type Strictness string

// Strict refuses such requests. It is the default, because the emulator exists to find mistakes.
// Vendor accepts them.
const (
	Strict Strictness = "strict"
	Vendor Strictness = "vendor"
)

// Options of a document.
type Options struct {
	Strictness Strictness // Strict when empty
	MaxBody    int64      // bytes of a request body; 1 MiB when 0

	// Passed is called for each fault of a request that is accepted because the strictness is
	// Vendor; it may be nil.
	Passed func(*RequestError)
}

// Document is an OpenAPI document. It is safe for concurrent use.
type Document struct {
	outline    *outline
	operations []*Operation
	options    Options
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
	segments []string                // of Path
	parse    func() (*detail, error) // parses on the first call only
}

// detail returns the parsed operation. It panics when the document is not valid: Load has parsed
// all operations, and Open requires a document that Load accepts.
func (o *Operation) detail() *detail {
	d, err := o.parse()
	if err != nil {
		panic(fmt.Sprintf("contract: a document that Load refuses was opened: %v", err))
	}
	return d
}

// Load reads a document in JSON or YAML. It checks that the document is valid and that each
// operation has a unique operationId.
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
		if _, err := operation.parse(); err != nil {
			return nil, fmt.Errorf("document: %w", err)
		}
	}
	return d, nil
}

// Open reads a document in JSON that Load accepts, such as an embedded one. It is 40 times as fast
// as Load, because it parses an operation only when the operation is first used.
func Open(data []byte, o Options) (*Document, error) {
	d := &Document{outline: &outline{schemas: map[string]valueSchema{}}, options: o.withDefaults()}
	if err := json.Unmarshal(data, d.outline); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	ids := map[string]bool{}
	for path, item := range d.outline.Paths {
		for field, operation := range item {
			if !isMethod(field) {
				continue
			}
			o, err := newOperation(d, path, strings.ToUpper(field), operation)
			if err != nil {
				return nil, err
			}
			if o.ID == "" || ids[o.ID] {
				return nil, fmt.Errorf("document: %s %s has no operationId of its own", o.Method, path)
			}
			ids[o.ID] = true
			d.operations = append(d.operations, o)
		}
	}
	slices.SortFunc(d.operations, func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
	return d, nil
}

// With returns the same document with other options, without reading it again.
func (d *Document) With(o Options) *Document {
	other := *d
	other.options = o.withDefaults()
	other.operations = make([]*Operation, len(d.operations))
	for i, operation := range d.operations {
		copied := *operation
		copied.document = &other
		other.operations[i] = &copied
	}
	return &other
}

func (o Options) withDefaults() Options {
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	return o
}

func newOperation(d *Document, path, method string, text json.RawMessage) (*Operation, error) {
	var h operationHead
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
		parse:    sync.OnceValues(func() (*detail, error) { return d.outline.parse(path, method) }),
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

// MethodError says that the path has no operation for the method.
type MethodError struct{ Allow []string }

func (e *MethodError) Error() string {
	return "the path takes " + strings.Join(e.Allow, ", ")
}

// Match is the operation of a request with the values of the path parameters. To check an answer, a
// Match without values, Match{Operation: o}, is enough.
type Match struct {
	*Operation
	path []string // the segments of the path of the request
}

// Values copies the values of the path parameters to into, in the order of the path. It stops when
// into is full.
func (m Match) Values(into []string) {
	for i, value := range m.path {
		if strings.HasPrefix(m.segments[i], "{") && len(into) > 0 {
			into[0], into = value, into[1:]
		}
	}
}

// Params returns the values of the path parameters by name; nil when there are none.
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

// Find returns the operation of a request. Of several templates that match the path, it takes the
// one with the most literal segments. HEAD has the operation of GET. An error is a *PathError or a
// *MethodError.
func (d *Document) Find(method string, target *url.URL) (Match, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	segments := strings.Split(target.Path, "/") // without RawPath, the path has no escaped slash
	if target.RawPath != "" {
		segments = strings.Split(target.EscapedPath(), "/")
		for i, segment := range segments {
			segments[i], _ = url.PathUnescape(segment) // "" when it cannot be decoded, which matches no template
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

// methods lists the methods of the operations whose template matches with so many literal segments.
func (d *Document) methods(segments []string, literals int) (all []string) {
	for _, o := range d.operations {
		if n, ok := o.match(segments); ok && n == literals {
			all = append(all, o.Method)
		}
	}
	if slices.Contains(all, http.MethodGet) {
		all = append(all, http.MethodHead)
	}
	slices.Sort(all)
	return all
}

// match reports whether the template matches a path, and counts the literal segments.
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

// Nearest describes the operation that is most similar to a request without an operation, such as
// "GET /csapi/v1.3/registry (ListRegistries)"; "" if none is similar.
func (d *Document) Nearest(method string, target *url.URL) string {
	path := d.nearest(strings.Split(target.EscapedPath(), "/"))
	var found *Operation
	for _, o := range d.operations {
		if o.Path == path && (found == nil || o.Method == method) {
			found = o
		}
	}
	if found == nil {
		return ""
	}
	return found.Method + " " + found.Path + " (" + found.ID + ")"
}

// nearest returns the template with the longest common beginning; of several, the shortest. If no
// beginning is common, it returns the most similar template.
func (d *Document) nearest(segments []string) string {
	best, length := "", 0
	for _, o := range d.operations {
		n := o.commonPrefix(segments)
		if n > length || n == length && best != "" && len(o.Path) < len(best) {
			best, length = o.Path, n
		}
	}
	if best != "" {
		return best
	}
	var paths []string
	for _, o := range d.operations {
		paths = append(paths, o.Path)
	}
	return suggest.Nearest(strings.Join(segments, "/"), paths...)
}

// commonPrefix measures the beginning that a path has in common with the template, ignoring case:
// 1,000 for each segment, plus the letters of the next one. It is 0 when no segment is equal.
func (o *Operation) commonPrefix(segments []string) int {
	shorter := min(len(segments), len(o.segments))
	n := 0
	for n < shorter && (strings.EqualFold(o.segments[n], segments[n]) || strings.HasPrefix(o.segments[n], "{")) {
		n++
	}
	if n < 2 { // the first segment is the empty one before the leading slash
		return 0
	}
	letters := 0
	if n < shorter {
		a, b := strings.ToLower(segments[n]), o.segments[n]
		for letters < min(len(a), len(b)) && a[letters] == b[letters] {
			letters++
		}
	}
	return n*1000 + letters
}

// setFormats makes kin-openapi check the custom formats, which it ignores by default.
func setFormats(spec *openapi3.T) {
	spec.SetStringFormatValidator("uuid", openapi3.NewCallbackValidator(checkUUID))
	spec.SetStringFormatValidator("epoch-millis", openapi3.NewCallbackValidator(checkMillis))
}

func checkUUID(text string) error {
	if len(text) != 36 || uuid.Validate(text) != nil { // which accepts other forms, too
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

// input is the request as kin-openapi validates it.
func (m Match) input(r *http.Request, query url.Values) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{
		Request:     r,
		PathParams:  m.Params(),
		QueryParams: query,
		Route:       m.detail().route,
		Options:     m.detail().filter,
	}
}
