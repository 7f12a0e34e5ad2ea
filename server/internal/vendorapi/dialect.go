package vendorapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/request"
)

// Dialect converts calls of v1.1 and v1.2 to calls of v1.3: it rewrites the path and, for v1.1, the
// page parameter (client v1.1: pageNo).
func Dialect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := request.Of(r.Context())
		s.Version = request.V13
		for _, v := range []request.Version{request.V12, request.V11} {
			rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/csapi/"+string(v)+"/")
			if !ok {
				continue
			}
			s.Version = v
			u, rewritten := *r.URL, *r
			u.RawPath = "/csapi/" + string(request.V13) + "/" + rest
			u.Path, _ = url.PathUnescape(u.RawPath) // EscapedPath is always well formed
			if v == request.V11 {
				u.RawQuery = rename(u.RawQuery, "pageNo", "pageNumber")
			}
			rewritten.URL = &u
			r = &rewritten
			break
		}
		next.ServeHTTP(w, r)
	})
}

// rename renames a parameter of a query and does not change the rest.
func rename(query, from, to string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && name == from {
			pairs[i] = to + "=" + value
		}
	}
	return strings.Join(pairs, "&")
}

// credential reads the credential of a registry in the form of the version: v1.1 has user name and
// password in base64 (observed).
func credential(ctx context.Context, body api.RegistryRequest) api.RegistryRequest {
	if request.Of(ctx).Version == request.V11 {
		body.Credential.Username = plainText(body.Credential.Username)
		body.Credential.Password = plainText(body.Credential.Password)
	}
	return body
}

// plainText decodes the base64 of a text; anything else stays as it is.
func plainText(text string) string {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(decoded) || bytes.ContainsRune(decoded, 0) {
		return text
	}
	return string(decoded)
}

// FilterDecoding is how often a filter is decoded.
type FilterDecoding string

// The values. Two integrations encode the filter twice, and cannot handle a 400; so an invalid
// filter that contains %XX is decoded once more (observed; default: our choice).
const (
	DecodeTwice FilterDecoding = "twice"
	DecodeOnce  FilterDecoding = "once"
)

var encoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// Rewrite corrects two deviations of clients from the document: a JSON body that is sent as
// text/plain, and a filter that is encoded twice.
func Rewrite(d FilterDecoding, log *slog.Logger) request.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			operation := request.Of(r.Context()).Operation
			if operation == "UpdatePolicy" && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
				// as the documented sample sends it (docs: runtime policies)
				r.Header.Set("Content-Type", "application/json")
			}
			if d != DecodeOnce && decodeFilter(r) {
				log.Warn("the filter was encoded twice and has been decoded again "+
					"(--filter-decoding=once refuses it)", "operation", operation)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// decodeFilter decodes an invalid filter of the query once more, if it is valid then.
func decodeFilter(r *http.Request) bool {
	if !strings.Contains(r.URL.RawQuery, "filter=") {
		return false
	}
	pairs, decoded := strings.Split(r.URL.RawQuery, "&"), false
	for i, pair := range pairs {
		value, isFilter := strings.CutPrefix(pair, "filter=")
		once, err := url.QueryUnescape(value)
		if !isFilter || err != nil || isFilterText(once) || !encoded.MatchString(once) {
			continue
		}
		if twice, err := url.QueryUnescape(once); err == nil && isFilterText(twice) {
			pairs[i], decoded = "filter="+url.QueryEscape(twice), true
		}
	}
	if decoded {
		u := *r.URL
		u.RawQuery = strings.Join(pairs, "&")
		r.URL = &u
	}
	return decoded
}

func isFilterText(text string) bool {
	_, err := qql.Parse(text)
	return err == nil
}
