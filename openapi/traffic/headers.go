package traffic

import "strings"

// commonHeaders says whether the headers of most exchanges are secret. It makes their check fast.
var commonHeaders = map[string]bool{
	"Authorization":   true,
	"Accept":          false,
	"Accept-Encoding": false,
	"Content-Length":  false,
	"Content-Type":    false,
	"Server":          false,
	"User-Agent":      false,
	"Host":            false,
	"Connection":      false,
	"Allow":           false,
	"Retry-After":     false,
	"X-Qcs-Detail":    false,
	"X-Forwarded-For": false,
}

// SecretHeader reports whether the value of a header may be a secret.
func SecretHeader(name string) bool {
	if secret, ok := commonHeaders[name]; ok {
		return secret
	}
	return isSecret(name)
}

// RedactHeader gives the value of a header with Hidden in place of a secret. An Authorization
// header keeps its scheme, such as Bearer, and a Referer loses the values of its query.
func RedactHeader(name, value string) string {
	if !SecretHeader(name) {
		if base, query, ok := strings.Cut(value, "?"); ok && strings.EqualFold(name, "Referer") {
			value = base + "?" + RedactQuery(query)
		}
		return redactURLs(value)
	}
	scheme, _, ok := strings.Cut(value, " ")
	if ok && strings.HasSuffix(strings.ToLower(name), "authorization") {
		return scheme + " " + Hidden
	}
	return Hidden
}
