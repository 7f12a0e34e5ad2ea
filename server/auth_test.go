package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

const form = "application/x-www-form-urlencoded"

// login requests a token as clients do.
func login(t *testing.T, srv *servertest.Server, user, password string) response {
	t.Helper()
	body := url.Values{"username": {user}, "password": {password}, "token": {"true"}}.Encode()
	return send(t, srv, request{method: http.MethodPost, target: "/auth", contentType: form, body: body, token: "-"})
}

func TestTokenFormat(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	got := login(t, srv, servertest.User, servertest.Password)
	token := got.want(t, http.StatusCreated)
	if !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") || !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,999}$`).MatchString(token) {
		t.Errorf("got %s %q, want a bare token of less than 1,000 characters as text", got.header.Get("Content-Type"), token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	start := float64(servertest.Start.Unix())
	for name, want := range map[string]any{"sub": servertest.User, "iss": "qas", "aud": "qas", "usertype": "fo", "loginResponse": "SUCCESSFUL", "world": "default", "iat": start, "exp": start + 4*3600} {
		if claims[name] != want {
			t.Errorf("claim %s: got %v, want %v", name, claims[name], want)
		}
	}
	if modules, _ := claims["modulesAllowed"].([]any); len(modules) != 1 || modules[0] != "CS" {
		t.Errorf("got modules %v, want CS", claims["modulesAllowed"])
	}
}

func TestLoginRefuses(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	login(t, srv, servertest.User, "wrong").refused(t, http.StatusUnauthorized, "wrong user name or password")
	login(t, srv, "nobody", servertest.Password).refused(t, http.StatusUnauthorized, "wrong user name or password")
	for _, tt := range []struct{ name, contentType, body, detail string }{
		{"no token field", form, "username=a&password=b", `property "token" is missing`},
		{"token=false", form, "username=a&password=b&token=false", "allowed values"},
		{"no password", form, "username=a&token=true", `property "password" is missing`},
		{"no body", form, "", "is required"},
	} {
		send(t, srv, request{method: http.MethodPost, target: "/auth", contentType: tt.contentType, body: tt.body, token: "-"}).refused(t, http.StatusBadRequest, tt.detail)
	}
	for _, odd := range []string{form + ";charset=", form + "; charset", form + ";a=b;a=c"} {
		send(t, srv, request{method: http.MethodPost, target: "/auth", contentType: odd, body: "username=a&password=b&token=true", token: "-"}).refused(t, http.StatusUnauthorized, "wrong user")
	}
	send(t, srv, request{method: http.MethodPost, target: "/auth", contentType: "application/json", body: `{}`, token: "-"}).refused(t, http.StatusUnsupportedMediaType, form)
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte("k"), 64)
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.SigningKey = key }))
	claims := func(change jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"sub": servertest.User, "iss": "qas", "aud": "qas", "worldNumber": 1, "iat": servertest.Start.Unix(), "exp": servertest.Start.Add(time.Hour).Unix()}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, tt := range []struct {
		name, header string
		status       int
	}{
		{"the right one", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(nil)), http.StatusOK},
		{"scheme in lower case", "bearer " + sign(jwt.SigningMethodHS512, key, claims(nil)), http.StatusOK},
		{"another key", "Bearer " + sign(jwt.SigningMethodHS512, bytes.Repeat([]byte("x"), 64), claims(nil)), http.StatusUnauthorized},
		{"another algorithm", "Bearer " + sign(jwt.SigningMethodHS256, key, claims(nil)), http.StatusUnauthorized},
		{"algorithm none", "Bearer " + sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)), http.StatusUnauthorized},
		{"no time of issue", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"iat": nil})), http.StatusUnauthorized},
		{"expired by its own life", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"iat": servertest.Start.Add(-2 * time.Hour).Unix(), "exp": servertest.Start.Unix()})), http.StatusUnauthorized},
		{"no expiry", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"exp": nil})), http.StatusUnauthorized},
		{"another issuer", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"iss": "x"})), http.StatusUnauthorized},
		{"another world", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"worldNumber": 2})), http.StatusUnauthorized},
		{"no world", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"worldNumber": nil})), http.StatusUnauthorized},
		{"unknown user", "Bearer " + sign(jwt.SigningMethodHS512, key, claims(jwt.MapClaims{"sub": "nobody"})), http.StatusUnauthorized},
		{"another scheme", "Token x", http.StatusUnauthorized},
		{"no token", "Bearer ", http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := send(t, srv, request{method: http.MethodGet, target: base, token: tt.header})
			got.want(t, tt.status)
			if tt.status == http.StatusUnauthorized {
				got.refused(t, tt.status, "")
			}
		})
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Users = append(o.Users, server.User{Name: "joe_user", Password: "p", Role: server.Reader}, server.User{Name: "sub", Password: "p", Role: server.SubUser})
	}))
	reader := "Bearer " + login(t, srv, "joe_user", "p").want(t, http.StatusCreated)
	sub := "Bearer " + login(t, srv, "sub", "p").want(t, http.StatusCreated)
	send(t, srv, request{method: http.MethodGet, target: base, token: reader}).want(t, http.StatusOK)
	got := send(t, srv, request{method: http.MethodDelete, target: base + "/" + sampleRegistry, token: reader})
	got.refused(t, http.StatusForbidden, "CS.REGISTRY.DELETE")
	if want := "The joe_user user does not have the CS.REGISTRY.DELETE permission to perform this operation. Ensure that required permissions are assigned to the user"; field(t, got.body, "message") != want {
		t.Errorf("got %s, want the documented text %q", got.body, want)
	}
	got = send(t, srv, request{method: http.MethodGet, target: base, token: sub})
	got.refused(t, http.StatusForbidden, "")
	if field(t, got.body, "message") != "Request Forbidden" {
		t.Errorf("got %s, want Request Forbidden", got.body)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-of-a-registry"
	var log bytes.Buffer
	folder := t.TempDir()
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.Data = folder
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	}))
	token := login(t, srv, servertest.User, servertest.Password).want(t, http.StatusCreated)
	login(t, srv, servertest.User, secret).want(t, http.StatusUnauthorized)
	created := post(t, srv, base, `{"registryType":"V2_PRIVATE","registryUri":"https://r.example.com","credentialType":"BasicAuth","accessToken":"`+secret+`","credential":{"username":"scanner","password":"`+secret+`"}}`).want(t, http.StatusOK)
	details := get(t, srv, base+"/"+field(t, created, "registryUuid")).want(t, http.StatusOK)
	if !strings.Contains(details, `"credential":{"username":"scanner"}`) {
		t.Errorf("got %s, want the user name of the credential", details)
	}
	responses := created + details
	for _, body := range []string{`{"credential":{"password":"` + secret + `"`, `{"credentialType":"` + secret + `","registryType":"V2","registryUri":"https://x.y"}`, `{"registryUri":"` + secret + `","registryType":"V2","credentialType":"None"}`} {
		got := post(t, srv, base, body)
		responses += got.want(t, http.StatusBadRequest) + got.header.Get("X-QCS-Detail")
	}
	texts := map[string]string{"the log": log.String(), "a response": responses}
	for _, name := range []string{"qcs.db", "qcs.db-wal"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}
	for name, text := range texts {
		for _, hidden := range []string{secret, servertest.Password, url.QueryEscape(servertest.Password), token} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s contains the secret %q", name, hidden)
			}
		}
	}
	if len(log.String()) == 0 {
		t.Error("nothing was logged")
	}
}

func TestFirstUser(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var created []string
	start := func(t *testing.T) *servertest.Server {
		return newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
			o.Users, o.Data = nil, folder
			o.FirstUser = func(name, password string) { created = append(created, name, password) }
		}))
	}
	t.Run("first start", func(t *testing.T) {
		srv := start(t)
		if len(created) != 2 || created[0] != "admin" || len(created[1]) != 32 {
			t.Fatalf("got %q, want admin and a password of 128 bits", created)
		}
		login(t, srv, "admin", created[1]).want(t, http.StatusCreated)
	})
	t.Run("second start", func(t *testing.T) {
		srv := start(t)
		if len(created) != 2 {
			t.Errorf("created another user: %q", created[2:])
		}
		login(t, srv, "admin", created[1]).want(t, http.StatusCreated)
	})
	info, err := os.Stat(filepath.Join(folder, "signing.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("signing key: got %v, %v, want a file that only its owner can read", info, err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "signing.key"))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := server.DecodeKey(string(text)); err != nil || len(key) != 64 {
		t.Errorf("got %d bytes, %v, want 64", len(key), err)
	}
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*server.Options){
		"there is no such world":  func(o *server.Options) { o.Users[0].World = "nosuch" },
		"named twice":             func(o *server.Options) { o.Users = append(o.Users, o.Users[0]) },
		"the role is not one of":  func(o *server.Options) { o.Users[0].Role = "king" },
		"must not be empty":       func(o *server.Options) { o.Users[0].Password = "" },
		"signing key: has 3":      func(o *server.Options) { o.SigningKey = []byte("abc") },
		`strictness "lax"`:        func(o *server.Options) { o.Strictness = "lax" },
		`world "..": a name has`:  func(o *server.Options) { o.Worlds = []server.World{{Name: "..", Plan: "Full"}} },
		`world "a/b": a name has`: func(o *server.Options) { o.Worlds = []server.World{{Name: "a/b", Plan: "Full"}} },
		`world "x": needs`:        func(o *server.Options) { o.Worlds = []server.World{{Name: "x", Plan: "Gold"}} },
		"world x: named twice": func(o *server.Options) {
			o.Worlds = []server.World{{Name: "x", Plan: "Full"}, {Name: "x", Plan: "Free"}}
		},
		"a duration is negative": func(o *server.Options) { o.Pace.Queued = -1 },
		"no existing data":       func(o *server.Options) { o.Existing = true },
		`seed "nosuch": not one`: func(o *server.Options) { o.Seed = "nosuch" },
	} {
		o := server.Options{Users: []server.User{{Name: "a", Password: "b"}}}
		change(&o)
		if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// TestMovingTheClockKeepsTokens checks by which clock tokens expire: that of the machine for calls of the
// control API, and for those of the vendor's API unless the world says otherwise.
func TestMovingTheClockKeepsTokens(t *testing.T) {
	t.Parallel()
	var machine atomic.Int64
	srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
		o.TokenNow = func() time.Time { return servertest.Start.Add(time.Duration(machine.Load())) }
	}))
	token := "Bearer " + srv.Token()
	vendor := request{method: http.MethodGet, target: base, token: token}
	clock := request{method: http.MethodGet, target: "/_qcs/clock", token: token}
	put := func(body string) {
		t.Helper()
		send(t, srv, request{method: http.MethodPut, target: "/_qcs/worlds/default", contentType: "application/json", body: body}).want(t, http.StatusOK)
	}
	send(t, srv, request{method: http.MethodPut, target: "/_qcs/clock", contentType: "application/json", body: `{"mode":"frozen"}`, token: token}).want(t, http.StatusOK)
	advance := request{method: http.MethodPost, target: "/_qcs/clock/advance", contentType: "application/json", body: `{"by":18000000}`, token: token}
	send(t, srv, advance).want(t, http.StatusOK) // five hours
	send(t, srv, vendor).want(t, http.StatusOK)
	put(`{"tokens":"world"}`)
	send(t, srv, vendor).refused(t, http.StatusUnauthorized, "expired")
	send(t, srv, clock).want(t, http.StatusOK)
	fresh := "Bearer " + srv.Token()
	send(t, srv, request{method: http.MethodGet, target: base, token: fresh}).want(t, http.StatusOK)

	machine.Store(int64(4 * time.Hour))
	send(t, srv, clock).refused(t, http.StatusUnauthorized, "expired")
	send(t, srv, request{method: http.MethodGet, target: base, token: fresh}).want(t, http.StatusOK)
	put(`{"tokens":"real"}`)
	send(t, srv, request{method: http.MethodGet, target: base, token: fresh}).refused(t, http.StatusUnauthorized, "expired")
	send(t, srv, request{method: http.MethodPut, target: "/_qcs/worlds/default", contentType: "application/json", body: `{"tokens":"moon"}`}).refused(t, http.StatusBadRequest, "tokens")
}
