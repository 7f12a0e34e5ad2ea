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
		Short:             "Show each change of state of schedules, until none is on its way any more",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeSchedule(p),
		RunE: func(cmd *cobra.Command, args []string) error {
			if interval <= 0 {
				return &usageError{"interval must be more than 0"}
			}
			s, ctx, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s.cancel()
			return p.watch(ctx, s, args, interval)
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", 5*time.Second, "how often to look")
	return cmd
}

func (p *program) watch(ctx context.Context, s *session, args []string, interval time.Duration) error {
	query := client.List{PageSize: maxPageSize}
	args = append(args[:1:1], slices.Compact(slices.Sorted(slices.Values(args[1:])))...)
	if ids := args[1:]; len(ids) > 0 {
		query.Filter = qql.In("scheduleUuid", ids...).String()
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for seen := map[string]api.Status{}; ; {
		open := 0
		for schedule, err := range s.ListSchedules(ctx, args[0], query) {
			if err != nil {
				return err
			}
			if !slices.Contains(rules.Terminal, rules.Status(schedule.Status)) {
				open++
			}
			if seen[schedule.ScheduleUUID] != schedule.Status {
				seen[schedule.ScheduleUUID] = schedule.Status
				if _, err := fmt.Fprintln(
					p.stdout, schedule.ScheduleUUID, schedule.Status, text(schedule.Name),
				); err != nil {
					return err
				}
			}
		}
		if len(seen) < len(args)-1 {
			return fmt.Errorf(
				"%w: %d of %d schedules are not there", client.ErrNotFound, len(args)-1-len(seen), len(args)-1,
			)
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
