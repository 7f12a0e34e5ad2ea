package openapi

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
)

// Hidden stands for a secret wherever an exchange is shown or noted.
const Hidden = "***"

// secrets are the names of fields whose values are not shown, however they are written: in any
// case, with _ and - or without.
var secrets = []string{"password", "clientsecret", "secret", "accesstoken", "privatekey", "token"}

var separators = strings.NewReplacer("_", "", "-", "")

// isSecret reports whether a field is not shown. Names are compared as encoding/json does, which
// takes some letters beyond ASCII for others.
func isSecret(name string) bool {
	return slices.ContainsFunc(secrets, func(s string) bool { return strings.EqualFold(separators.Replace(name), s) })
}

// mentions reports whether a text may name a secret.
func mentions(text string) bool {
	folded := separators.Replace(strings.ToLower(text))
	// which fold to s and k
	return strings.Contains(text, `\`) ||
		slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(folded, s) }) ||
		strings.ContainsAny(text, "\u017f\u212a")
}

// Redact is a body of the type that can be shown: a form without its password, JSON without its
// secrets, key files with the fields that are none. What is not JSON as a whole and may name a
// secret is hidden as a whole.
func Redact(contentType, body string) string {
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
	// it may be a form that is not called one
	if plain, err := url.QueryUnescape(body); !mentions(body) && (err != nil || !mentions(plain)) {
		return body
	}
	value, ok := decode(body)
	if !ok {
		return Hidden
	}
	hide(value)
	clean, err := json.Marshal(value) // anew, as a field may have been there twice
	if err != nil {
		return Hidden
	}
	return string(clean)
}

// redactForm is a form without its secrets; one that is no form, as a client sends that forgets to
// say that it is JSON, is hidden if it may hold one.
func redactForm(body string) string {
	form, err := url.ParseQuery(body)
	if err != nil {
		return Hidden
	}
	for name, values := range form {
		if isSecret(name) {
			form[name] = []string{Hidden}
		} else if mentions(name) || slices.ContainsFunc(values, mentions) {
			return Hidden
		}
	}
	return strings.ReplaceAll(form.Encode(), url.QueryEscape(Hidden), Hidden)
}

// shownOfFile are the fields of a key file that are no secrets.
var shownOfFile = []string{"type", "project_id", "client_email"}

// redactFile is a form with files that can be shown: the files are there, if they are JSON, with
// the fields that are no secrets.
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
		if err == io.EOF { //nolint:errorlint // the end of a form that is torn wraps it
			_ = to.Close() // in memory
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
		_, _ = io.WriteString(into, redactKey(string(data))) // in memory
	}
}

// redactKey is a key file without its secrets.
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
	clean, err := json.Marshal(fields)
	if err != nil {
		return Hidden
	}
	return string(clean)
}

// decode reads one JSON value, with its numbers as they stand, and reports whether the body is that
// and nothing else.
func decode(body string) (value any, ok bool) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	_, err := d.Token()
	return value, err == io.EOF
}

// hide replaces secrets in a value.
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
