package main

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"
	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

// scheduleColumns are those of a table of schedules.
var scheduleColumns = []string{"scheduleUuid", "name", "status", "onDemand", "schedule", "filters", "updated"}

func (p *program) scheduleCommand() *cobra.Command {
	return group(
		"schedule",
		"Scan schedules of a registry",
		listing[api.Schedule]{
			use:      "list REGISTRY",
			short:    "List the schedules of a registry",
			columns:  scheduleColumns,
			complete: completeRegistry,
			list:     listOf((*client.Client).ListSchedules),
		}.command(p),
		writing[api.ScheduleRequest, api.ScheduleReference]{
			use:      "create REGISTRY",
			short:    "Add a schedule to a registry",
			fields:   scheduleFields,
			complete: completeRegistry,
			call: func(
				ctx context.Context, s *session, args []string, r api.ScheduleRequest,
			) (api.ScheduleReference, error) {
				id, err := s.CreateSchedule(ctx, args[0], r)
				return api.ScheduleReference{ScheduleUUID: id}, err
			},
		}.command(p),
		writing[api.ScheduleRequest, api.ScheduleReference]{
			use: "update REGISTRY SCHEDULE",
			short: "Change the timing and the name of an automatic schedule; repositories, tags and days " +
				"must be sent as they are",
			fields:   scheduleFields,
			complete: completeSchedule,
			call: func(
				ctx context.Context, s *session, args []string, r api.ScheduleRequest,
			) (api.ScheduleReference, error) {
				return api.ScheduleReference{ScheduleUUID: args[1]}, s.UpdateSchedule(ctx, args[0], args[1], r)
			},
		}.command(p),
		bulkCommand{
			verb: "cancel",
			done: "canceled",
			acts: client.Cancelable(),
			call: (*client.Client).CancelSchedules,
		}.command(p),
		bulkCommand{
			verb: "delete",
			done: "deleted",
			acts: client.Deletable(),
			call: (*client.Client).DeleteSchedules,
		}.command(p),
		p.watchCommand(),
	)
}

// scheduleFields are the fields of a schedule.
var scheduleFields = []field[api.ScheduleRequest]{
	put("name", "name", func(r *api.ScheduleRequest) *string { return &r.Name }),
	put(
		"at", "time of day of an automatic schedule, HH:MM in UTC",
		func(r *api.ScheduleRequest) *string { return &r.Schedule },
	),
	put(
		"week-day", "day of a weekly schedule, such as MONDAY",
		func(r *api.ScheduleRequest) *string { return (*string)(&r.WeekDay) },
	),
	{
		name:  "every",
		usage: "interval of an automatic schedule in days",
		set: func(_ *program, r *api.ScheduleRequest, value string) (err error) {
			if r.ScheduleScanIntervalInDays, err = strconv.Atoi(value); err != nil {
				err = &usageError{fmt.Sprintf("every: %q is not a number of days", value)}
			}
			return err
		},
	},
	{
		name:  "on-demand",
		usage: "scan once, now",
		sw:    true,
		set: func(_ *program, r *api.ScheduleRequest, value string) error {
			return setBool(&r.OnDemand, "on-demand", value)
		},
	},
	{
		name:  "force",
		usage: "scan images again that are known",
		sw:    true,
		set: func(_ *program, r *api.ScheduleRequest, value string) error {
			return setBool(&r.ForceScan, "force", value)
		},
	},
	{
		name:  "repo",
		usage: "repositories, with tags after a colon: team/app,team/db:1.*",
		set: func(_ *program, r *api.ScheduleRequest, value string) error {
			r.Filters = []api.ScheduleFilter{{}}
			for item := range strings.SplitSeq(value, ",") {
				repo, tag, tagged := strings.Cut(item, ":")
				t := api.RepoTag{Repo: repo}
				if tagged {
					t.Tag = nullable.NewNullableWithValue(tag)
				}
				r.Filters[0].RepoTags = append(r.Filters[0].RepoTags, t)
			}
			return nil
		},
	},
}

func setBool(to **bool, name, value string) error {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return &usageError{fmt.Sprintf("%s: %q is neither true nor false", name, value)}
	}
	*to = &b
	return nil
}

// completeRegistry gives the ids of registries for the first argument.
func completeRegistry(p *program) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return suggest(p, cmd, func(ctx context.Context, s *session) iter.Seq2[cobra.Completion, error] {
			return func(yield func(cobra.Completion, error) bool) {
				for r, err := range s.ListRegistries(ctx, client.List{Limit: suggested}) {
					if !yield(cobra.CompletionWithDesc(r.RegistryUUID, r.RegistryURI), err) {
						return
					}
				}
			}
		})
	}
}

// completeSchedule gives the ids of registries for the first argument and those of its schedules
// for the others.
func completeSchedule(p *program) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return completeRegistry(p)(cmd, args, typed)
		}
		return suggest(p, cmd, func(ctx context.Context, s *session) iter.Seq2[cobra.Completion, error] {
			return func(yield func(cobra.Completion, error) bool) {
				for r, err := range s.ListSchedules(ctx, args[0], client.List{Limit: suggested}) {
					if !yield(cobra.CompletionWithDesc(r.ScheduleUUID, r.Name+" "+string(r.Status)), err) {
						return
					}
				}
			}
		})
	}
}

// completionTime is how long a shell is kept waiting.
const completionTime = 3 * time.Second

// suggested is how many ids a shell is given.
const suggested = 50

// suggest asks the service for what a shell could complete. It never asks the user: without
// credentials at hand there are no suggestions.
func suggest(
	p *program, cmd *cobra.Command, list func(context.Context, *session) iter.Seq2[cobra.Completion, error],
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
	for c, err := range list(ctx, s) {
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all = append(all, c)
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
