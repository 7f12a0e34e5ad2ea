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
	Subject            string
	IssuedAt, ExpireAt float64 // seconds since 1970
}

// Parse reads the claims of a token; they are zero for a text that is no JWT.
func Parse(token string) Claims {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}
	}
	var c struct {
		Sub      string
		Iat, Exp float64
	}
	if json.Unmarshal(payload, &c) != nil {
		return Claims{}
	}
	return Claims{c.Sub, c.Iat, c.Exp}
}

// Expires is when the token expires; zero when the token does not say so.
func (c Claims) Expires() time.Time {
	if c.ExpireAt == 0 {
		return time.Time{}
	}
	return time.Unix(int64(c.ExpireAt), 0)
}
