package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/rules"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/registry"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Seed loads a scenario into a world, if that is empty. It reports whether it did.
func (s *Service) Seed(ctx context.Context, world string, scenario control.Scenario) (loaded bool, err error) {
	err = s.Store.Write(ctx, world, func(tx *store.Tx) error {
		if loaded, err = tx.IsEmpty(ctx); err != nil || !loaded {
			return err
		}
		return s.load(ctx, tx, scenario)
	})
	return loaded && err == nil, err
}

// Reset removes the data of all worlds and loads a scenario into one of them.
func (s *Service) Reset(ctx context.Context, world string, scenario control.Scenario) error {
	err := s.Store.Write(ctx, "", func(tx *store.Tx) error {
		worlds, err := tx.Worlds(ctx)
		if err != nil {
			return err
		}
		for _, w := range worlds {
			content := control.Scenario{}
			if w.Name == world {
				content = scenario
			}
			if err := s.reset(ctx, tx, w.Name, content); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return nil
}

// ResetWorld removes the data of a world and loads a scenario into it.
func (s *Service) ResetWorld(ctx context.Context, world string, scenario control.Scenario) error {
	return s.Store.Write(ctx, "", func(tx *store.Tx) error {
		if _, err := tx.WorldNamed(ctx, world); err != nil {
			return err
		}
		return s.reset(ctx, tx, world, scenario)
	})
}

func (s *Service) reset(ctx context.Context, tx *store.Tx, world string, scenario control.Scenario) error {
	tx, err := tx.In(ctx, world)
	if err == nil {
		err = tx.Clear(ctx)
	}
	if err == nil {
		err = s.load(ctx, tx, scenario)
	}
	return err
}

// HasState reports whether a scenario says by an exported state what a world holds.
func HasState(scenario control.Scenario) bool { return len(scenario.State.World) > 0 }

// load fills a world. The newest comes first in lists: what comes first in the scenario is the
// newest.
func (s *Service) load(ctx context.Context, tx *store.Tx, scenario control.Scenario) error {
	if HasState(scenario) {
		return loadState(ctx, tx, scenario)
	}
	for i, r := range scenario.Registries {
		if err := s.loadRegistry(ctx, tx, r, tx.Now-openapi.Millis(i)*60_000); err != nil {
			return fmt.Errorf("registry %s: %w", r.RegistryURI, err)
		}
	}
	for _, c := range scenario.Connectors.AWS {
		err := store.InsertConnector(
			ctx, tx, api.Connector{Arn: c.Arn, Name: c.Name, Description: c.Description}, registry.AccountOf(c.Arn),
		)
		if errors.Is(err, store.ErrDuplicate) {
			return rule.Errorf(openapi.DuplicateConnector, "connector %s: is there twice", c.Arn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func loadState(ctx context.Context, tx *store.Tx, scenario control.Scenario) error {
	if len(scenario.Registries) > 0 || len(scenario.Connectors.AWS) > 0 {
		return rule.Errorf("", "Give state, or registries and connectors, not both.")
	}
	return wrongFile(tx.LoadState(ctx, scenario.State))
}

// batch is how many schedules are in memory at a time while a world is filled.
const batch = 5000

func (s *Service) loadRegistry(
	ctx context.Context, tx *store.Tx, r control.ScenarioRegistry, created openapi.Millis,
) error {
	id := cmp.Or(r.RegistryUUID, call.ID(ctx, s.NewID))
	body := api.RegistryRequest{
		RegistryType:   api.RegistryType(cmp.Or(r.RegistryType, string(api.RegistryTypeV2Private))),
		RegistryURI:    r.RegistryURI,
		RegistryName:   r.RegistryName,
		CredentialType: api.CredentialTypeNone,
	}
	if !body.RegistryType.Valid() {
		return rule.Errorf("", "there is no registry type %s", r.RegistryType)
	}
	row := registry.WithRequest(
		api.RegistryDetails{RegistryUUID: id, RegistryURI: r.RegistryURI, Created: created, Updated: created},
		body,
	)
	if err := tx.InsertRegistry(ctx, row); errors.Is(err, store.ErrDuplicate) {
		return rule.Errorf(openapi.DuplicateURI, "its address or id is there twice")
	} else if err != nil {
		return err
	}
	for _, repository := range r.Repositories {
		if _, err := scan.PutRepository(ctx, tx, row, repository); err != nil {
			return err
		}
	}
	profile, err := s.Scans.Profile(ctx, tx)
	if err != nil {
		return err
	}
	number := 0
	for _, alike := range r.Schedules {
		number += max(alike.Count, 1)
	}
	// the oldest first, as if they had been created one after the other
	for i, alike := range slices.Backward(r.Schedules) {
		statuses, err := shares(alike)
		if err == nil {
			err = s.loadSchedules(ctx, tx, alike, func(n int) store.Schedule {
				number--
				sched := seeded(alike, n+1, statuses[n], created-openapi.Millis(number)*1000)
				if sched.ScheduleUUID, sched.RegistryID = alike.ScheduleUUID, id; sched.ScheduleUUID == "" {
					sched.ScheduleUUID = call.ID(ctx, s.NewID)
				}
				if alike.Live {
					sched.RunAt = registry.NextRun(sched.Schedule, tx.Now.Time())
					scan.Plan(profile, &sched)
				}
				return sched
			})
		}
		if err != nil {
			return fmt.Errorf("schedules %d: %w", i+1, err)
		}
	}
	return nil
}

// loadSchedules adds schedules that are alike, some at a time, the last first.
func (s *Service) loadSchedules(
	ctx context.Context, tx *store.Tx, alike control.ScenarioSchedules, schedule func(n int) store.Schedule,
) error {
	for left := max(alike.Count, 1); left > 0; {
		rows := make([]store.Schedule, 0, min(left, batch))
		for len(rows) < cap(rows) {
			left--
			rows = append(rows, schedule(left))
			if n := len(rows) - 1; n > 0 && slices.Equal(scan.Targets(rows[n].Filters), scan.Targets(rows[n-1].Filters)) {
				rows[n].Filters = rows[n-1].Filters // they are written once
			}
		}
		if err := tx.InsertSchedules(ctx, rows); errors.Is(err, store.ErrDuplicate) {
			return rule.Errorf("", "an id is there twice")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// shares gives each of some schedules that are alike its status: as many of each as its share says,
// mixed evenly.
func shares(alike control.ScenarioSchedules) ([]api.Status, error) {
	wanted, err := wantedStatuses(alike)
	if err != nil {
		return nil, err
	}
	total := 0
	for status, share := range wanted {
		if !slices.Contains(rules.Statuses, rules.Status(status)) {
			return nil, rule.Errorf("", "there is no status %s", status)
		}
		total += share
	}
	if total == 0 {
		return nil, rule.Errorf("", "all shares are 0")
	}
	all := make([]api.Status, max(alike.Count, 1))
	names := slices.Sorted(maps.Keys(wanted))
	owed := make([]int, len(names)) // of each, in parts of a schedule: the one that is owed most is next
	for i := range all {
		next := 0
		for n, name := range names {
			if owed[n] += wanted[name]; owed[n] > owed[next] {
				next = n
			}
		}
		owed[next] -= total
		all[i] = api.Status(names[next])
	}
	return all, nil
}

// wantedStatuses are the statuses that some schedules shall have, with their shares.
func wantedStatuses(alike control.ScenarioSchedules) (map[string]int, error) {
	switch {
	case alike.Count > 1 && alike.ScheduleUUID != "":
		return nil, rule.Errorf("", "scheduleUuid is for a single schedule")
	case alike.Live && (alike.Status != "" || len(alike.Statuses) > 0):
		return nil, rule.Errorf("", "live schedules have no status of their own")
	case alike.Status != "" && len(alike.Statuses) > 0:
		return nil, rule.Errorf("", "give status or statuses, not both")
	case len(alike.Statuses) > 0:
		return alike.Statuses, nil
	}
	status := api.Status(cmp.Or(alike.Status, string(api.StatusFinished)))
	if alike.Live {
		status = api.StatusCreated
		if alike.OnDemand != nil && !*alike.OnDemand {
			status = api.StatusBaselineCreated
		}
	}
	return map[string]int{string(status): 1}, nil
}

// seeded is a schedule of a scenario; without a due date, so that it holds its status.
func seeded(alike control.ScenarioSchedules, number int, status api.Status, created openapi.Millis) store.Schedule {
	text := func(text, absent string) string {
		return strings.ReplaceAll(cmp.Or(text, absent), "{n}", strconv.Itoa(number))
	}
	repo := text(alike.Repo, "team/app")
	s := api.Schedule{
		Name:     text(alike.Name, "scan "+repo),
		OnDemand: alike.OnDemand == nil || *alike.OnDemand,
		Status:   status,
		Created:  created,
		Updated:  created,
		Filters: []api.ScheduleFilter{
			{
				Days:     nullable.NewNullNullable[int](),
				RepoTags: []api.RepoTag{{Repo: repo, Tag: nullable.NewNullableWithValue(text(alike.Tag, ".*"))}},
			},
		},
	}
	if !s.OnDemand {
		s.Schedule = cmp.Or(alike.Schedule, "00:00")
		s.ScheduleScanIntervalInDays = cmp.Or(alike.ScheduleScanIntervalInDays, 1)
	}
	switch status {
	case api.StatusFinished, api.StatusError, api.StatusFailed, api.StatusCompleted:
		s.JobStartDate, s.JobCompletionDate = created, created
	case api.StatusRunning, api.StatusPaused:
		s.JobStartDate = created
	}
	if status == api.StatusError || status == api.StatusFailed {
		s.Errors = []api.ScheduleError{
			{ErrorCode: "REGISTRY_UNREACHABLE", ErrorMessage: "The registry did not answer."},
		}
	}
	return store.Schedule{Schedule: s, Outcome: api.StatusFinished}
}
