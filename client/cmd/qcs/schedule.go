package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/oapi-codegen/nullable"
	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

func (p *program) scheduleCommand() *cobra.Command {
	return group("schedule", "Scan schedules of a registry",
		listing[api.Schedule]{
			use:      "list REGISTRY",
			short:    "List the schedules of a registry",
			columns:  []string{"scheduleUuid", "name", "status", "onDemand", "schedule", "filters", "updated"},
			complete: p.completeRegistry,
			list:     listOf((*client.Client).ListSchedules),
		}.command(p),
		writing[api.ScheduleRequest, api.ScheduleReference]{
			use:      "create REGISTRY",
			short:    "Add a schedule to a registry",
			fields:   scheduleFields,
			complete: p.completeRegistry,
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
				"cannot be changed, but must be sent",
			fields:   scheduleFields,
			complete: p.completeSchedule,
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

// scheduleFields are the flags for the fields of a schedule.
func scheduleFields(r *api.ScheduleRequest) []field {
	return []field{
		put("name", "name", &r.Name),
		put("at", "time of day of an automatic schedule, HH:MM in UTC", &r.Schedule),
		put("week-day", "day of a weekly schedule, such as MONDAY", &r.WeekDay),
		{
			name:  "every",
			usage: "interval of an automatic schedule in days",
			set: func(_ *program, value string) (err error) {
				if r.ScheduleScanIntervalInDays, err = strconv.Atoi(value); err != nil {
					err = &usageError{fmt.Sprintf("every: %q is not a number of days", value)}
				}
				return err
			},
		},
		putBool("on-demand", "scan once, now", &r.OnDemand),
		putBool("force", "scan images again even if they were scanned before", &r.ForceScan),
		{
			name:  "repo",
			usage: "repositories, with tags after a colon: team/app,team/db:1.*",
			set: func(_ *program, value string) error {
				r.Filters = []api.ScheduleFilter{{RepoTags: repoTags(value)}}
				return nil
			},
		},
	}
}

// repoTags reads repositories, with tags after a colon, from a list with commas.
func repoTags(list string) (all []api.RepoTag) {
	for item := range strings.SplitSeq(list, ",") {
		repo, tag, tagged := strings.Cut(item, ":")
		t := api.RepoTag{Repo: repo}
		if tagged {
			t.Tag = nullable.NewNullableWithValue(tag)
		}
		all = append(all, t)
	}
	return all
}
