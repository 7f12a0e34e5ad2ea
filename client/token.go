package client

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/client/internal/jwt"
	"github.com/qcsdev/qcs/client/internal/rewind"
)

// TokenSource gives the token for a call.
type TokenSource interface {
	// Token gives a token that is valid now. It is called for each request.
	Token(ctx context.Context) (string, error)
}

// renewer is a TokenSource that can be told that the service refused a token.
type renewer interface {
	Refused(ctx context.Context, token string)
}

type staticToken string

// Token implements TokenSource.
func (t staticToken) Token(context.Context) (string, error) { return string(t), nil }

// renewBefore is how long before its expiry a token is renewed at most, a tenth of its life if that
// is less; tokenLife is assumed of one that does not tell (docs: four hours).
const (
	renewBefore = 5 * time.Minute
	tokenLife   = 4 * time.Hour
)

// passwordSource logs in when there is no token, or the last one is about to expire. One call at a
// time logs in; the others wait and use its token.
type passwordSource struct {
	login   func(context.Context) (string, error)
	now     func() time.Time
	turn    chan struct{} // holds one item: whoever takes it may read and write the fields below
	token   string
	renewAt time.Time
}

func newPasswordSource(login func(context.Context) (string, error), now func() time.Time) *passwordSource {
	s := &passwordSource{login: login, now: now, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// Token implements TokenSource.
func (s *passwordSource) Token(ctx context.Context) (string, error) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if s.token != "" && s.now().Before(s.renewAt) {
		return s.token, nil
	}
	token, err := s.login(ctx)
	if err != nil {
		return "", err
	}
	// Counted from now by how long it lives, not by when it expires: the clock here may be wrong.
	life := lifeOf(token, s.now())
	s.token, s.renewAt = token, s.now().Add(life-min(renewBefore, life/10))
	return token, nil
}

// Refused forgets a token, unless another call has renewed it already.
func (s *passwordSource) Refused(ctx context.Context, token string) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return
	}
	if s.token == token {
		s.token = ""
	}
}

// maxLife is the longest life of a token that is believed, in seconds.
const maxLife = 365 * 24 * 3600

// lifeOf reads from a JWT how long it is valid, without checking the signature: only the service
// can.
func lifeOf(token string, now time.Time) time.Duration {
	claims := jwt.Parse(token)
	if claims.IssuedAt == 0 { // does not say since when
		claims.IssuedAt = float64(now.Unix())
	}
	if claims.ExpireAt <= claims.IssuedAt {
		return tokenLife
	}
	return time.Duration(min(claims.ExpireAt-claims.IssuedAt, maxLife) * float64(time.Second))
}

// authTransport puts the token into each call. After a 401 it asks for another token and makes the
// call once more: a call that was refused has done nothing.
type authTransport struct {
	tokens TokenSource
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, answer, err := t.send(r)
	source, renews := t.tokens.(renewer)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || !renews {
		return answer, err
	}
	again, err := rewind.Request(r)
	if err != nil {
		return answer, nil //nolint:nilerr // the 401 says more
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxExcerpt)) // so that the connection can be used again
	answer.Body.Close()
	source.Refused(r.Context(), token)
	_, answer, err = t.send(again)
	return answer, err
}

func (t *authTransport) send(r *http.Request) (string, *http.Response, error) {
	token, err := t.tokens.Token(r.Context())
	if err != nil {
		return "", nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := t.next.RoundTrip(r)
	return token, answer, err
}
