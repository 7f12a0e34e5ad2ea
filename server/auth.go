package server

import (
	"context"
	"crypto/subtle"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/qcsdev/qcs/server/internal/store"
)

// tokenLife is how long a token is valid (docs: four hours).
const tokenLife = 4 * time.Hour

// authError says why a request is not let in: 401.
type authError struct {
	message string // for the body
	detail  string // for X-QCS-Detail and the log
}

func (e *authError) Error() string { return e.detail }

// The text of a 401 is not documented but for "Unauthorized user" as its name (docs) and "JWT
// expired" for an old token (observed).
func unauthorized(detail string) error { return &authError{"Unauthorized user.", detail} }

// caller is who makes a request.
type caller struct {
	name, world string
	role        Role
	now         time.Time // by the clock of the world
}

// authority knows the users, makes tokens and reads them.
type authority struct {
	key []byte
	// refresh brings a user and the user's world up to date before they are looked at; nil where
	// nobody else changes them.
	refresh func(ctx context.Context, name string) error
	now     func(ctx context.Context, world string) (time.Time, error)
	first   string
	parser  *jwt.Parser // checks the signature; the claims are checked by the clock of the world

	mu       sync.Mutex
	users    map[string]store.Account
	worlds   map[string]World
	verified map[string]*verified // by token
}

// verified is what a token says whose signature was checked.
type verified struct {
	jwt.RegisteredClaims
	Generation int64 `json:"generation"` // of the tokens of the world
}

// user gives a user and the user's world.
func (a *authority) user(name string) (store.Account, World, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account, known := a.users[name]
	return account, a.worlds[account.World], known
}

// world gives a world.
func (a *authority) world(name string) World {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.worlds[name]
}

// put makes a world and its users known, or what has changed of them.
func (a *authority) put(w World, accounts ...store.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.worlds[w.Name] = w
	for _, account := range accounts {
		a.users[account.Name] = account
	}
}

// drop forgets a world and its users.
func (a *authority) drop(world string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.worlds, world)
	maps.DeleteFunc(a.users, func(_ string, account store.Account) bool { return account.World == world })
}

// forget makes a user unknown.
func (a *authority) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.users, name)
}

// current gives a user and the user's world as they are now.
func (a *authority) current(ctx context.Context, name string) (store.Account, World, bool, error) {
	if a.refresh != nil {
		if err := a.refresh(ctx, name); err != nil {
			return store.Account{}, World{}, false, err
		}
	}
	account, world, known := a.user(name)
	return account, world, known, nil
}

// of lists the users of a world by name.
func (a *authority) of(world string) []store.Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []store.Account
	for _, name := range slices.Sorted(maps.Keys(a.users)) {
		if a.users[name].World == world {
			all = append(all, a.users[name])
		}
	}
	return all
}

// maxVerified bounds the memory of the tokens that were checked, of which each has less than a
// kilobyte; beyond it they are forgotten and checked again.
const maxVerified = 2_000

func newAuthority(
	o Options, accounts []store.Account, now func(context.Context, string) (time.Time, error),
) (*authority, error) {
	key, err := signingKey(o)
	if err != nil {
		return nil, err
	}
	a := &authority{
		key:      key,
		now:      now,
		users:    map[string]store.Account{},
		worlds:   map[string]World{},
		verified: map[string]*verified{},
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS512.Alg()}), jwt.WithoutClaimsValidation(),
		),
	}
	for i, account := range accounts {
		a.users[account.Name] = account
		if i == 0 {
			a.first = account.Name
		}
	}
	return a, nil
}

// issuer is the issuer and audience of the vendor's tokens (docs: authentication).
const issuer = "qas"

// login gives a token for a name and a password.
func (a *authority) login(ctx context.Context, name, password string) (string, error) {
	if account, _, known, err := a.current(ctx, name); err != nil {
		return "", err
	} else if known {
		x := exchangeOf(ctx)
		x.user, x.world = name, account.World
		x.now, _ = a.now(ctx, account.World) // the journal can do without
	}
	if err := a.check(name, password); err != nil {
		return "", err
	}
	return a.issue(ctx, name)
}

// check refuses a name and a password that do not belong together.
func (a *authority) check(name, password string) error {
	account, _, known := a.user(name)
	right := subtle.ConstantTimeCompare([]byte(account.Password), []byte(hash(password))) == 1
	if !known || !right {
		return unauthorized("wrong user name or password")
	}
	return nil
}

// issue makes a token with the claims of the vendor's (docs: authentication), and one of our own
// that names the world.
func (a *authority) issue(ctx context.Context, name string) (string, error) {
	account, world, known := a.user(name)
	if !known {
		return "", fmt.Errorf("no user %s", name)
	}
	now, err := a.now(ctx, account.World)
	if err != nil {
		return "", err
	}
	address, _, _ := net.SplitHostPort(exchangeOf(ctx).remote) // none for the person who runs the emulator
	claims := jwt.MapClaims{
		"sub":                              name,
		"iss":                              issuer,
		"aud":                              issuer,
		"iat":                              now.Unix(),
		"exp":                              now.Add(tokenLife).Unix(),
		"loginResponse":                    "SUCCESSFUL",
		"successfulAuthenticationHandlers": []string{"UsernamePasswordAuthenticationHandler"},
		"credentialType":                   "UsernamePasswordCredential",
		"usertype":                         "fo",
		"portalUserId":                     1,
		"qwebUserId":                       1,
		"modulesAllowed":                   []string{"CS"},
		"ipAddress":                        address,
		"world":                            account.World,
		"generation":                       world.Generation,
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS512, claims).SignedString(a.key)
}

// authenticate finds the caller of a request by its bearer token or, as on the API server URLs
// (observed), by user name and password.
func (a *authority) authenticate(r *http.Request) (caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	var claims *verified
	var err error
	switch {
	case scheme == "":
		return caller{}, unauthorized(
			"no Authorization header; send the token of POST /auth as: Authorization: Bearer <token>",
		)
	case strings.EqualFold(scheme, "Basic"):
		user, password, _ := r.BasicAuth()
		if _, _, _, err = a.current(r.Context(), user); err == nil {
			claims, err = &verified{RegisteredClaims: jwt.RegisteredClaims{Subject: user}}, a.check(user, password)
		}
	case strings.EqualFold(scheme, "Bearer"):
		claims, err = a.verify(strings.TrimSpace(token))
	default:
		err = unauthorized("the Authorization header holds neither a Bearer token nor Basic credentials")
	}
	if err != nil {
		return caller{}, err
	}
	account, world, known, err := a.current(r.Context(), claims.Subject)
	if err != nil {
		return caller{}, err
	}
	if !known {
		return caller{}, unauthorized("the user of the token does not exist any more")
	}
	c := caller{name: claims.Subject, world: account.World, role: Role(account.Role)}
	c.now, err = a.now(r.Context(), c.world)
	if err == nil && claims.ExpiresAt != nil &&
		(!c.now.Before(claims.ExpiresAt.Time) || claims.Generation != world.Generation) {
		err = &authError{"JWT expired.", "the token has expired; tokens are valid for four hours"}
	}
	return c, err
}

// verify gives the claims of a token that this server has signed. Those of tokens that were seen
// before are known.
func (a *authority) verify(token string) (*verified, error) {
	a.mu.Lock()
	known, ok := a.verified[token]
	a.mu.Unlock()
	if ok {
		return known, nil
	}
	claims := &verified{}
	_, err := a.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return a.key, nil })
	switch {
	case err != nil:
		return claims, unauthorized("the token is not one of this server: " + err.Error())
	case claims.ExpiresAt == nil || claims.Issuer != issuer || !slices.Contains(claims.Audience, issuer):
		return claims, unauthorized("the token is not one of this server: it lacks expiry, issuer or audience")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.verified) >= maxVerified {
		clear(a.verified)
	}
	a.verified[strings.Clone(token)] = claims
	return claims, nil
}
