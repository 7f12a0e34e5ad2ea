package main

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

// completionTime is the timeout of a completion.
const completionTime = 3 * time.Second

// suggested is the largest number of ids in a completion.
const suggested = 50

// completeRegistry completes the first argument with the ids of registries.
func (p *program) completeRegistry(
	cmd *cobra.Command, args []string, _ string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list := func(ctx context.Context, s *session) iter.Seq2[api.Registry, error] {
		return s.ListRegistries(ctx, client.List{Limit: suggested})
	}
	return suggest(p, cmd, list, func(r api.Registry) cobra.Completion {
		return cobra.CompletionWithDesc(r.RegistryUUID, r.RegistryURI)
	})
}

// completeSchedule completes the first argument with the ids of registries, and the others with the
// ids of schedules.
func (p *program) completeSchedule(
	cmd *cobra.Command, args []string, typed string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return p.completeRegistry(cmd, args, typed)
	}
	list := func(ctx context.Context, s *session) iter.Seq2[api.Schedule, error] {
		return s.ListSchedules(ctx, args[0], client.List{Limit: suggested})
	}
	return suggest(p, cmd, list, func(r api.Schedule) cobra.Completion {
		return cobra.CompletionWithDesc(r.ScheduleUUID, r.Name+" "+string(r.Status))
	})
}

// suggest lists the completions from the service. It never prompts for a password: without
// credentials there are no completions.
func suggest[T any](
	p *program, cmd *cobra.Command, list func(context.Context, *session) iter.Seq2[T, error],
	completion func(T) cobra.Completion,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if p.flags.check(cmd, p.getenv) != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	p.stdin = strings.NewReader("")
	p.flags.timeout = completionTime
	s, ctx, err := p.connect(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.cancel()
	var all []cobra.Completion
	for item, err := range list(ctx, s) {
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all = append(all, completion(item))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
