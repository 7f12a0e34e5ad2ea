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

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
)

// account is a context with the password of its user.
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

// resolve reads the account from flags, environment and configuration file, in this order of
// precedence.
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
		return a, &usageError{"there is no address of the service: give --url or --platform, or log in"}
	}
	if a.URL == stored.URL && a.Platform == stored.Platform && a.User == stored.User {
		a.Token = stored.Token
	}
	return a, p.secrets(&a)
}

// secrets sets the token or the password of an account: from flags, or from the environment.
// Without them, the token of the latest login stays.
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

// input opens a file, or standard input for "-". A command can read standard input once.
func (p *program) input(path string) (io.ReadCloser, error) {
	if path != "-" {
		return os.Open(path)
	}
	if p.stdinUsed {
		return nil, &usageError{"standard input (-) can be given once"}
	}
	p.stdinUsed = true
	return io.NopCloser(p.stdin), nil
}

// readPassword reads a password from the terminal without showing it.
func (p *program) readPassword(ctx context.Context, a *account) error {
	in, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errNoLogin
	}
	was, err := term.GetState(int(in.Fd()))
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "Password of %s at %s: ", a.User, a.target())
	text, err := withContext(ctx, func() ([]byte, error) { return term.ReadPassword(int(in.Fd())) })
	fmt.Fprintln(p.stderr)
	if err != nil {
		return errors.Join(err, term.Restore(int(in.Fd()), was)) // shows what the user types again
	}
	if a.password = string(text); a.password == "" {
		return errNoLogin
	}
	return nil
}

// withContext waits for the input of the user, or for the end of the context.
func withContext[T any](ctx context.Context, read func() (T, error)) (value T, err error) {
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

// connect gives a session for the account of the settings.
func (p *program) connect(ctx context.Context) (*session, context.Context, error) {
	a, err := p.resolve()
	if err != nil {
		return nil, ctx, err
	}
	if p.flags.curl && a.Token == "" && a.password == "" {
		a.Token, a.password = "none", "none" // --curl sends nothing
	}
	if a.Token == "" && a.password == "" {
		if a.User == "" {
			return nil, ctx, errNoLogin
		}
		if err := p.readPassword(ctx, &a); err != nil {
			return nil, ctx, err
		}
	}
	return p.open(ctx, a)
}

// inSession calls a function with a session for the account of the settings.
func (p *program) inSession(cmd *cobra.Command, do func(context.Context, *session) error) error {
	s, ctx, err := p.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer s.cancel()
	return do(ctx, s)
}

// session is a client for an account.
type session struct {
	*client.Client
	account  account
	control  *emulator.Client // set for commands of the control API
	exchange *exchange
	cancel   context.CancelFunc
}

// open gives a session for an account.
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
