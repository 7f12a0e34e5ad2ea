package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

// field is a flag that sets a field of a body.
type field[T any] struct {
	name, usage string
	set         func(p *program, body *T, value string) error
	toggle      bool // the flag without a value means true
}

// put is a flag that sets a string.
func put[T any](name, usage string, to func(*T) *string) field[T] {
	return field[T]{name: name, usage: usage, set: func(_ *program, body *T, value string) error {
		*to(body) = value
		return nil
	}}
}

// putBool is a flag that sets a bool.
func putBool[T any](name, usage string, to func(*T) **bool) field[T] {
	return field[T]{name: name, usage: usage, toggle: true, set: func(_ *program, body *T, value string) error {
		b, err := strconv.ParseBool(value)
		if err != nil {
			return &usageError{fmt.Sprintf("%s: %q is neither true nor false", name, value)}
		}
		*to(body) = &b
		return nil
	}}
}

// putSecret is a flag with the path of a file, which sets a string to the content of the file.
func putSecret[T any](name, usage string, to func(*T) *string) field[T] {
	return field[T]{name: name, usage: usage, set: func(p *program, body *T, path string) (err error) {
		*to(body), err = p.secretFile(path)
		return err
	}}
}

// writing is a command that sends a body T from a file and from flags, and prints an R. Flags win.
type writing[T, R any] struct {
	use, short string
	fields     []field[T]
	call       func(ctx context.Context, s *session, args []string, body T) (R, error)
	complete   cobra.CompletionFunc
}

func (w writing[T, R]) command(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: w.use, Short: w.short, Args: argsOf(w.use), ValidArgsFunction: w.complete}
	f := cmd.Flags()
	f.StringP(
		"file", "f", "",
		"file with the body (JSON or YAML, with the fields of the API); - for standard input; flags win over it",
	)
	for _, field := range w.fields {
		f.String(field.name, "", field.usage)
		if field.toggle {
			f.Lookup(field.name).NoOptDefVal = "true"
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := w.body(p, cmd)
		if err != nil {
			return err
		}
		return show(p, cmd, func(ctx context.Context, s *session) (R, error) { return w.call(ctx, s, args, body) })
	}
	return cmd
}

// body reads the body from the file, and sets the fields of the flags.
func (w writing[T, R]) body(p *program, cmd *cobra.Command) (body T, err error) {
	given := false
	if path := cmd.Flag("file").Value.String(); path != "" {
		if err := p.readBody(path, &body); err != nil {
			return body, err
		}
		given = true
	}
	for _, field := range w.fields {
		if f := cmd.Flag(field.name); f.Changed {
			if err := field.set(p, &body, f.Value.String()); err != nil {
				return body, err
			}
			given = true
		}
	}
	if !given {
		return body, &usageError{"say what is wanted: -f FILE" + map[bool]string{true: ", or flags"}[len(w.fields) > 0]}
	}
	return body, nil
}
