package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/qcsdev/qcs/client"
)

// account says where and as whom calls are made, and with what secret.
type account struct {
	namedContext
	password string
}

// target is the address of the service.
func (a account) target() string {
	platform := client.Platform(strings.ToUpper(a.Platform))
	switch {
	case a.URL != "":
		return a.URL
	case a.Auth == "basic":
		return platform.APIServer()
	}
	return platform.Gateway()
}

// resolve decides by flags, environment and configuration file, in this order, where and as whom calls are made.
func (p *program) resolve() (account, error) {
	c, err := p.readConfig()
	if err != nil {
		return account{}, err
	}
	var stored namedContext
	if name := cmp.Or(p.flags.context, c.Current); name != "" {
		found := c.find(name)
		if found == nil {
			return account{}, &usageError{fmt.Sprintf("there is no context %q", name)}
		}
		stored = *found
	}
	a := account{namedContext: namedContext{
		Name: stored.Name, User: cmp.Or(p.flags.user, p.getenv("QCS_USER"), stored.User), Auth: cmp.Or(p.flags.auth, p.getenv("QCS_AUTH"), stored.Auth, "token"),
	}}
	for _, level := range [][2]string{{p.flags.url, p.flags.platform}, {p.getenv("QCS_URL"), p.getenv("QCS_PLATFORM")}, {stored.URL, stored.Platform}} {
		if a.URL, a.Platform = level[0], level[1]; a.URL != "" && a.Platform != "" {
			return a, &usageError{"give a URL or a platform, not both"}
		} else if a.URL+a.Platform != "" {
			break
		}
	}
	if a.URL+a.Platform == "" {
		return a, &usageError{"where is the service? Give --url or --platform, or log in"}
	}
	if a.URL == stored.URL && a.Platform == stored.Platform && a.User == stored.User {
		a.Token = stored.Token
	}
	return a, p.secrets(&a)
}

// secrets looks for a token, then for a password. Those that are given win over the token of the last login.
func (p *program) secrets(a *account) (err error) {
	token := p.getenv("QCS_TOKEN")
	if p.flags.tokenFile != "" {
		if token, err = p.secretFile(p.flags.tokenFile); err != nil {
			return err
		}
	}
	a.password = p.getenv("QCS_PASSWORD")
	if p.flags.passwordFile != "" {
		if a.password, err = p.secretFile(p.flags.passwordFile); err != nil {
			return err
		}
	}
	switch {
	case token != "" && a.Auth == "token":
		a.Token, a.password = token, ""
	case a.password != "" || a.Auth == "basic":
		a.Token = ""
	}
	return nil
}

// secretFile reads the first line of a file, or of standard input.
func (p *program) secretFile(path string) (string, error) {
	in := p.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	text, err := bufio.NewReader(io.LimitReader(in, 1<<16)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", &usageError{fmt.Sprintf("there is no secret in %s", path)}
	}
	return text, nil
}

// ask reads a password from the terminal without showing it.
func (p *program) ask(a *account) error {
	in, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errNoLogin
	}
	fmt.Fprintf(p.stderr, "Password of %s at %s: ", a.User, a.target())
	text, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(p.stderr)
	a.password = string(text)
	return err
}

// connect gives a client for the account that the settings name.
func (p *program) connect(ctx context.Context) (*session, context.Context, error) {
	a, err := p.resolve()
	if err != nil {
		return nil, ctx, err
	}
	if p.flags.curl && a.Token == "" && a.password == "" {
		a.Token, a.password = "none", "none" // nothing is sent
	}
	if a.Token == "" && a.password == "" {
		if a.User == "" {
			return nil, ctx, errNoLogin
		}
		if err := p.ask(&a); err != nil {
			return nil, ctx, err
		}
	}
	return p.open(ctx, a)
}

// session is a client and what is known of the other side.
type session struct {
	*client.Client
	account  account
	exchange *exchange
	cancel   context.CancelFunc
}

// open gives a client for an account.
func (p *program) open(ctx context.Context, a account) (*session, context.Context, error) {
	s := &session{account: a, cancel: func() {}, exchange: &exchange{next: http.DefaultTransport.(*http.Transport).Clone(), debug: p.flags.debug, curl: p.flags.curl, out: p.stdout, log: p.stderr}}
	options := []client.Option{client.WithBaseURL(strings.TrimRight(a.target(), "/")), client.WithUserAgent("qcs-cli"), client.WithHTTPClient(&http.Client{Transport: s.exchange})}
	switch {
	case a.Auth == "basic":
		options = append(options, client.WithBasicAuth(a.User, a.password))
	case a.Token != "" || p.flags.curl:
		options = append(options, client.WithToken(a.Token))
	default:
		options = append(options, client.WithCredentials(a.User, a.password))
	}
	var err error
	if s.Client, err = client.New(options...); err != nil {
		return nil, ctx, &usageError{strings.TrimPrefix(err.Error(), "client: ")}
	}
	if p.flags.timeout > 0 {
		ctx, s.cancel = context.WithTimeout(ctx, p.flags.timeout)
	}
	return s, ctx, nil
}

// claims are what a token says of itself. Only the service can tell whether they are true.
func claims(token string) (user string, expires time.Time) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		Sub string
		Exp float64
	}
	if err != nil || json.Unmarshal(payload, &c) != nil || c.Exp == 0 {
		return c.Sub, time.Time{}
	}
	return c.Sub, time.Unix(int64(c.Exp), 0)
}
