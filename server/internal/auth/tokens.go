package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/qcsdev/qcs/server/internal/store"
)

// tokenLife is how long a token is valid (docs: four hours).
const tokenLife = 4 * time.Hour

// issuer is the issuer and audience of the vendor's tokens (docs: authentication).
const issuer = "qas"

// Error is the reason why a caller is not authenticated: 401.
type Error struct {
	Message string // for the body
	Detail  string // for X-QCS-Detail and the log
}

func (e *Error) Error() string { return e.Detail }

// unauthorized returns a 401. Of its text, only the name "Unauthorized user" is documented (docs),
// and "JWT expired" for an old token was observed.
func unauthorized(detail string) error { return &Error{"Unauthorized user.", detail} }

// Caller is the user who makes a request.
type Caller struct {
	User  string
	Role  Role
	World store.WorldState
}

// claims are the claims of a token.
type claims struct {
	jwt.RegisteredClaims
	World      int64 `json:"worldNumber"` // never used again, unlike the name
	Generation int64 `json:"generation"`  // of the tokens of the world
	// When the token was issued, in epoch seconds, by the clock of the machine and by that of the
	// world; iat if absent. Both are needed, as the token clock of the world may change.
	MachineTime int64 `json:"machineTime"`
	WorldTime   int64 `json:"worldTime"`
}

// Login returns a token for a name and a password. It returns the caller even if the password is
// wrong; the caller is empty if there is no such user.
func (a *Authority) Login(ctx context.Context, name, password, remote string) (token string, c Caller, err error) {
	account, w, err := a.find(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", c, err
	}
	if err == nil {
		c = Caller{name, Role(account.Role), w}
	}
	if err := check(account, password); err != nil {
		return "", c, err
	}
	token, err = a.sign(account, w, remote)
	return token, c, err
}

// Named returns the caller of a login name, before the password is checked.
func (a *Authority) Named(ctx context.Context, name string) (Caller, bool) {
	account, w, err := a.find(ctx, name)
	return Caller{name, Role(account.Role), w}, err == nil
}

// check refuses a wrong password, and an account without a name, which is no user.
func check(account store.Account, password string) error {
	right := subtle.ConstantTimeCompare([]byte(account.Password), []byte(hash(password))) == 1
	if account.Name == "" || !right {
		return unauthorized("wrong user name or password")
	}
	return nil
}

// Issue returns a token for a user, without a password: for the operator of the emulator.
func (a *Authority) Issue(ctx context.Context, name string) (string, error) {
	account, w, err := a.find(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("no user %s: %w", name, store.ErrNotFound)
	}
	if err != nil {
		return "", err
	}
	return a.sign(account, w, "")
}

// sign returns a token with the claims of the vendor's tokens (docs: authentication), and five of
// our own: name and number of the world, the generation of its tokens, and the times when the token
// was issued. iat and exp are by the token clock of the world.
func (a *Authority) sign(account store.Account, w store.WorldState, remote string) (string, error) {
	machine, now := a.Now(), w.Now.Time()
	issued := machine
	if w.Tokens == store.TokensWorld {
		issued = now
	}
	address, _, _ := net.SplitHostPort(remote) // empty for the operator of the emulator
	return jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{
		"sub": account.Name, "iss": issuer, "aud": issuer,
		"iat": issued.Unix(), "exp": issued.Add(tokenLife).Unix(),
		"loginResponse":                    "SUCCESSFUL",
		"successfulAuthenticationHandlers": []string{"UsernamePasswordAuthenticationHandler"},
		"credentialType":                   "UsernamePasswordCredential",
		"usertype":                         "fo",
		"portalUserId":                     1,
		"qwebUserId":                       1,
		"modulesAllowed":                   []string{"CS"},
		"ipAddress":                        address,
		"world":                            account.World,
		"worldNumber":                      w.Number,
		"generation":                       w.Generation,
		"machineTime":                      machine.Unix(),
		"worldTime":                        now.Unix(),
	}).SignedString(a.Key)
}

// API is the API that a call belongs to. It decides about the expiry of the call's token.
type API int

// The APIs. Calls of the control API are judged by the clock of the machine, so that moving the
// clock of a world never locks out its tester.
const (
	VendorAPI API = iota
	ControlAPI
)

// Authenticate finds the caller of a request by its bearer token or, as on the API server URLs
// (observed), by user name and password.
func (a *Authority) Authenticate(r *http.Request, api API) (Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme == "":
		return Caller{}, unauthorized(
			"no Authorization header; send the token of POST /auth as: Authorization: Bearer <token>",
		)
	case strings.EqualFold(scheme, "Basic"):
		name, password, _ := r.BasicAuth()
		account, w, err := a.find(r.Context(), name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return Caller{}, err
		}
		if err := check(account, password); err != nil {
			return Caller{}, err
		}
		return Caller{name, Role(account.Role), w}, nil
	case strings.EqualFold(scheme, "Bearer"):
		return a.bearer(r.Context(), strings.TrimSpace(token), api)
	}
	return Caller{}, unauthorized("the Authorization header has neither a Bearer token nor Basic credentials")
}

// bearer finds the caller of a token.
func (a *Authority) bearer(ctx context.Context, token string, api API) (Caller, error) {
	c, err := a.verify(token)
	if err != nil {
		return Caller{}, err
	}
	account, w, err := a.find(ctx, c.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, unauthorized("the user of the token does not exist any more")
	}
	if err != nil {
		return Caller{}, err
	}
	if c.World != w.Number {
		return Caller{}, unauthorized("the token is of another world, which was deleted")
	}
	caller := Caller{c.Subject, Role(account.Role), w}
	if c.Generation != w.Generation || a.isExpired(c, w, api) {
		return caller, &Error{"JWT expired.", "the token has expired; tokens are valid for four hours"}
	}
	return caller, nil
}

// isExpired reports whether a token has expired by the clock that counts for a call.
func (a *Authority) isExpired(c *claims, w store.WorldState, api API) bool {
	now, issued := a.Now(), c.MachineTime
	if api == VendorAPI && w.Tokens == store.TokensWorld {
		now, issued = w.Now.Time(), c.WorldTime
	}
	life := c.ExpiresAt.Sub(c.IssuedAt.Time)
	return !now.Before(time.Unix(cmp.Or(issued, c.IssuedAt.Unix()), 0).Add(life))
}

// maxVerified is the maximum number of verified tokens in memory, of less than a kilobyte each. If
// there are more, they are verified again.
const maxVerified = 2_000

// verify returns the claims of a token that this server has signed. A signature is checked once.
func (a *Authority) verify(token string) (*claims, error) {
	a.mu.Lock()
	known, ok := a.verified[token]
	a.mu.Unlock()
	if ok {
		return known, nil
	}
	c := &claims{}
	_, err := a.parser.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return a.Key, nil })
	switch {
	case err != nil:
		return nil, unauthorized("the token is not one of this server: " + err.Error())
	case c.ExpiresAt == nil || c.IssuedAt == nil || c.Issuer != issuer || !slices.Contains(c.Audience, issuer):
		return nil, unauthorized("the token is not one of this server: it lacks expiry, issuer or audience")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.verified) >= maxVerified {
		clear(a.verified)
	}
	a.verified[strings.Clone(token)] = c
	return c, nil
}
