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

// secrets are the fields of bodies, in any case, whose values are not shown.
var secrets = []string{"password", "clientsecret", "accesstoken", "private_key", "token"}

// Redact is a body of the type that can be shown: a form without its password, JSON without its secrets, key files with the fields that are none. What is not JSON as a whole and names a secret is hidden as a whole.
func Redact(contentType, body string) string {
	switch {
	case body == "":
		return ""
	case strings.HasPrefix(contentType, "multipart/"):
		return redactFile(contentType, body)
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		form, err := url.ParseQuery(body)
		if err != nil {
			return Hidden
		}
		form.Set("password", Hidden)
		return strings.ReplaceAll(form.Encode(), url.QueryEscape(Hidden), Hidden)
	}
	value, ok := decode(body)
	switch {
	case !ok && slices.ContainsFunc(secrets, func(name string) bool { return strings.Contains(strings.ToLower(body), name) }):
		return Hidden
	case !ok || !hide(value):
		return body
	}
	clean, err := json.Marshal(value)
	if err != nil {
		return Hidden
	}
	return string(clean)
}

// shownOfFile are the fields of a key file that are no secrets.
var shownOfFile = []string{"type", "project_id", "client_email"}

// redactFile is a form with files that can be shown: the files are there, if they are JSON, with the fields that are no secrets.
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

// decode reads one JSON value, with its numbers as they stand, and reports whether the body is that and nothing else.
func decode(body string) (value any, ok bool) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	_, err := d.Token()
	return value, err == io.EOF
}

// hide replaces secrets in a value, and reports whether there were any.
func hide(value any) (found bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner != nil && inner != "" && slices.Contains(secrets, strings.ToLower(name)) {
				v[name], found = Hidden, true
			} else {
				found = hide(inner) || found
			}
		}
	case []any:
		for _, inner := range v {
			found = hide(inner) || found
		}
	}
	return found
}
