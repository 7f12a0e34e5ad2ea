package registry

import (
	"context"
	"fmt"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Seeds are the names that Seed takes.
var Seeds = []string{"release-notes"}

// seedSchedule is a schedule of a seed: its id, its status and its repository.
type seedSchedule struct {
	id     string
	status api.Status
	repo   string
}

// seedRegistry is a registry of a seed.
type seedRegistry struct {
	id, uri      string
	repositories []string
	schedules    []seedSchedule
}

// The two ids of release notes 1.15 that are no UUIDs are not the same: one is canceled in, the other deleted in.
const (
	cancelSampleRegistry = "eale91f1-2686-45af-827f-2ec9ee4"
	deleteSampleRegistry = "eale91f1-2686-45af-827f-2a2ec9ee4"
)

// releaseNotes holds all that the sample calls of release notes 1.12 and 1.15 name, so that each of them finds something to work on.
var releaseNotes = []seedRegistry{
	{
		id: "0a1d9b9a-3bab-42ec-a894-4d5969a47616", uri: "https://registry.example.com", repositories: []string{"team/app", "team/db"},
		schedules: []seedSchedule{
			{"0a1d9b9a-3bab-42ec-a894-4d5969a47616", api.StatusRunning, "team/app"},
			{"f677b189-8b54-46ba-9d24-624b7e98767d", api.StatusFinished, "team/app"},
			{"5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a01", api.StatusRunning, "team/db"},
			{"5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a02", api.StatusQueued, "team/app"},
			{"5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a03", api.StatusFinished, "team/db"},
			{"5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a04", api.StatusCanceled, "team/app"},
			{"5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a05", api.StatusError, "team/db"},
			{"5d0b6d5a-35a7-4a04-8f0e-4f1a8f0c7a06", api.StatusUnknown, "team/app"},
		},
	},
	{
		id: cancelSampleRegistry, uri: "https://cancel.example.com", repositories: []string{"base/image"},
		schedules: []seedSchedule{
			{"6e1c7e6b-46b8-4b15-9f1f-5a2b9f1d8b01", api.StatusRunning, "base/image"},
			{"6e1c7e6b-46b8-4b15-9f1f-5a2b9f1d8b02", api.StatusPaused, "base/image"},
			{"6e1c7e6b-46b8-4b15-9f1f-5a2b9f1d8b03", api.StatusFinished, "base/image"},
		},
	},
	{
		id: deleteSampleRegistry, uri: "https://delete.example.com", repositories: []string{"base/image"},
		schedules: []seedSchedule{
			{"7f2d8f7c-57c9-4c26-8a2a-6b3caa2e9c01", api.StatusFinished, "base/image"},
			{"7f2d8f7c-57c9-4c26-8a2a-6b3caa2e9c02", api.StatusCanceled, "base/image"},
			{"7f2d8f7c-57c9-4c26-8a2a-6b3caa2e9c03", api.StatusRunning, "base/image"},
		},
	},
	{
		id: "8b261e4e-47f3-3b6a-a5a7-668ff0d6e3eb", uri: "https://one.example.com",
		schedules: []seedSchedule{{"8a3e9a8d-68da-4d37-9b3b-7c4dbb3fad01", api.StatusFinished, "web"}},
	},
	{
		id: "9b251e3e-52f3-2b6a-a6a7-678ff0d5e2eb", uri: "https://two.example.com",
		schedules: []seedSchedule{{"8a3e9a8d-68da-4d37-9b3b-7c4dbb3fad02", api.StatusFinished, "web"}},
	},
	{id: "95b715e0-0fc7-4dac-b4de-2e1b92fc527d", uri: "https://three.example.com"},
}

// Seed loads a named seed into a world, if that holds no registry. It reports whether it did. Seeded schedules hold their status until they are touched.
func (s *Service) Seed(ctx context.Context, world, name string) (loaded bool, err error) {
	err = s.store.Write(ctx, world, func(tx *store.Tx) error {
		if loaded, err = tx.IsEmpty(ctx); err != nil || !loaded {
			return err
		}
		return load(ctx, tx, name)
	})
	return loaded && err == nil, err
}

// Reset removes the data of all worlds and loads a seed, if one is named, into one of them.
func (s *Service) Reset(ctx context.Context, world, name string) error {
	err := s.store.Write(ctx, "", func(tx *store.Tx) error {
		worlds, err := tx.Worlds(ctx)
		if err != nil {
			return err
		}
		for _, w := range worlds {
			seed := ""
			if w.Name == world {
				seed = name
			}
			if err := reset(ctx, tx, w.Name, seed); err != nil {
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

// ResetWorld removes the data of a world and loads a seed into it, if one is named.
func (s *Service) ResetWorld(ctx context.Context, world, seed string) error {
	return s.store.Write(ctx, "", func(tx *store.Tx) error {
		if _, err := tx.WorldNamed(ctx, world); err != nil {
			return err
		}
		return reset(ctx, tx, world, seed)
	})
}

func reset(ctx context.Context, tx *store.Tx, world, seed string) error {
	tx, err := tx.In(ctx, world)
	if err != nil {
		return err
	}
	if err := tx.Clear(ctx); err != nil || seed == "" {
		return err
	}
	return load(ctx, tx, seed)
}

func load(ctx context.Context, tx *store.Tx, name string) error {
	if name != Seeds[0] {
		return broken("", "seed %q: not one of %q", name, Seeds)
	}
	for i, r := range releaseNotes {
		// The newest comes first in lists: keep the order of the table there.
		if err := r.insert(ctx, tx, tx.Now-openapi.Millis(i)*60_000); err != nil {
			return fmt.Errorf("seed registry %s: %w", r.id, err)
		}
	}
	return nil
}

func (r seedRegistry) insert(ctx context.Context, tx *store.Tx, created openapi.Millis) error {
	body := api.RegistryRequest{RegistryType: api.RegistryTypeV2Private, RegistryURI: r.uri, CredentialType: api.CredentialTypeNone}
	row := apply(api.RegistryDetails{RegistryUUID: r.id, RegistryURI: r.uri, Created: created, Updated: created}, body)
	if err := tx.InsertRegistry(ctx, row); err != nil {
		return err
	}
	for i, name := range r.repositories {
		if err := tx.PutRepository(ctx, r.id, api.Repository{RepoName: name, TotalImages: 7 - 2*i, TotalScannedImages: 7 - 2*i, TotalVulnerableImages: 2 - i}); err != nil {
			return err
		}
	}
	for i, seed := range r.schedules {
		if err := tx.InsertSchedule(ctx, seed.row(r.id, created-openapi.Millis(i)*1000)); err != nil {
			return err
		}
	}
	return nil
}

// row is the schedule of a seed; without a due date, so that it holds its status.
func (seed seedSchedule) row(registryID string, created openapi.Millis) store.Schedule {
	s := api.Schedule{
		ScheduleUUID: seed.id, Name: "scan " + seed.repo, OnDemand: true, Status: seed.status, Created: created, Updated: created,
		Filters: []api.ScheduleFilter{{Days: nullable.NewNullNullable[int](), RepoTags: []api.RepoTag{{Repo: seed.repo, Tag: nullable.NewNullableWithValue(".*")}}}},
	}
	switch seed.status {
	case api.StatusFinished, api.StatusError:
		s.JobStartDate, s.JobCompletionDate = created, created
	case api.StatusRunning, api.StatusPaused:
		s.JobStartDate = created
	}
	if seed.status == api.StatusError {
		s.Errors = []api.ScheduleError{{ErrorCode: "REGISTRY_UNREACHABLE", ErrorMessage: "The registry did not answer."}}
	}
	return store.Schedule{Schedule: s, RegistryID: registryID}
}
