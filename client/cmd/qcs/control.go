package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/emulator"
)

// emulator gives a client of the control API for the world of the user.
func (s *session) emulator(ctx context.Context) (*emulator.Client, error) {
	token, err := s.Token(client.WithRawResponse(ctx, new([]byte)))
	if err != nil {
		return nil, err
	}
	return emulator.New(s.account.target(), token, &http.Client{Transport: s.exchange}), nil
}

// connectControl gives a session for the operator of the emulator: with the control token, if one
// is set, and without a login.
func (p *program) connectControl(ctx context.Context) (*session, context.Context, error) {
	token := p.getenv("QCS_CONTROL_TOKEN")
	a, err := p.resolve()
	if err != nil {
		return nil, ctx, err
	}
	a.Auth, a.Token = "token", token
	if a.Token == "" {
		a.Token = "none" // the emulator needs no token on loopback
	}
	s, ctx, err := p.open(ctx, a)
	if err == nil {
		s.control = emulator.New(a.target(), token, &http.Client{Transport: s.exchange})
	}
	return s, ctx, err
}

// controlCall makes a call of the control API and gives the value to print; nil prints nothing.
type controlCall func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error)

// give is a call without arguments that gives a value.
func give[R any](call func(*emulator.Client, context.Context) (R, error)) controlCall {
	return func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (any, error) {
		return call(c, ctx)
	}
}

// giveOf is a call with one argument that gives a value.
func giveOf[R any](call func(*emulator.Client, context.Context, string) (R, error)) controlCall {
	return func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
		return call(c, ctx, args[0])
	}
}

// do is a call without arguments that gives nothing.
func do(call func(*emulator.Client, context.Context) error) controlCall {
	return func(ctx context.Context, c *emulator.Client, _ *cobra.Command, _ []string) (any, error) {
		return nil, call(c, ctx)
	}
}

// doOn is a call with one argument that gives nothing.
func doOn(call func(*emulator.Client, context.Context, string) error) controlCall {
	return func(ctx context.Context, c *emulator.Client, _ *cobra.Command, args []string) (any, error) {
		return nil, call(c, ctx, args[0])
	}
}

// export writes the value of a call to standard output as JSON, without regard to --output.
func (p *program) export(call controlCall) controlCall {
	return func(ctx context.Context, c *emulator.Client, cmd *cobra.Command, args []string) (any, error) {
		value, err := call(ctx, c, cmd, args)
		if err == nil {
			err = json.NewEncoder(p.stdout).Encode(value)
		}
		return nil, err
	}
}

// controlling is a command of the control API.
type controlling struct {
	use, short string
	columns    []string // of a list
	worlds     bool     // the command is for the operator of the emulator
	flags      func(*cobra.Command)
	call       controlCall
}

func (c controlling) command(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: c.use, Short: c.short, Args: argsOf(c.use)}
	if c.flags != nil {
		c.flags(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		connect := p.connect
		if c.worlds {
			connect = p.connectControl
		}
		s, ctx, err := connect(cmd.Context())
		if err != nil {
			return err
		}
		defer s.cancel()
		if !c.worlds {
			if s.control, err = s.emulator(ctx); err != nil {
				return err
			}
		}
		value, err := c.call(ctx, s.control, cmd, args)
		if err != nil || value == nil {
			return err
		}
		return c.show(p, value)
	}
	return cmd
}

// control is a command of the control API without flags, for the world of the user.
func (p *program) control(use, short string, call controlCall) *cobra.Command {
	return controlling{use: use, short: short, call: call}.command(p)
}

// show prints the value of a call.
func (c controlling) show(p *program, value any) error {
	o := &printer{p, c.columns}
	if len(p.flags.columns) > 0 {
		o.columns = p.flags.columns
	}
	if len(c.columns) == 0 {
		return o.value(value, nil)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var items []any
	if err := json.Unmarshal(data, &items); err != nil {
		return err
	}
	return o.rows(items, -1)
}
