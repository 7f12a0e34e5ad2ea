package jwt_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/qcsdev/qcs/client/internal/jwt"
)

func TestParse(t *testing.T) {
	t.Parallel()
	token := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".s"
	}
	for name, tt := range map[string]struct {
		token string
		want  jwt.Claims
	}{
		"all claims":         {token(`{"sub":"u","iat":1.5,"exp":7,"aud":["x"]}`), jwt.Claims{Subject: "u", IssuedAt: 1.5, ExpireAt: 7}},
		"no claims":          {token(`{}`), jwt.Claims{}},
		"two parts":          {"e30.e30", jwt.Claims{}},
		"not base64":         {"e30.%.s", jwt.Claims{}},
		"not JSON":           {token(`{`), jwt.Claims{}},
		"a text as a time":   {token(`{"sub":"u","exp":"tomorrow"}`), jwt.Claims{}},
		"no token at all":    {"", jwt.Claims{}},
		"subject but no end": {token(`{"sub":"u"}`), jwt.Claims{Subject: "u"}},
	} {
		if got := jwt.Parse(tt.token); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
	if got := (jwt.Claims{ExpireAt: 7.9}).Expires(); !got.Equal(time.Unix(7, 0)) {
		t.Errorf("got %v, want second 7", got)
	}
	if got := (jwt.Claims{}).Expires(); !got.IsZero() {
		t.Errorf("got %v, want no time", got)
	}
}
