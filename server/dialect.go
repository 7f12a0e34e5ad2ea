package server

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// version is the dialect of a call: the paths of v1.2 and v1.1 are those of v1.3, and so are the
// handlers. What v1.2 changed is not documented.
type version string

const (
	v11 version = "v1.1"
	v12 version = "v1.2"
	v13 version = "v1.3"
)

type versionKey struct{}

// dialect rewrites the calls of older versions to those of v1.3: the path and, of v1.1, the page
// parameter (client v1.1: pageNo).
func (s *Server) dialect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/csapi/"+string(v13)+"/") { // as most do
			next.ServeHTTP(w, r)
			return
		}
		for _, v := range []version{v12, v11} {
			rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/csapi/"+string(v)+"/")
			if !ok {
				continue
			}
			u := *r.URL
			u.RawPath = "/csapi/" + string(v13) + "/" + rest
			u.Path, _ = url.PathUnescape(u.RawPath) // EscapedPath is always well formed
			if v == v11 {
				u.RawQuery = rename(u.RawQuery, "pageNo", "pageNumber")
			}
			r = r.WithContext(context.WithValue(r.Context(), versionKey{}, v))
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

// rename gives a parameter of a query another name and leaves all else as it is.
func rename(query, from, to string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && name == from {
			pairs[i] = to + "=" + value
		}
	}
	return strings.Join(pairs, "&")
}

// credential reads the login of a registry as the version writes it: v1.1 has user name and
// password in base64 (observed).
func credential(ctx context.Context, body api.RegistryRequest) api.RegistryRequest {
	if ctx.Value(versionKey{}) == v11 {
		body.Credential.Username = plainText(body.Credential.Username)
		body.Credential.Password = plainText(body.Credential.Password)
	}
	return body
}

// plainText decodes base64; what is none stays as it is.
func plainText(text string) string {
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		return string(decoded)
	}
	return text
}

// FilterDecoding says how often a filter is decoded.
type FilterDecoding string

// The settings. Two integrations encode the filter twice, and a 400 kills them; so a filter that
// cannot be read and still holds %XX is decoded once more (observed; default: our choice).
const (
	DecodeTwice FilterDecoding = "twice"
	DecodeOnce  FilterDecoding = "once"
)

var encoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// decodeFilter decodes a filter of the query once more where that is set and makes it readable.
func (s *Server) decodeFilter(r *http.Request) {
	if s.options.FilterDecoding == DecodeOnce || !strings.Contains(r.URL.RawQuery, "filter=") {
		return
	}
	query := r.URL.Query()
	text := query.Get("filter")
	if !encoded.MatchString(text) {
		return
	}
	if _, err := qql.Parse(text); err == nil {
		return
	}
	again, err := url.QueryUnescape(text)
	if err != nil {
		return
	}
	if _, err := qql.Parse(again); err != nil {
		return
	}
	s.options.Logger.Warn(
		"the filter was encoded twice; it is read after decoding it once more (--filter-decoding=once refuses it)",
		"operation", exchangeOf(r.Context()).operation,
	)
	query.Set("filter", again)
	r.URL.RawQuery = query.Encode()
}
