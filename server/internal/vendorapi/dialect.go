package vendorapi

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"

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

// plainText decodes base64, and returns a text unchanged that is not base64.
func plainText(text string) string {
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		return string(decoded)
	}
	return text
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
	query := r.URL.Query()
	text := query.Get("filter")
	if _, err := qql.Parse(text); err == nil || !encoded.MatchString(text) {
		return false
	}
	again, err := url.QueryUnescape(text)
	if err == nil {
		_, err = qql.Parse(again)
	}
	if err != nil {
		return false
	}
	query.Set("filter", again)
	u := *r.URL
	u.RawQuery = query.Encode()
	r.URL = &u
	return true
}
