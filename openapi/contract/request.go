package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/qcsdev/qcs/openapi"
)

// RequestError says why a request was refused.
type RequestError = openapi.RequestError

func refuse(rule, where, reason string) *RequestError { return openapi.Refuse(rule, where, reason) }

// CheckRequest holds a request to the document. It reads the body and puts it back; where the
// strictness is Vendor, it also takes out of the query what the vendor is taken to ignore. The body
// that is put back has a method ValidatedValue() any, which gives the value that was checked:
// decode that, with runtime.BindJSONValue, rather than the bytes once more, as encoding/json
// regards keys that differ by case only as the same. An error is a *RequestError.
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

// validation is what kin-openapi wants to know of a request.
func (m Match) validation(r *http.Request, query url.Values) *openapi3filter.RequestValidationInput {
	input := m.input(r, query)
	// parts are files, which whoever handles the request reads and checks
	if strings.HasPrefix(mediaType(r.Header), "multipart/") {
		options := *input.Options
		options.ExcludeRequestBody = true
		input.Options = &options
	}
	return input
}

// lenient reports whether the strictness lets a refusal pass.
func (m Match) lenient() bool { return m.document.options.Strictness == Vendor }

// checkQuery refuses what kin-openapi does not look at: names, repetition, lists with commas and
// empty numbers.
func (m Match) checkQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil && !m.lenient() {
		return nil, refuse(openapi.BrokenEscape, "query", "broken escape or semicolon")
	}
	changed := err != nil
	for _, name := range sortedKeys(query) {
		kept, err := m.checkParameter(name, query[name])
		if err != nil && (err.Rule == openapi.NULByte || !m.lenient()) {
			return nil, err
		}
		if err == nil {
			continue
		}
		changed = true
		if m.document.options.Passed != nil {
			m.document.options.Passed(err)
		}
		if query[name] = kept; len(kept) == 0 {
			delete(query, name)
		}
	}
	if changed {
		r.URL.RawQuery = query.Encode()
	}
	return query, nil
}

func sortedKeys(query url.Values) []string {
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkParameter says what is wrong with a parameter and what a lenient server keeps of it.
func (m Match) checkParameter(name string, values []string) (kept []string, err *RequestError) {
	where := fmt.Sprintf("query parameter %q", name)
	parameter, known := m.detail().query[name]
	if !known {
		return nil, refuse(openapi.UnknownParameter, where, "not known to "+m.ID+m.suggest(name))
	}
	for _, v := range values {
		if strings.ContainsRune(v, 0) {
			return nil, refuse(openapi.NULByte, where, "holds a NUL character")
		}
	}
	if parameter.Schema == nil || !parameter.Schema.Value.Type.Is(openapi3.TypeArray) {
		empty := values[0] == "" && !parameter.AllowEmptyValue
		switch {
		case len(values) > 1 && empty:
			return nil, refuse(openapi.RepeatedParameter, where, "given more than once")
		case len(values) > 1:
			return values[:1], refuse(openapi.RepeatedParameter, where, "given more than once")
		case empty:
			return nil, refuse(openapi.EmptyNumber, where, "has no value")
		}
		return values, nil
	}
	for _, v := range values {
		if strings.Contains(v, ",") {
			return strings.Split(
				strings.Join(values, ","),
				",",
			), refuse(openapi.CommaList, where, "holds a comma; repeat the parameter for each item")
		}
	}
	return values, nil
}

// suggest names a parameter that is the same but for its case, as the end of a sentence.
func (m Match) suggest(name string) string {
	for known := range m.detail().query {
		if strings.EqualFold(known, name) {
			return fmt.Sprintf("; did you mean %q?", known)
		}
	}
	return ""
}

// checkBody reads the body within its bound and refuses what kin-openapi does not look at.
func (m Match) checkBody(r *http.Request) error {
	data, err := m.readBody(r)
	declared := m.detail().route.Operation.RequestBody
	if declared == nil {
		// Generated clients send {} where no body is due (observed).
		if text := bytes.Join(bytes.Fields(data), nil); (err != nil || len(text) > 0 && string(text) != "{}") &&
			!m.lenient() {
			return refuse(openapi.UnexpectedBody, "body", m.ID+" takes none")
		}
		data, err = nil, nil
	}
	if err != nil {
		return err
	}
	setBody(r, data)
	if len(data) == 0 {
		r.Header.Del("Content-Type") // without a body it means nothing; clients send it on GET, too (observed)
		return nil
	}
	media := declared.Value.Content.Get(r.Header.Get("Content-Type"))
	if media == nil {
		return &RequestError{
			Status: http.StatusUnsupportedMediaType,
			Rule:   openapi.ContentType,
			Where:  "header Content-Type",
			Reason: "expected " + contentTypes(declared.Value.Content),
		}
	}
	return m.checkMedia(r, media, data)
}

// checkMedia looks at a body by its kind.
func (m Match) checkMedia(r *http.Request, media *openapi3.MediaType, data []byte) error {
	switch kind := mediaType(r.Header); kind {
	case "application/json":
		w := keyWalker{lenient: m.lenient()}
		return w.check(data, bodySchema(media))
	case "multipart/form-data":
		if _, parameters, err := mime.ParseMediaType(
			r.Header.Get("Content-Type"),
		); err != nil ||
			parameters["boundary"] == "" {
			return refuse("", "header Content-Type", "has no boundary")
		}
	case "application/x-www-form-urlencoded":
		r.Header.Set("Content-Type", kind) // without parameters, which can be broken and mean nothing here
		return m.checkForm(data)
	}
	return nil
}

// checkForm looks at the fields of a form; one that cannot be read is left to kin-openapi.
func (m Match) checkForm(data []byte) error {
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	for _, name := range sortedKeys(form) {
		switch {
		case strings.ContainsRune(strings.Join(form[name], ""), 0):
			return refuse(openapi.NULByte, "body", "holds a NUL character")
		case len(form[name]) > 1 && !m.lenient():
			return refuse(openapi.RepeatedParameter, fmt.Sprintf("form field %q", name), "given more than once")
		}
	}
	return nil
}

// mediaType is the content type without its parameters, however these are written.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// bodySchema is the schema of a body, nil where none is declared.
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
	defer r.Body.Close()
	data, err := io.ReadAll(io.LimitReader(r.Body, m.document.options.MaxBody+1))
	if err != nil {
		return nil, &RequestError{
			Status: http.StatusBadRequest,
			Rule:   "",
			Where:  "body",
			Reason: "could not be read to its end",
		}
	}
	if int64(len(data)) > m.document.options.MaxBody {
		return nil, &RequestError{
			Status: http.StatusRequestEntityTooLarge,
			Rule:   openapi.BodyTooLarge,
			Where:  "body",
			Reason: fmt.Sprintf("more than %d bytes", m.document.options.MaxBody),
		}
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

func contentTypes(content openapi3.Content) string {
	types := make([]string, 0, len(content))
	for t := range content {
		types = append(types, t)
	}
	slices.Sort(types)
	return strings.Join(types, " or ")
}

// explain turns an error of kin-openapi into a short text without values.
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

func article(s *openapi3.Schema) string {
	for _, kind := range []string{openapi3.TypeInteger, openapi3.TypeArray} {
		if s.Type.Is(kind) {
			return "an " + kind
		}
	}
	return "a valid value"
}

// pointer names the place of a schema error, if that is not the whole value.
func pointer(e *openapi3.SchemaError) string {
	if path := e.JSONPointer(); len(path) > 0 {
		return " at /" + strings.Join(path, "/")
	}
	return ""
}

// reason is the text of a schema error, cut to a line. Formats and oneOf bring long or nested texts
// of their own.
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
	return line
}
