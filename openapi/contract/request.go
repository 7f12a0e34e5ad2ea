package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/suggest"
)

// RequestError is openapi.RequestError.
type RequestError = openapi.RequestError

func refuse(rule, where, reason string) *RequestError { return openapi.Refuse(rule, where, reason) }

// CheckRequest checks a request against the document. An error is a *RequestError.
//
// If the strictness is Vendor, CheckRequest removes from the query what the vendor ignores.
//
// CheckRequest reads the body and replaces it. The new body has a method ValidatedValue() any,
// which returns the checked value. Decode that value with runtime.BindJSONValue, not the bytes
// again: encoding/json takes keys that differ only by case for the same key.
func (m Match) CheckRequest(r *http.Request) error {
	for name, value := range m.Params() {
		if strings.ContainsRune(value, 0) {
			return refuse(openapi.NULByte, fmt.Sprintf("path parameter %q", name), "holds a NUL character")
		}
	}
	query, err := m.checkQuery(r)
	if err != nil {
		return err
	}
	if err := m.checkBody(r); err != nil {
		return err
	}
	return explain(openapi3filter.ValidateRequest(r.Context(), m.validation(r, query)))
}

// validation is the input of kin-openapi. A multipart body has files, which the handler checks.
func (m Match) validation(r *http.Request, query url.Values) *openapi3filter.RequestValidationInput {
	input := m.input(r, query)
	if strings.HasPrefix(mediaType(r.Header), "multipart/") {
		options := *input.Options
		options.ExcludeRequestBody = true
		input.Options = &options
	}
	return input
}

// lenient reports whether the strictness is Vendor.
func (m Match) lenient() bool { return m.document.options.Strictness == Vendor }

// checkQuery checks what kin-openapi does not: unknown and repeated parameters, lists with commas
// and empty numbers. It returns the query without what the vendor ignores.
func (m Match) checkQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil && !m.lenient() {
		return nil, refuse(openapi.BrokenEscape, "query", "broken escape or semicolon")
	}
	changed := err != nil
	for _, name := range slices.Sorted(maps.Keys(query)) {
		accepted, err := m.checkParameter(name, query[name])
		if err == nil {
			continue
		}
		if err.Rule == openapi.NULByte || !m.lenient() {
			return nil, err
		}
		changed = true
		if m.document.options.Passed != nil {
			m.document.options.Passed(err)
		}
		if query[name] = accepted; len(accepted) == 0 {
			delete(query, name)
		}
	}
	if changed {
		r.URL.RawQuery = query.Encode()
	}
	return query, nil
}

// checkParameter returns the fault of a parameter and the values that a lenient server accepts.
func (m Match) checkParameter(name string, values []string) (accepted []string, err *RequestError) {
	where := fmt.Sprintf("query parameter %q", name)
	parameter, known := m.detail().query[name]
	if !known {
		hint := suggest.DidYouMean(name, slices.Collect(maps.Keys(m.detail().query))...)
		return nil, refuse(openapi.UnknownParameter, where, "not known to "+m.ID+hint)
	}
	all := strings.Join(values, ",")
	if strings.ContainsRune(all, 0) {
		return nil, refuse(openapi.NULByte, where, "holds a NUL character")
	}
	if parameter.Schema == nil || !parameter.Schema.Value.Type.Is(openapi3.TypeArray) {
		accepted = values[:1]
		if values[0] == "" && !parameter.AllowEmptyValue {
			accepted = nil
		}
		switch {
		case len(values) > 1:
			return accepted, refuse(openapi.RepeatedParameter, where, "given more than once")
		case len(accepted) == 0:
			return nil, refuse(openapi.EmptyNumber, where, "has no value")
		}
		return accepted, nil
	}
	accepted = strings.Split(all, ",")
	if len(accepted) > len(values) {
		return accepted, refuse(openapi.CommaList, where, "holds a comma; repeat the parameter for each item")
	}
	return values, nil
}

// checkBody reads the body and checks what kin-openapi does not.
func (m Match) checkBody(r *http.Request) error {
	data, err := m.readBody(r)
	declared := m.detail().route.Operation.RequestBody
	if declared == nil {
		text := string(bytes.Join(bytes.Fields(data), nil))
		empty := err == nil && (text == "" || text == "{}") // generated clients send {} (observed)
		if !empty && !m.lenient() {
			return refuse(openapi.UnexpectedBody, "body", m.ID+" takes none")
		}
		data, err = nil, nil
	}
	if err != nil {
		return err
	}
	if mediaType(r.Header) == "application/json" {
		data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark (RFC 8259, section 8.1)
	}
	setBody(r, data)
	if len(data) == 0 {
		r.Header.Del("Content-Type") // clients also send it without a body (observed)
		return nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		refused := refuse(openapi.ContentEncoding, "header Content-Encoding", "the body must not be compressed")
		refused.Status = http.StatusUnsupportedMediaType
		return refused
	}
	media := declared.Value.Content.Get(r.Header.Get("Content-Type"))
	if media == nil {
		expected := strings.Join(slices.Sorted(maps.Keys(declared.Value.Content)), " or ")
		refused := refuse(openapi.ContentType, "header Content-Type", "expected "+expected)
		refused.Status = http.StatusUnsupportedMediaType
		return refused
	}
	return m.checkMedia(r, media, data)
}

// checkMedia checks a body by its content type.
func (m Match) checkMedia(r *http.Request, media *openapi3.MediaType, data []byte) error {
	switch kind := mediaType(r.Header); kind {
	case "application/json":
		w := keyWalker{lenient: m.lenient()}
		if err := w.check(data, bodySchema(media)); err != nil || !w.lenient {
			return err
		}
		data, err := withoutVariants(data, bodySchema(media))
		if err != nil {
			return refuse("", "body", "not valid JSON")
		}
		setBody(r, data)
	case "multipart/form-data":
		_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || parameters["boundary"] == "" {
			return refuse("", "header Content-Type", "has no boundary")
		}
	case "application/x-www-form-urlencoded":
		r.Header.Set("Content-Type", kind) // parameters have no meaning here and may be malformed
		return m.checkForm(data)
	}
	return nil
}

// checkForm checks the fields of a form. kin-openapi refuses a malformed form.
func (m Match) checkForm(data []byte) error {
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		switch {
		case strings.ContainsRune(strings.Join(form[name], ""), 0):
			return refuse(openapi.NULByte, "body", "holds a NUL character")
		case len(form[name]) > 1 && !m.lenient():
			return refuse(openapi.RepeatedParameter, fmt.Sprintf("form field %q", name), "given more than once")
		}
	}
	return nil
}

// mediaType returns the content type without its parameters, which may be malformed.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// bodySchema returns the schema of a body; nil if none is declared.
func bodySchema(media *openapi3.MediaType) *openapi3.Schema {
	if media == nil || media.Schema == nil {
		return nil
	}
	return media.Schema.Value
}

func (m Match) readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, m.document.options.MaxBody+1))
	if err != nil {
		return nil, refuse("", "body", "could not be read to its end")
	}
	if int64(len(data)) > m.document.options.MaxBody {
		refused := refuse(openapi.BodyTooLarge, "body", fmt.Sprintf("more than %d bytes", m.document.options.MaxBody))
		refused.Status = http.StatusRequestEntityTooLarge
		return nil, refused
	}
	return data, nil
}

func setBody(r *http.Request, data []byte) {
	r.ContentLength = int64(len(data))
	r.TransferEncoding = nil
	r.Body = http.NoBody
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	if len(data) > 0 {
		r.Body, _ = r.GetBody()
	}
}

// explain converts an error of kin-openapi to a *RequestError, which has no values of the request.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var request *openapi3filter.RequestError
	if !errors.As(err, &request) {
		return refuse("", "request", "does not fit the document")
	}
	where := "body"
	if p := request.Parameter; p != nil {
		where = fmt.Sprintf("%s parameter %q", p.In, p.Name)
	}
	var schema *openapi3.SchemaError
	var parse *openapi3filter.ParseError
	switch {
	case errors.As(err, &schema):
		return refuse("", where+pointer(schema), reason(schema))
	case errors.As(err, &parse) && request.Parameter != nil:
		return refuse("", where, "not "+article(request.Parameter.Schema.Value))
	case errors.As(err, &parse):
		return refuse("", where, "not valid JSON, or not the form that is expected")
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		return refuse("", where, "is required")
	}
	if strings.HasPrefix(request.Reason, "failed to decode") {
		return refuse("", where, "cannot be decoded; a % in a form is written %25")
	}
	return refuse("", where, request.Reason)
}

// article names the type of a parameter after "not".
func article(s *openapi3.Schema) string {
	for _, kind := range []string{openapi3.TypeInteger, openapi3.TypeArray} {
		if s.Type.Is(kind) {
			return "an " + kind
		}
	}
	return "a valid value"
}

// pointer returns the place of a schema error; "" if it is the whole value.
func pointer(e *openapi3.SchemaError) string {
	if path := e.JSONPointer(); len(path) > 0 {
		return " at /" + strings.Join(path, "/")
	}
	return ""
}

// reason returns the text of a schema error in one line; kin-openapi has long or nested ones.
func reason(e *openapi3.SchemaError) string {
	switch e.SchemaField {
	case "format":
		return fmt.Sprintf("not a valid %s", e.Schema.Format)
	case "oneOf":
		return "fits none of the forms that are expected"
	case "not":
		return "is excluded"
	}
	line, _, _ := strings.Cut(e.Reason, "\n")
	if text, ok := e.Value.(string); ok && e.SchemaField == "enum" {
		line += suggest.DidYouMean(text, stringsOf(e.Schema.Enum)...)
	}
	return line
}

// stringsOf returns the strings among some values.
func stringsOf(values []any) (all []string) {
	for _, v := range values {
		if text, ok := v.(string); ok {
			all = append(all, text)
		}
	}
	return all
}
