// Package traffic shows an HTTP exchange without its secrets: as a curl line, as an entry of an
// HTTP archive (HAR), or as headers and bodies that can be logged. The server, the CLI and the
// contract tools use it. It imports the standard library only.
package traffic

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
)

// Redact gives a body with Hidden in place of its secrets: in forms, in JSON, in the files of a
// multipart form, and in URLs with a user name. A body that may contain a secret and cannot be
// parsed is replaced as a whole.
func Redact(contentType, body string) string { return redactURLs(redactBody(contentType, body)) }

func redactBody(contentType, body string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(contentType), ";")
	}
	switch {
	case body == "":
		return ""
	case strings.HasPrefix(kind, "multipart/"):
		return redactFile(contentType, body)
	case kind == "application/x-www-form-urlencoded":
		return redactForm(body)
	}
	// The body may be a form with another content type.
	plain, err := url.QueryUnescape(body)
	if !mentions(body) && (err != nil || plain == body || !mentions(plain)) {
		return body
	}
	value, ok := decode(body)
	if !ok {
		return Hidden
	}
	hide(value)
	clean, _ := json.Marshal(value) // cannot fail; drops the first of two fields with the same name
	return string(clean)
}

// redactForm redacts a form. A client may send JSON with the content type of a form: such a body
// is one long name, and is replaced as a whole if it may contain a secret.
func redactForm(body string) string {
	form, err := url.ParseQuery(body)
	if err != nil {
		return Hidden
	}
	for name, values := range form {
		if isSecret(name) && isName(name) {
			form[name] = []string{Hidden}
		} else if mentions(name) || slices.ContainsFunc(values, mentions) {
			return Hidden
		}
	}
	return strings.ReplaceAll(form.Encode(), url.QueryEscape(Hidden), Hidden)
}

// RedactQuery gives a query string with Hidden in place of the values of secret parameters, and of
// the user names in URLs.
func RedactQuery(query string) string {
	if query == "" {
		return ""
	}
	query = redactURLs(query)
	if !strings.Contains(query, "%") && !mentions(query) {
		return query
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		switch decoded, err := url.QueryUnescape(name); {
		case err == nil && !isSecret(decoded):
		case err == nil && isName(decoded):
			pairs[i] = name + "=" + Hidden
		default: // the name itself may have the secret
			pairs[i] = Hidden
		}
	}
	return strings.Join(pairs, "&")
}

// shownOfFile are the fields of a key file that are not secret.
var shownOfFile = []string{"type", "project_id", "client_email"}

// redactFile redacts the files of a multipart form. Of JSON, the fields of shownOfFile stay.
func redactFile(contentType, body string) string {
	const file = "(a file)"
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return file
	}
	var out strings.Builder
	from, to := multipart.NewReader(strings.NewReader(body), parameters["boundary"]), multipart.NewWriter(&out)
	if to.SetBoundary(parameters["boundary"]) != nil {
		return file
	}
	for {
		part, err := from.NextRawPart()
		if err == io.EOF { //nolint:errorlint // a form that breaks off wraps io.EOF
			_ = to.Close() // writes to memory
			return out.String()
		}
		if err != nil {
			return file
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return file
		}
		into, err := to.CreatePart(part.Header)
		if err != nil {
			return file
		}
		_, _ = io.WriteString(into, redactKey(string(data))) // writes to memory
	}
}

// redactKey redacts a key file.
func redactKey(data string) string {
	value, ok := decode(data)
	fields, isObject := value.(map[string]any)
	if !ok || !isObject {
		return Hidden
	}
	for name := range fields {
		if !slices.Contains(shownOfFile, name) {
			fields[name] = Hidden
		}
	}
	clean, _ := json.Marshal(fields) // cannot fail: the value was read from JSON
	return string(clean)
}

// decode parses a body that is exactly one JSON value. Numbers keep their text.
func decode(body string) (value any, ok bool) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	_, err := d.Token()
	return value, err == io.EOF
}

// hide replaces the secrets in a JSON value.
func hide(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner != nil && inner != "" && isSecret(name) {
				v[name] = Hidden
			} else {
				hide(inner)
			}
		}
	case []any:
		for _, inner := range v {
			hide(inner)
		}
	}
}
