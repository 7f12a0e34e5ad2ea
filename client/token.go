package client

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/client/internal/jwt"
	"github.com/qcsdev/qcs/client/internal/rewind"
)

// TokenSource gives tokens for calls.
type TokenSource interface {
	// Token gives a token that is valid now. The SDK calls it for each request.
	Token(ctx context.Context) (string, error)
}

// renewer is a TokenSource that can replace a token that the service refused.
type renewer interface {
	Refused(ctx context.Context, token string)
}

type staticToken string

// Token implements TokenSource.
func (t staticToken) Token(context.Context) (string, error) { return string(t), nil }

const (
	// A token is renewed this long before it expires, or after nine tenths of its life if that is
	// later.
	renewBefore = 5 * time.Minute
	// The life of a token whose claims do not say how long it is valid (docs: four hours).
	tokenLife = 4 * time.Hour
	// The longest life of a token that is accepted from its claims, in seconds.
	maxLife = 365 * 24 * 3600
)

// passwordSource logs in when it has no token, or when its token expires soon. One call at a time
// logs in; the others wait and use the new token.
type passwordSource struct {
	login   func(context.Context) (string, error)
	now     func() time.Time
	lock    slots // a mutex that waits no longer than a context; it guards the next fields
	token   string
	renewAt time.Time
}

// Token implements TokenSource.
func (s *passwordSource) Token(ctx context.Context) (string, error) {
	if err := s.lock.acquire(ctx); err != nil {
		return "", err
	}
	defer s.lock.release()
	if s.token != "" && s.now().Before(s.renewAt) {
		return s.token, nil
	}
	token, err := s.login(ctx)
	if err != nil {
		return "", err
	}
	// The clock of this machine may be wrong: count from now, not from the claims.
	life := lifeOf(token, s.now())
	s.token, s.renewAt = token, s.now().Add(life-min(renewBefore, life/10))
	return token, nil
}

// Refused drops a token, unless another call has renewed it already.
func (s *passwordSource) Refused(ctx context.Context, token string) {
	if s.lock.acquire(ctx) != nil {
		return
	}
	defer s.lock.release()
	if s.token == token {
		s.token = ""
	}
}

// lifeOf reads from the claims of a token how long it is valid.
func lifeOf(token string, now time.Time) time.Duration {
	claims := jwt.Parse(token)
	if claims.IssuedAt == 0 { // the token does not say when it was made
		claims.IssuedAt = float64(now.Unix())
	}
	if claims.ExpireAt <= claims.IssuedAt {
		return tokenLife
	}
	return time.Duration(min(claims.ExpireAt-claims.IssuedAt, maxLife) * float64(time.Second))
}

// authTransport adds the token to each request. After a 401 it gets a new token and sends the
// request once more: a request with status 401 had no effect.
type authTransport struct {
	tokens TokenSource
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, response, err := t.send(r)
	source, renews := t.tokens.(renewer)
	if err != nil || response.StatusCode != http.StatusUnauthorized || !renews {
		return response, err
	}
	again, err := rewind.Request(r)
	if err != nil {
		return response, nil //nolint:nilerr // the 401 says more
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxExcerpt)) // makes the connection reusable
	response.Body.Close()
	source.Refused(r.Context(), token)
	_, response, err = t.send(again)
	return response, err
}

func (t *authTransport) send(r *http.Request) (string, *http.Response, error) {
	token, err := t.tokens.Token(r.Context())
	if err != nil {
		return "", nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := t.next.RoundTrip(r)
	return token, response, err
}
