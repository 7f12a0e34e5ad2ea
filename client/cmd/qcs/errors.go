package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
)

// The exit codes.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2
	exitAuth        = 3
	exitNotFound    = 4
	exitConflict    = 5
	exitInvalid     = 6
	exitPartial     = 7
	exitRateLimited = 8
	exitInterrupted = 130
)

// usageError is an error in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// errPrinted ends a command without an error message.
var errPrinted = errors.New("printed")

// partialError says that a command changed only a part of its selection.
type partialError struct{ text string }

func (e *partialError) Error() string { return e.text }

// errNoLogin says that a call has no credentials.
var errNoLogin = errors.New("not logged in")

// outcomes is the one table from errors to exit codes and to hints for the user. The first match
// counts.
var outcomes = []struct {
	match func(error) bool
	code  int
	next  string
}{
	{is(errPrinted), exitOK, ""},
	{as[*usageError], exitUsage, `see "%s --help"`},
	{as[*partialError], exitPartial, ""},
	{is(context.Canceled), exitInterrupted, ""},
	{is(errNoLogin), exitAuth, `run "qcs login", or set QCS_TOKEN`},
	{is(client.ErrUnauthorized), exitAuth, `run "qcs login"`},
	{is(client.ErrForbidden), exitAuth, "ask for the permission"},
	{is(client.ErrNotFound), exitNotFound, `see what there is with "list"`},
	{limited, exitRateLimited, "try again later"},
	{is(client.ErrConflict), exitConflict, ""},
	{is(client.ErrInvalid), exitInvalid, ""},
	{is(client.ErrNotWaitable), exitOther, `only the emulator can be asked for jobs: look at "qcs schedule list"`},
	{unreachable, exitOther, "is the address right, and the service running? (--url, --platform)"},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// limited reports whether an error is a rate limit, with status 429 or in the classic form with
// 409.
func limited(err error) bool {
	var refused *client.Error
	return errors.Is(err, client.ErrRateLimited) ||
		errors.As(err, &refused) && errors.Is(err, client.ErrConflict) && refused.RetryAfter > 0
}

func unreachable(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "dial"
}

// report prints an error and a hint in one line, and gives the exit code.
func (p *program) report(ctx context.Context, cmd *cobra.Command, err error) int {
	if err == nil {
		return exitOK
	}
	if partial := (*partialError)(nil); ctx.Err() != nil && !errors.As(err, &partial) {
		err = ctx.Err()
	}
	code, next := exitOther, ""
	for _, o := range outcomes {
		if o.match(err) {
			code, next = o.code, o.next
			break
		}
	}
	switch {
	case code == exitOK:
		return code
	case ctx.Err() != nil:
		code = exitInterrupted
	case p.flags.timeout > 0 && errors.Is(err, context.DeadlineExceeded):
		next = "it took longer than --timeout"
	}
	text := line(err)
	if strings.Contains(next, "%s") {
		next = fmt.Sprintf(next, cmd.CommandPath())
	}
	var refused *client.Error
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		next = fmt.Sprintf("try again in %v", refused.RetryAfter)
	}
	if next != "" {
		text += "; " + next
	}
	fmt.Fprintln(p.stderr, "qcs:", text)
	return code
}

// line gives the text of an error in one line.
func line(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return strings.Join(strings.Fields(strings.Map(harmless, err.Error())), " ")
}
