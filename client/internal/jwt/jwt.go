// Package jwt reads the claims of a token for the SDK and the CLI. It does not check the
// signature: only the service can.
package jwt

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Claims are the claims of a token. A field is zero when the token has no such claim.
type Claims struct {
	Subject  string  `json:"sub"`
	IssuedAt float64 `json:"iat"` // seconds since 1970, as ExpireAt
	ExpireAt float64 `json:"exp"`
}

// Parse reads the claims of a token; they are zero for a text that is no JWT.
func Parse(token string) (c Claims) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return Claims{}
	}
	return c
}

// Expires is when the token expires; zero when the token does not say so.
func (c Claims) Expires() time.Time {
	if c.ExpireAt == 0 {
		return time.Time{}
	}
	return time.Unix(int64(c.ExpireAt), 0)
}
