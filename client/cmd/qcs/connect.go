package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
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

// resolve decides by flags, environment and configuration file, in this order, where and as whom
// calls are made.
func (p *program) resolve() (account, error) {
	c, err := p.readConfig()
	if err != nil {
		return account{}, err
	}
	var stored namedContext
	if found := c.find(cmp.Or(p.flags.context, c.Current)); found != nil {
		stored = *found
	} else if p.flags.context != "" {
		return account{}, &usageError{fmt.Sprintf("there is no context %q", p.flags.context)}
	}
	a := account{namedContext: namedContext{
		Name: stored.Name,
		User: cmp.Or(p.flags.user, p.getenv("QCS_USER"), stored.User),
		Auth: cmp.Or(p.flags.auth, p.getenv("QCS_AUTH"), stored.Auth, "token"),
	}}
	if a.Auth != "token" && a.Auth != "basic" {
		return a, &usageError{fmt.Sprintf("auth %q is neither token nor basic", a.Auth)}
	}
	for _, level := range [][2]string{
		{p.flags.url, p.flags.platform},
		{p.getenv("QCS_URL"), p.getenv("QCS_PLATFORM")},
		{stored.URL, stored.Platform},
	} {
		if a.URL, a.Platform = strings.TrimRight(level[0], "/"), level[1]; a.URL != "" && a.Platform != "" {
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

// secrets looks for a token or a password: of flags, of the environment, and last the token of the
// last login.
func (p *program) secrets(a *account) error {
	token, err := p.secret(p.flags.tokenFile)
	if err != nil {
		return err
	}
	password, err := p.secret(p.flags.passwordFile)
	if err != nil {
		return err
	}
	if token == "" && password == "" {
		token, password = p.getenv("QCS_TOKEN"), p.getenv("QCS_PASSWORD")
	}
	switch {
	case token != "" && a.Auth == "token":
		a.Token = token
	case password != "" || a.Auth == "basic":
		a.Token, a.password = "", password
	}
	return nil
}

func (p *program) secret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return p.secretFile(path)
}

// secretFile reads the first line of a file, or of standard input.
func (p *program) secretFile(path string) (string, error) {
	in, err := p.input(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	text, err := bufio.NewReader(io.LimitReader(in, 1<<16)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", &usageError{fmt.Sprintf("there is no secret in %s", path)}
	}
	return text, nil
}

// input opens a file, or standard input for -, which can be read once.
func (p *program) input(path string) (io.ReadCloser, error) {
	if path != "-" {
		return os.Open(path)
	}
	if p.read {
		return nil, &usageError{"standard input (-) can be given once"}
	}
	p.read = true
	return io.NopCloser(p.stdin), nil
}

// ask reads a password from the terminal without showing it.
func (p *program) ask(ctx context.Context, a *account) error {
	in, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errNoLogin
	}
	was, err := term.GetState(int(in.Fd()))
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "Password of %s at %s: ", a.User, a.target())
	text, err := answered(ctx, func() ([]byte, error) { return term.ReadPassword(int(in.Fd())) })
	fmt.Fprintln(p.stderr)
	if err != nil {
		return errors.Join(err, term.Restore(int(in.Fd()), was)) // or what is typed would stay hidden
	}
	if a.password = string(text); a.password == "" {
		return errNoLogin
	}
	return nil
}

// answered waits for what somebody types, unless the context ends before.
func answered[T any](ctx context.Context, read func() (T, error)) (value T, err error) {
	done := make(chan struct{})
	var typed T
	var failed error
	go func() {
		defer close(done)
		typed, failed = read()
	}()
	select {
	case <-done:
		return typed, failed
	case <-ctx.Done():
		return value, ctx.Err()
	}
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
		if err := p.ask(ctx, &a); err != nil {
			return nil, ctx, err
		}
	}
	return p.open(ctx, a)
}

// session is a client and what is known of the other side.
type session struct {
	*client.Client
	account  account
	control  *emulator.Client // of the commands for the emulator
	exchange *exchange
	cancel   context.CancelFunc
}

// open gives a client for an account.
func (p *program) open(ctx context.Context, a account) (*session, context.Context, error) {
	s := &session{
		account: a,
		cancel:  func() {},
		exchange: &exchange{
			next:  http.DefaultTransport.(*http.Transport).Clone(),
			debug: p.flags.debug,
			curl:  p.flags.curl,
			out:   p.stdout,
			log:   p.stderr,
		},
	}
	options := []client.Option{
		client.WithBaseURL(strings.TrimRight(a.target(), "/")),
		client.WithUserAgent("qcs-cli"),
		client.WithHTTPClient(&http.Client{Transport: s.exchange}),
	}
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
