package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
)

// field is a flag that sets a field of a body.
type field struct {
	name, usage string
	set         func(p *program, value string) error
	toggle      bool // the flag without a value means true
}

// put is a flag that sets a string.
func put[S ~string](name, usage string, to *S) field {
	return field{name: name, usage: usage, set: func(_ *program, value string) error {
		*to = S(value)
		return nil
	}}
}

// putBool is a flag that sets a bool.
func putBool(name, usage string, to **bool) field {
	return field{name: name, usage: usage, toggle: true, set: func(_ *program, value string) error {
		b, err := strconv.ParseBool(value)
		if err != nil {
			return &usageError{fmt.Sprintf("%s: %q is neither true nor false", name, value)}
		}
		*to = &b
		return nil
	}}
}

// putSecret is a flag with the path of a file, which sets a string to the content of the file.
func putSecret(name, usage string, to *string) field {
	return field{name: name, usage: usage, set: func(p *program, path string) (err error) {
		*to, err = p.secretFile(path)
		return err
	}}
}

// writeCall sends a body T and gives the value to print; args are the ids before the body.
type writeCall[T, R any] func(ctx context.Context, s *session, args []string, body T) (R, error)

// create is a call of the SDK that gives the id of a new thing; reference makes the value to print.
func create[T, R any](
	call func(*client.Client, context.Context, T) (string, error), reference func(id string) R,
) writeCall[T, R] {
	return func(ctx context.Context, s *session, _ []string, body T) (R, error) {
		id, err := call(s.Client, ctx, body)
		return reference(id), err
	}
}

// update is a call of the SDK that replaces the thing with an id.
func update[T, R any](
	call func(*client.Client, context.Context, string, T) error, reference func(id string) R,
) writeCall[T, R] {
	return func(ctx context.Context, s *session, args []string, body T) (R, error) {
		return reference(args[0]), call(s.Client, ctx, args[0], body)
	}
}

// writing is a command that sends a body T from a file and from flags, and prints an R. Flags win.
type writing[T, R any] struct {
	use, short string
	fields     func(body *T) []field // the flags that set fields of a body; nil for none
	call       writeCall[T, R]
	complete   cobra.CompletionFunc
}

func (w writing[T, R]) command(p *program) *cobra.Command {
	if w.fields == nil {
		w.fields = func(*T) []field { return nil }
	}
	cmd := &cobra.Command{Use: w.use, Short: w.short, Args: argsOf(w.use), ValidArgsFunction: w.complete}
	f := cmd.Flags()
	f.StringP(
		"file", "f", "",
		"file with the body (JSON or YAML, with the fields of the API); - for standard input; flags override it",
	)
	for _, field := range w.fields(new(T)) {
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
	fields := w.fields(&body)
	for _, field := range fields {
		if f := cmd.Flag(field.name); f.Changed {
			if err := field.set(p, f.Value.String()); err != nil {
				return body, err
			}
			given = true
		}
	}
	if !given {
		return body, &usageError{"say what is wanted: -f FILE" + map[bool]string{true: ", or flags"}[len(fields) > 0]}
	}
	return body, nil
}
