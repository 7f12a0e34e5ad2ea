package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/rules"
)

func (p *program) watchCommand() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:               "watch REGISTRY [SCHEDULE...]",
		Short:             "Print each change of status of schedules, until all are in a final status",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.completeSchedule,
		RunE: func(cmd *cobra.Command, args []string) error {
			if interval <= 0 {
				return &usageError{"interval must be more than 0"}
			}
			return p.inSession(cmd, func(ctx context.Context, s *session) error {
				return p.watch(ctx, s, args, interval)
			})
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", 5*time.Second, "time between two calls")
	return cmd
}

// watch prints each change of the status of schedules until all are in a terminal status.
func (p *program) watch(ctx context.Context, s *session, args []string, interval time.Duration) error {
	registry, ids := args[0], unique(args[1:])
	query := client.List{PageSize: maxPageSize}
	if len(ids) > 0 {
		query.Filter = qql.In("scheduleUuid", ids...).String()
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for latest := map[string]api.Status{}; ; {
		open := 0
		for schedule, err := range s.ListSchedules(ctx, registry, query) {
			if err != nil {
				return err
			}
			if !slices.Contains(rules.Terminal, rules.Status(schedule.Status)) {
				open++
			}
			if latest[schedule.ScheduleUUID] != schedule.Status {
				latest[schedule.ScheduleUUID] = schedule.Status
				_, err := fmt.Fprintln(p.stdout, schedule.ScheduleUUID, schedule.Status, text(schedule.Name))
				if err != nil {
					return err
				}
			}
		}
		if n := len(ids); len(latest) < n {
			return fmt.Errorf("%w: %d of %d schedules are not there", client.ErrNotFound, n-len(latest), n)
		}
		if open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
