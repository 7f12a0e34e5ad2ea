package traffic

import (
	"slices"
	"strings"
)

// commonHeaders says whether the headers of most exchanges are secret. It makes their check fast.
var commonHeaders = map[string]bool{
	"Authorization":   true,
	"Accept":          false,
	"Accept-Encoding": false,
	"Content-Length":  false,
	"Content-Type":    false,
	"Server":          false,
	"User-Agent":      false,
}

// secretParts are the parts of a header name, in lower case, that make the header secret.
var secretParts = []string{"auth", "cookie", "token", "secret", "password", "api-key", "apikey"}

// SecretHeader reports whether the value of a header may be a secret.
func SecretHeader(name string) bool {
	if secret, ok := commonHeaders[name]; ok {
		return secret
	}
	lower := strings.ToLower(name)
	return slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(lower, part) })
}

// RedactHeader gives the value of a header with Hidden in place of a secret. An Authorization
// header keeps its scheme, such as Bearer.
func RedactHeader(name, value string) string {
	if !SecretHeader(name) {
		return value
	}
	scheme, _, ok := strings.Cut(value, " ")
	if ok && strings.HasSuffix(strings.ToLower(name), "authorization") {
		return scheme + " " + Hidden
	}
	return Hidden
}
