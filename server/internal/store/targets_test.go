package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// TestTargets checks that filters find the targets of schedules, of many with equal targets and of others between them.
func TestTargets(t *testing.T) {
	t.Parallel()
	var all []store.Schedule
	add := func(n int, repos ...string) {
		for range n {
			s := store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprintf("s%03d", len(all)), Status: api.StatusFinished}, RegistryID: "r"}
			for _, repo := range repos {
				s.Filters = append(s.Filters, api.ScheduleFilter{RepoTags: []api.RepoTag{{Repo: repo, Tag: nullable.NewNullableWithValue("t")}, {Repo: "both"}}})
			}
			all = append(all, s)
		}
	}
	add(30, "many", "more")
	add(5)
	add(3, "few")
	add(1, "one", "more")
	add(40, "last")
	want := map[string]int{"repo:many": 30, "repo:more": 31, "repo:few": 3, "repo:one": 1, "repo:last": 40, "repo:both": 74, "repo:last AND tag:t": 40, "repo:more AND tag:t": 31, "tag:t": 74, "tag:u": 0}
	each(t, func(t *testing.T, s *store.Store) {
		if err := s.Write(t.Context(), "w", func(tx *store.Tx) error {
			for _, err := range []error{tx.PutWorld(t.Context(), store.World{Name: "w", Plan: store.PlanFull}, 0), insertRegistry(t.Context(), tx, "r"), tx.InsertSchedules(t.Context(), all[:20])} {
				if err != nil {
					return err
				}
			}
			return tx.InsertSchedules(t.Context(), all[20:])
		}); err != nil {
			t.Fatal(err)
		}
		for text, n := range want {
			e, err := qql.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			f, err := qql.Bind(e, store.Schedules.Schema, qql.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
				_, got, err := tx.Schedules(t.Context(), "r", store.List{Filter: f, Page: 1, Size: 1})
				if got != n {
					t.Errorf("%s: got %d, want %d", text, got, n)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSchedulesWithEqualTargetsShareRows checks that schedules are read with their own targets, although consecutive schedules with equal targets share them.
func TestSchedulesWithEqualTargetsShareRows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		repos := []string{"a", "a", "", "a", "b", "b", "a"}
		write(t, s, "w", func(ctx context.Context, tx *store.Tx) error {
			for _, err := range []error{tx.PutWorld(ctx, store.World{Name: "w", Plan: store.PlanFull}, 0), insertRegistry(ctx, tx, "r")} {
				if err != nil {
					return err
				}
			}
			for i, repo := range repos {
				s := store.Schedule{Schedule: api.Schedule{ScheduleUUID: fmt.Sprint("s", i), Status: api.StatusFinished}, RegistryID: "r"}
				if repo != "" {
					s.Filters = []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: repo}}}}
				}
				if err := tx.InsertSchedule(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
		order, err := qql.ParseSort("scheduleUuid:asc", store.Schedules.Schema)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Read(t.Context(), "w", func(tx *store.Tx) error {
			all, _, err := tx.Schedules(t.Context(), "r", store.List{Sort: order, Page: 1, Size: 10})
			var got []string
			for _, s := range all {
				repo := ""
				if len(s.Filters) > 0 {
					repo = s.Filters[0].RepoTags[0].Repo
				}
				got = append(got, repo)
			}
			if !slices.Equal(got, repos) {
				t.Errorf("got %q, want %q", got, repos)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}
