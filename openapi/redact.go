package openapi

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Hidden stands for a secret wherever an exchange is shown or noted.
const Hidden = "***"

// secrets are the fields of bodies, in any case, whose values are not shown.
var secrets = []string{"password", "clientsecret", "accesstoken", "private_key", "token"}

// Redact is a body of the type that can be shown: a form without its password, JSON without its secrets, files not at all. What is not JSON as a whole and names a secret is hidden as a whole.
func Redact(contentType, body string) string {
	switch {
	case body == "":
		return ""
	case strings.HasPrefix(contentType, "multipart/"):
		return "(a file)"
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
