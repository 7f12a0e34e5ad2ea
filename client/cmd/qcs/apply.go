package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// desired is the content of a file for apply: registries, each with schedules. The address
// identifies a registry, and the name a schedule.
type desired struct {
	Registries []struct {
		api.RegistryRequest
		Schedules []api.ScheduleRequest `json:"schedules"`
	} `json:"registries"`
}

// step is one change of a plan.
type step struct {
	text string
	do   func(ctx context.Context) error
}

func (p *program) applyCommand() *cobra.Command {
	var file string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create and update registries and schedules from a file, after showing the changes",
		Long: "The file (YAML or JSON) has registries, with the fields of the API and a list of schedules each:\n\n" +
			"  registries:\n    - registryUri: https://registry.example.com\n      registryType: V2_PRIVATE\n" +
			"      credentialType: None\n      schedules:\n        - name: nightly\n          onDemand: false\n" +
			"          schedule: \"19:30\"\n          filters: [{repoTags: [{repo: team/app}]}]\n\n" +
			"Registries are matched by address, schedules by name. What is not in the file, or is already " +
			"as in the file, is not changed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" || p.flags.curl {
				return &usageError{"give -f FILE; what it does is not one call, so there is no --curl"}
			}
			var w desired
			if err := p.readBody(file, &w); err != nil {
				return err
			}
			return p.inSession(cmd, func(ctx context.Context, s *session) error {
				plan, err := s.plan(ctx, w)
				if err != nil {
					return err
				}
				p.showPlan(s, plan)
				if dryRun || len(plan) == 0 {
					return nil
				}
				if err := p.confirm(ctx, "Apply", yes); err != nil {
					return err
				}
				return execute(ctx, plan)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file; - for standard input")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for a confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the changes, and make none")
	return cmd
}

// plan lists the changes that make the service match a file.
func (s *session) plan(ctx context.Context, w desired) ([]step, error) {
	var plan []step
	planned := map[string]bool{}
	for _, r := range w.Registries {
		names := []string{"registry " + r.RegistryURI}
		for _, schedule := range r.Schedules {
			names = append(names, scheduleName(schedule, r.RegistryRequest))
		}
		for _, name := range names {
			if planned[name] {
				return nil, &usageError{"the " + name + " is in the file twice"}
			}
			planned[name] = true
		}
		steps, err := s.planRegistry(ctx, r.RegistryRequest, r.Schedules)
		if err != nil {
			return nil, err
		}
		plan = append(plan, steps...)
	}
	return plan, nil
}

// scheduleName names a schedule in plans and errors.
func scheduleName(schedule api.ScheduleRequest, of api.RegistryRequest) string {
	return fmt.Sprintf("schedule %s of %s", schedule.Name, of.RegistryURI)
}

// showPlan prints the changes of a plan and the target service.
func (p *program) showPlan(s *session, plan []step) {
	for _, step := range plan {
		fmt.Fprintln(p.stdout, step.text)
	}
	if s.exchange.answered { // false for an empty file
		fmt.Fprintf(p.stderr, "%d changes at %s.\n", len(plan), s.where())
	}
}

// execute makes the changes of a plan in order. It stops at the first that fails.
func execute(ctx context.Context, plan []step) error {
	for i, step := range plan {
		if err := step.do(ctx); err != nil {
			if i > 0 {
				return &partialError{
					fmt.Sprintf("%d of %d changes were made, then %s: %s", i, len(plan), step.text, line(err)),
				}
			}
			return fmt.Errorf("%s: %w", step.text, err)
		}
	}
	return nil
}

// planRegistry compares a registry and its schedules in a file with those of the service.
func (s *session) planRegistry(
	ctx context.Context, r api.RegistryRequest, schedules []api.ScheduleRequest,
) ([]step, error) {
	current, err := s.registryAt(ctx, r)
	if err != nil {
		return nil, err
	}
	id := current.RegistryUUID
	var plan []step
	if id != "" && r.RegistryName != "" && current.RegistryName != r.RegistryName {
		plan = append(plan, step{"~ registry " + r.RegistryURI, func(ctx context.Context) error {
			return s.UpdateRegistry(ctx, id, r)
		}})
	}
	existing, err := s.schedulesByName(ctx, id)
	if err != nil {
		return nil, err
	}
	if id == "" {
		plan = append(plan, step{"+ registry " + r.RegistryURI, func(ctx context.Context) (err error) {
			if id, err = s.CreateRegistry(ctx, r); err == nil && id == "" {
				err = errors.New("the service did not say the id of the registry")
			}
			return err
		}})
	}
	for _, want := range schedules {
		current, exists := existing[want.Name]
		name := scheduleName(want, r)
		if err := checkSchedule(current, exists, want); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		switch {
		case !exists:
			plan = append(plan, step{"+ " + name, func(ctx context.Context) error {
				_, err := s.CreateSchedule(ctx, id, want)
				return err
			}})
		case differs(current, want):
			plan = append(plan, step{"~ " + name, func(ctx context.Context) error {
				return s.UpdateSchedule(ctx, id, current.ScheduleUUID, want)
			}})
		}
	}
	return plan, nil
}

// registryAt finds the registry with the address of one in a file. The result has no id when the
// service has no such registry.
func (s *session) registryAt(ctx context.Context, r api.RegistryRequest) (current api.Registry, err error) {
	if r.RegistryURI == "" {
		return current, &usageError{"a registry in the file has no registryUri"}
	}
	list := client.List{Filter: qql.Exactly("registryUri", r.RegistryURI).String()}
	for found, err := range s.ListRegistries(ctx, list) {
		if err != nil {
			return current, err
		}
		current = found
	}
	if r.RegistryType != "" && current.RegistryType != "" && r.RegistryType != current.RegistryType {
		err = fmt.Errorf(
			"%w: registry %s is of the type %s, which cannot be changed", client.ErrInvalid, r.RegistryURI,
			current.RegistryType,
		)
	}
	return current, err
}

// schedulesByName gives the schedules of a registry by name. Of schedules with the same name it
// gives the newest. A registry without an id does not exist yet and has no schedules.
func (s *session) schedulesByName(ctx context.Context, registryID string) (map[string]api.Schedule, error) {
	all := map[string]api.Schedule{}
	if registryID == "" {
		return all, nil
	}
	for found, err := range s.ListSchedules(ctx, registryID, client.List{PageSize: maxPageSize, Sort: "created:asc"}) {
		if err != nil {
			return nil, err
		}
		all[found.Name] = found
	}
	return all, nil
}

// checkSchedule refuses a schedule in a file that no call can create or update.
func checkSchedule(current api.Schedule, exists bool, want api.ScheduleRequest) error {
	var what string
	switch {
	case want.Name == "":
		return &usageError{"it has no name in the file"}
	case !exists:
		return nil
	case !reflect.DeepEqual(selections(current.Filters), selections(want.Filters)):
		what = "it selects other images, which"
	case want.OnDemand != nil && *want.OnDemand != current.OnDemand:
		what = "whether it is on demand"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s cannot be updated: delete it, or take another name", client.ErrInvalid, what)
}

// selections lists repository, tag and days of filters. Null and absent values are equal.
func selections(filters []api.ScheduleFilter) (all [][3]any) {
	for _, f := range filters {
		days, _ := f.Days.Get()
		for _, t := range f.RepoTags {
			tag, _ := t.Tag.Get()
			all = append(all, [3]any{t.Repo, tag, days})
		}
	}
	return all
}

// differs reports whether an automatic schedule differs from the values in a file.
func differs(current api.Schedule, want api.ScheduleRequest) bool {
	if current.OnDemand {
		return false // an on-demand schedule runs once and cannot be updated
	}
	return want.Schedule != "" && want.Schedule != current.Schedule ||
		want.ScheduleScanIntervalInDays != 0 &&
			want.ScheduleScanIntervalInDays != current.ScheduleScanIntervalInDays ||
		want.WeekDay != "" && want.WeekDay != current.WeekDay ||
		want.ForceScan != nil && *want.ForceScan != current.ForceScan
}
