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

// Seed loads a scenario into a world if the world is empty, and reports whether it did.
func (s *Service) Seed(ctx context.Context, world string, scenario control.Scenario) (loaded bool, err error) {
	err = s.Store.Write(ctx, world, func(tx *store.Tx) error {
		if loaded, err = tx.IsEmpty(ctx); err != nil || !loaded {
			return err
		}
		return s.load(ctx, tx, scenario)
	})
	return loaded && err == nil, err
}

// Reset deletes the data of all worlds and loads a scenario into one of them.
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

// ResetWorld deletes the data of a world and loads a scenario into it.
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

// HasState reports whether a scenario has its data as an exported document.
func HasState(scenario control.Scenario) bool { return len(scenario.State.World) > 0 }

// load fills a world. Lists show the newest first, so the first in the scenario becomes the newest.
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
		row := api.Connector{Arn: c.Arn, Name: c.Name, Description: c.Description}
		err := store.InsertConnector(ctx, tx, row, registry.AccountOf(c.Arn))
		if errors.Is(err, store.ErrDuplicate) {
			return rule.Errorf(openapi.DuplicateConnector, "connector %s: is listed twice", c.Arn)
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
	return fileViolation(tx.LoadState(ctx, scenario.State))
}

// loadBatch is how many schedules of a scenario are in memory at a time.
const loadBatch = 5000

func (s *Service) loadRegistry(
	ctx context.Context, tx *store.Tx, r control.ScenarioRegistry, created openapi.Millis,
) error {
	body := api.RegistryRequest{
		RegistryType: api.RegistryType(cmp.Or(r.RegistryType, string(api.RegistryTypeV2Private))),
		RegistryURI:  r.RegistryURI, RegistryName: r.RegistryName, CredentialType: api.CredentialTypeNone,
	}
	if !body.RegistryType.Valid() {
		return rule.Errorf("", "there is no registry type %s", r.RegistryType)
	}
	row := registry.WithRequest(api.RegistryDetails{
		RegistryUUID: cmp.Or(r.RegistryUUID, call.ID(ctx, s.NewID)), RegistryURI: r.RegistryURI,
		Created: created, Updated: created,
	}, body)
	if err := tx.InsertRegistry(ctx, row); errors.Is(err, store.ErrDuplicate) {
		return rule.Errorf(openapi.DuplicateURI, "its address or id is listed twice")
	} else if err != nil {
		return err
	}
	profile, err := s.Scans.Profile(ctx, tx)
	if err != nil {
		return err
	}
	l := loader{
		service: s, tx: tx, profile: profile, registryID: row.RegistryUUID, created: created,
		generated: s.Registry.Sources.Of(row.RegistryURI) == nil,
	}
	for _, template := range r.Schedules {
		l.left += max(template.Count, 1)
	}
	for i, template := range slices.Backward(r.Schedules) { // the oldest first
		if err := l.load(ctx, template); err != nil {
			return fmt.Errorf("schedules %d: %w", i+1, err)
		}
	}
	for _, repository := range r.Repositories { // after the scans, as given totals stay
		if _, err := scan.PutRepository(ctx, tx, row, repository); err != nil {
			return err
		}
	}
	return nil
}

// loader adds the schedules of a registry, one second after the other.
type loader struct {
	service    *Service
	tx         *store.Tx
	profile    control.ScanProfile
	registryID string
	created    openapi.Millis // when the last schedule is created
	left       int            // number of schedules that are not added yet
	generated  bool           // no source lists the registry: its contents are generated
}

// load adds the schedules of a template in batches, the last first.
func (l *loader) load(ctx context.Context, template control.ScenarioSchedules) error {
	statuses, err := statusesOf(template)
	if err != nil {
		return err
	}
	lastScan := lastScan(statuses)
	for n := len(statuses); n > 0; {
		rows, scans := make([]store.Schedule, 0, min(n, loadBatch)), []store.Due(nil)
		for len(rows) < cap(rows) {
			n--
			rows = append(rows, l.schedule(ctx, template, n+1, statuses[n]))
			i := len(rows) - 1
			if i > 0 && slices.Equal(scan.Targets(rows[i].Filters), scan.Targets(rows[i-1].Filters)) {
				rows[i].Filters = rows[i-1].Filters // shared, to save memory
			}
			if l.generated && n < lastScan && endedWell(rows[i].Status) {
				s := rows[i]
				scans = append(scans, store.Due{RegistryID: l.registryID, At: s.JobCompletionDate, Filters: s.Filters})
			}
		}
		if err := l.tx.InsertSchedules(ctx, rows); errors.Is(err, store.ErrDuplicate) {
			return rule.Errorf("", "an id is listed twice")
		} else if err != nil {
			return err
		}
		if err := scan.Save(ctx, l.tx, scans, nil); err != nil {
			return err
		}
	}
	return nil
}

// maxScans is how many schedules of a template have what their scans found.
const maxScans = 100

// lastScan returns how many of the first schedules of a template include the last one that has what
// its scan found.
func lastScan(statuses []api.Status) int {
	scans := 0
	for i, status := range statuses {
		if endedWell(status) {
			scans++
		}
		if scans == maxScans {
			return i + 1
		}
	}
	return len(statuses)
}

// endedWell reports whether a schedule in a status has scanned images.
func endedWell(status api.Status) bool {
	return status == api.StatusFinished || status == api.StatusCompleted
}

// schedule returns the next schedule to add, which has a number within its template.
func (l *loader) schedule(
	ctx context.Context, template control.ScenarioSchedules, number int, status api.Status,
) store.Schedule {
	l.left--
	row := scheduleOf(template, number, status, l.created-openapi.Millis(l.left)*1000)
	row.RegistryID = l.registryID
	if row.ScheduleUUID = template.ScheduleUUID; row.ScheduleUUID == "" {
		row.ScheduleUUID = call.ID(ctx, l.service.NewID)
	}
	if template.Live {
		row.RunAt = registry.NextRun(row.Schedule, l.tx.Now.Time())
		scan.Plan(l.profile, &row)
		row.DueAt += l.tx.Now - row.Created // its life cycle begins now; Created gives its place in lists
	}
	return row
}

// statusesOf returns the status of each schedule of a template. The number of schedules with a
// status follows its share, and the statuses are mixed evenly.
func statusesOf(template control.ScenarioSchedules) ([]api.Status, error) {
	shares, err := sharesOf(template)
	if err != nil {
		return nil, err
	}
	total := 0
	for status, share := range shares {
		if !slices.Contains(rules.Statuses, rules.Status(status)) {
			return nil, rule.Errorf("", "there is no status %s", status)
		}
		total += share
	}
	if total == 0 {
		return nil, rule.Errorf("", "all shares are 0")
	}
	all := make([]api.Status, max(template.Count, 1))
	names := slices.Sorted(maps.Keys(shares))
	missing := make([]int, len(names)) // how much of its share each status lacks; the status with the largest is next
	for i := range all {
		next := 0
		for n, name := range names {
			if missing[n] += shares[name]; missing[n] > missing[next] {
				next = n
			}
		}
		missing[next] -= total
		all[i] = api.Status(names[next])
	}
	return all, nil
}

// sharesOf returns the statuses of the schedules of a template with their shares.
func sharesOf(template control.ScenarioSchedules) (map[string]int, error) {
	switch {
	case template.Count > 1 && template.ScheduleUUID != "":
		return nil, rule.Errorf("", "scheduleUuid is for a single schedule")
	case template.Live && (template.Status != "" || len(template.Statuses) > 0):
		return nil, rule.Errorf("", "live schedules have no status of their own")
	case template.Status != "" && len(template.Statuses) > 0:
		return nil, rule.Errorf("", "give status or statuses, not both")
	case len(template.Statuses) > 0:
		return template.Statuses, nil
	}
	status := api.Status(cmp.Or(template.Status, string(api.StatusFinished)))
	if template.Live {
		status = api.StatusCreated
		if template.OnDemand != nil && !*template.OnDemand {
			status = api.StatusBaselineCreated
		}
	}
	return map[string]int{string(status): 1}, nil
}

// scheduleOf returns a schedule of a template. It is never due, so that it keeps its status.
func scheduleOf(
	template control.ScenarioSchedules, number int, status api.Status, created openapi.Millis,
) store.Schedule {
	text := func(text, absent string) string {
		return strings.ReplaceAll(cmp.Or(text, absent), "{n}", strconv.Itoa(number))
	}
	repo := text(template.Repo, "team/app")
	s := api.Schedule{
		Name:     text(template.Name, "scan "+repo),
		OnDemand: template.OnDemand == nil || *template.OnDemand,
		Status:   status, Created: created, Updated: created,
		Filters: []api.ScheduleFilter{{
			Days:     nullable.NewNullNullable[int](),
			RepoTags: []api.RepoTag{{Repo: repo, Tag: nullable.NewNullableWithValue(text(template.Tag, ".*"))}},
		}},
	}
	if !s.OnDemand {
		s.Schedule = cmp.Or(template.Schedule, "00:00")
		s.ScheduleScanIntervalInDays = cmp.Or(template.ScheduleScanIntervalInDays, 1)
	}
	switch status {
	case api.StatusFinished, api.StatusError, api.StatusFailed, api.StatusCompleted:
		s.JobStartDate, s.JobCompletionDate = created, created
	case api.StatusRunning, api.StatusPaused:
		s.JobStartDate = created
	}
	if status == api.StatusError || status == api.StatusFailed {
		s.Errors = []api.ScheduleError{{
			ErrorCode: "REGISTRY_UNREACHABLE", ErrorMessage: "The registry did not answer.",
		}}
	}
	return store.Schedule{Schedule: s, Outcome: api.StatusFinished}
}
