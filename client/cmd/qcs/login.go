package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/internal/jwt"
)

func (p *program) loginCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "login",
		Short: "Log in, and store the token in the configuration file",
		Long: "Exchanges user name and password for a token, stores it in the configuration file until it " +
			"expires, and makes its context the current one. The password comes from QCS_PASSWORD,\n" +
			"--password-file, or a prompt; it is not stored.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.login(cmd.Context()) },
	}
}

func (p *program) login(ctx context.Context) error {
	if p.flags.curl {
		return &usageError{"a login is not shown as a curl command: it would hold the password"}
	}
	name := p.flags.context
	environment := p.getenv
	p.getenv = func(variable string) string {
		if variable == "QCS_TOKEN" { // a login replaces this token
			return ""
		}
		return environment(variable)
	}
	if c, err := p.readConfig(); err != nil {
		return err
	} else if c.find(name) == nil {
		p.flags.context = "" // the login makes this context
	}
	a, err := p.resolve()
	if err != nil {
		return err
	}
	if a.User == "" || a.Auth == "basic" {
		return &usageError{"give --user; with --auth basic there is nothing to log in to"}
	}
	if a.Token = ""; a.password == "" {
		if err := p.readPassword(ctx, &a); err != nil {
			return err
		}
	}
	s, ctx, err := p.open(ctx, a)
	if err != nil {
		return err
	}
	defer s.cancel()
	if a.Token, err = s.Token(ctx); err != nil {
		return err
	}
	c, err := p.readConfig()
	if err != nil {
		return err
	}
	a.Name = cmp.Or(name, c.nameFor(a.namedContext))
	c.put(a.namedContext)
	c.Current = a.Name
	if err := p.writeConfig(c); err != nil {
		return err
	}
	_, err = fmt.Fprintf(
		p.stdout, "Logged in to %s (%s) as %s; the context is %s.\n", a.target(), s.place(), a.User, a.Name,
	)
	return err
}

// place gives the kind of the service: emulator or platform.
func (s *session) place() string {
	if s.exchange.emulator {
		return "the emulator"
	}
	return "the vendor's platform"
}

func (p *program) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Delete the token of the context", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := p.readConfig()
			if err != nil {
				return err
			}
			n := c.find(cmp.Or(p.flags.context, c.Current))
			if n == nil && p.flags.context != "" {
				return &usageError{fmt.Sprintf("there is no context %q", p.flags.context)}
			}
			if n == nil || n.Token == "" {
				_, err = fmt.Fprintln(p.stdout, "There was no token.")
				return err
			}
			n.Token = ""
			if err := p.writeConfig(c); err != nil {
				return err
			}
			_, err = fmt.Fprintf(
				p.stdout, "The token of %s is forgotten; the service accepts it until it expires.\n", n.Name,
			)
			return err
		},
	}
}

// identity is the result of whoami.
type identity struct {
	User    string `json:"user"`
	URL     string `json:"url"`
	Service string `json:"service"`
	Context string `json:"context,omitempty"`
	Auth    string `json:"auth"`
	Expires string `json:"expires,omitempty"`
}

func (p *program) whoamiCommand() *cobra.Command {
	return getting[identity]{
		use:   "whoami",
		short: "Show the user and the service, after a test call",
		get: func(ctx context.Context, s *session, _ []string) (identity, error) {
			ctx = client.WithRawResponse(ctx, new([]byte)) // the output is not a response of the service
			for _, err := range s.ListRegistries(ctx, client.List{PageSize: 1, Limit: 1}) {
				if err != nil && !errors.Is(err, client.ErrForbidden) {
					return identity{}, err
				}
			}
			id := identity{
				User:    s.account.User,
				URL:     s.account.target(),
				Service: s.place(),
				Context: s.account.Name,
				Auth:    s.account.Auth,
			}
			token, err := s.Token(ctx)
			if errors.Is(err, client.ErrNoToken) {
				return id, nil
			}
			claims := jwt.Parse(token)
			id.User = cmp.Or(claims.Subject, id.User)
			if expires := claims.Expires(); !expires.IsZero() {
				id.Expires = expires.UTC().Format(time.RFC3339)
			}
			return id, err
		},
	}.command(p)
}

func (p *program) contextCommand() *cobra.Command {
	return group("context", "Accounts and platforms of the configuration file",
		&cobra.Command{
			Use:   "list",
			Short: "List the contexts",
			Args:  cobra.NoArgs,
			RunE:  func(*cobra.Command, []string) error { return p.listContexts() },
		},
		&cobra.Command{
			Use:               "use NAME",
			Short:             "Make a context the current one",
			Args:              cobra.ExactArgs(1),
			ValidArgsFunction: p.contexts,
			RunE: func(_ *cobra.Command, args []string) error {
				return p.change(args[0], func(c *config, n *namedContext) { c.Current = n.Name })
			},
		},
		&cobra.Command{
			Use:   "add NAME",
			Short: "Add a context, or replace it, from --url or --platform, --user and --auth",
			Args:  cobra.ExactArgs(1),
			RunE:  func(_ *cobra.Command, args []string) error { return p.addContext(args[0]) },
		},
		&cobra.Command{
			Use:               "remove NAME",
			Short:             "Remove a context with its token",
			Args:              cobra.ExactArgs(1),
			ValidArgsFunction: p.contexts,
			RunE: func(_ *cobra.Command, args []string) error {
				return p.change(args[0], func(c *config, n *namedContext) {
					if c.Current == n.Name {
						c.Current = ""
					}
					c.Contexts = slices.DeleteFunc(
						c.Contexts, func(other namedContext) bool { return other.Name == args[0] },
					)
				})
			},
		},
	)
}

// shownContext is a context in a list; the JSON has no token.
type shownContext struct {
	namedContext
	Current  bool `json:"current"`
	LoggedIn bool `json:"loggedIn"`
}

func (p *program) listContexts() error {
	c, err := p.readConfig()
	if err != nil {
		return err
	}
	o, err := p.printer(shownContext{}, "name", "url", "platform", "user", "current", "loggedIn")
	if err != nil {
		return err
	}
	items := []any{}
	for _, n := range c.Contexts {
		valid := p.now().Before(jwt.Parse(n.Token).Expires())
		items = append(items, shownContext{n, n.Name == c.Current, valid})
	}
	return o.rows(items, -1)
}

// change changes an existing context.
func (p *program) change(name string, do func(*config, *namedContext)) error {
	c, err := p.readConfig()
	if err != nil {
		return err
	}
	n := c.find(name)
	if n == nil {
		return &usageError{fmt.Sprintf("there is no context %q", name)}
	}
	do(&c, n)
	return p.writeConfig(c)
}

func (p *program) addContext(name string) error {
	n := namedContext{Name: name, URL: p.flags.url, Platform: p.flags.platform, User: p.flags.user, Auth: p.flags.auth}
	if (n.URL == "") == (n.Platform == "") {
		return &usageError{"give --url or --platform"}
	}
	if n.Platform != "" && (account{namedContext: n}).target() == "" {
		return &usageError{fmt.Sprintf("platform %q is not one of %v", n.Platform, client.Platforms())}
	}
	c, err := p.readConfig()
	if err != nil {
		return err
	}
	if c.put(n); c.Current == "" {
		c.Current = name
	}
	return p.writeConfig(c)
}

// contexts completes the names of contexts.
func (p *program) contexts(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := p.readConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, n := range c.Contexts {
		names = append(names, n.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
