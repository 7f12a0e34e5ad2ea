package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// databases returns an empty database of each kind.
func databases(t *testing.T) map[string]string {
	return map[string]string{"sqlite": filepath.Join(t.TempDir(), "qcs.db"), "postgres": postgrestest.New(t, "")}
}

func opened(t *testing.T, database string) *Store {
	t.Helper()
	s, err := Open(t.Context(), database, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestCheckFindsDamage damages each invariant once.
func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			s := opened(t, database)
			if err := s.Write(t.Context(), "w", func(tx *Tx) error {
				return errors.Join(tx.PutWorld(t.Context(), "w", PlanFull, 0), tx.InsertRegistry(t.Context(), api.RegistryDetails{RegistryUUID: "r", RegistryURI: "https://r"}),
					tx.InsertSchedule(t.Context(), Schedule{Schedule: api.Schedule{ScheduleUUID: "s", Status: api.StatusQueued, Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a", Tag: nullable.NewNullableWithValue("b")}}}}}, RegistryID: "r"}))
			}); err != nil {
				t.Fatal(err)
			}
			if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
				t.Fatalf("before: got %v, %v", found, err)
			}
			for _, tt := range []struct{ damage, repair, want string }{
				{`UPDATE schedule_count SET n = 5`, `UPDATE schedule_count SET n = 1`, "the counter of Queued is 5, there are 1 schedules"},
				{`UPDATE schedule_count SET status = 'Paused', n = 0`, `UPDATE schedule_count SET status = 'Queued', n = 1`, "there is no counter of Queued"},
				{`UPDATE schedule SET registry = 'q'`, `UPDATE schedule SET registry = 'r'`, "its registry q does not exist"},
				{`UPDATE schedule SET list = 7`, `UPDATE schedule SET list = 1`, "the number of its list is 7"},
				{`UPDATE schedule SET repo = ''`, `UPDATE schedule SET repo = 'a'`, "its filters are those of a target, which it lacks"},
				{`UPDATE registry SET images = 3`, `UPDATE registry SET images = 0`, "its totals are not those"},
				{`INSERT INTO image_place (world, registry, repository, tag, sha, host) VALUES ('w', 'r', 'a', 'b', 'c', 'd')`, `DELETE FROM image_place`, "its image c does not exist"},
				{
					`INSERT INTO job (world, id, kind, registry, selection, state, total, done, matched, changed, skipped, outcomes, error, accepted, started, ended, position, upto, failures, seq)
						VALUES ('w', 'j', 'k', 'r', '{}', 'Finished', 5, 4, 0, 0, '', '', '', 0, 0, 1, 0, 0, 0, 0)`, `DELETE FROM job`, "is Finished with 4 of 5 done",
				},
			} {
				execute(t, s.db, tt.damage)
				if found, err := s.Check(t.Context()); err != nil || !strings.Contains(fmt.Sprint(found), tt.want) {
					t.Errorf("%s: got %v, %v, want %s", tt.damage, found, err, tt.want)
				}
				execute(t, s.db, tt.repair)
			}
			if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("after: got %v, %v", found, err)
			}
		})
	}
}

// oldSchema returns the schema of an earlier version.
func oldSchema(t *testing.T, version int64) sqldb.Schema {
	t.Helper()
	older := schema()
	files, err := fs.Glob(older.Migrations, "*.sql")
	if err != nil || len(files) != schemaVersion {
		t.Fatalf("there are %d migrations, %v; the schema is %d", len(files), err, schemaVersion)
	}
	some := fstest.MapFS{}
	for _, name := range files[:version] {
		text, err := fs.ReadFile(older.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		some[name] = &fstest.MapFile{Data: text}
	}
	older.Version, older.Migrations = version, some
	return older
}

// TestMigrations checks that a database of each earlier schema keeps its data, and that one of a later schema is refused.
func TestMigrations(t *testing.T) {
	t.Parallel()
	for version := int64(1); version <= schemaVersion; version++ {
		for name, database := range databases(t) {
			t.Run(fmt.Sprint(name, version), func(t *testing.T) {
				old, err := sqldb.Open(t.Context(), database, oldSchema(t, version))
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range []string{
					`INSERT INTO world (id, plan) VALUES ('kept', 'Trial')`,
					`INSERT INTO world (id, plan) VALUES ('another', 'Free')`,
					`INSERT INTO job (world, id, kind, registry, selection, state, total, done, matched, changed, skipped, outcomes, error, accepted, started, ended, position, upto, failures, seq)
						VALUES ('kept', 'j', 'CancelSchedules', 'r', '{"filter":"name:a"}', 'Running', 5, 4, 0, 0, '{}', 'null', '', 1, 1, 0, 4, 9, 0, 1)`,
					insertOld("one", 1), insertOld("two", 2),
					`INSERT INTO schedule_target (world, schedule, position, repo, tag) VALUES ('kept', 'one', 0, 'team/app', 'v1'), ('kept', 'two', 0, 'team/app', 'v1'), ('kept', 'two', 1, 'team/web', 'v2')`,
				} {
					execute(t, old, text)
				}
				if version >= oneTarget { // as the program of that version writes them
					execute(t, old, `INSERT INTO schedule_list (number, world, registry) VALUES (1, 'kept', 'r')`)
					execute(t, old, `UPDATE schedule SET list = 1`)
					for _, text := range moveOnlyTargets {
						execute(t, old, strings.ReplaceAll(text, "$1", "'kept'"))
					}
				}
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				if name == "sqlite" {
					testReadOnlyNeedsTheSchema(t, database, version)
				}
				s := opened(t, database)
				testMigratedList(t, s)
				testTargetsAreDeleted(t, s)
				testMigratedJob(t, s, version)
				if version < 6 {
					testWorldsGetNumbers(t, s)
				}
				execute(t, s.db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, TRUE)`)
				_, err = Open(t.Context(), database, time.Now)
				var newer *sqldb.NewerError
				if !errors.As(err, &newer) || newer.Is != 4711 || newer.Known != schemaVersion {
					t.Errorf("a newer database: got %v", err)
				}
			})
		}
	}
}

// testReadOnlyNeedsTheSchema checks that a read-only store does not migrate.
func testReadOnlyNeedsTheSchema(t *testing.T, database string, version int64) {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), database, time.Now)
	if (err == nil) != (version == schemaVersion) {
		t.Errorf("read only, with schema %d: got %v", version, err)
	}
	if err == nil {
		_ = s.Close()
	}
}

// testMigratedJob checks that a job that was open before the migrations continues.
func testMigratedJob(t *testing.T, s *Store, version int64) {
	t.Helper()
	if err := s.Read(t.Context(), "", func(tx *Tx) error {
		w, err := tx.WorldNamed(t.Context(), "kept")
		if w.Plan != PlanTrial {
			t.Errorf("got %+v", w)
		}
		k, found, failed := tx.NextJob(t.Context(), Scope{})
		if failed != nil || k != (JobKey{"kept", "j"}) {
			t.Errorf("the next job: got %v, %v", k, failed)
		}
		in, failed := tx.In(t.Context(), k.World)
		if failed != nil {
			return failed
		}
		j, failed := in.Job(t.Context(), k.ID)
		if failed != nil || !found || j.UpTo != 9 || version < 4 && j.Cursor.Seq != 4 {
			t.Errorf("an open job: got %+v, %v, %v", j, found, failed)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// testWorldsGetNumbers checks that the migrations number the worlds, and that new worlds get the next numbers.
func testWorldsGetNumbers(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Write(t.Context(), "", func(tx *Tx) error { return tx.NewWorld(t.Context(), "new", PlanFree) }); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"another": 1, "kept": 2, "new": 3} {
		if w, err := s.WorldState(t.Context(), name); err != nil || w.Number != want {
			t.Errorf("world %s: got number %d, %v; want %d", name, w.Number, err, want)
		}
	}
}

// insertOld returns the statement that inserts a schedule into a database of any schema.
func insertOld(id string, seq int) string {
	return fmt.Sprintf(`INSERT INTO schedule (world, id, seq, registry, name, on_demand, start_time, interval_days, week_day, force_scan, registry_type, status, filters, errors, created, updated, job_start, job_completion, listing_start, listing_completion, scanning_start, scanning_completion, due_at, run_at, phase, queued_stay, listing_stay, scanning_stay, outcome, fault)
		VALUES ('kept', '%s', %d, 'r', 'scan', TRUE, '', 0, '', FALSE, 'V2', 'Finished', '[{"repoTags":[{"repo":"team/app","tag":"v1"}]}]', 'null', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, 0, 0, 'Finished', 'null')`, id, seq)
}

// testMigratedList checks that the list of a registry has the schedules of before, with their targets.
func testMigratedList(t *testing.T, s *Store) {
	t.Helper()
	for token, want := range map[string]int{"repo:team/app": 2, "repo:TEAM*": 2, "tag:v2": 1, "repo:team/web": 1, "repo:other": 0} {
		e, err := qql.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		f, err := qql.Bind(e, Schedules.Schema, qql.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Read(t.Context(), "kept", func(tx *Tx) error {
			page, total, err := tx.Schedules(t.Context(), "r", List{Filter: f, Page: 1, Size: 10})
			if total != want || len(page) != want {
				t.Errorf("%s: got %d of %d schedules, want %d", token, len(page), total, want)
			}
			for _, row := range page {
				if row.Filters[0].RepoTags[0].Repo != "team/app" {
					t.Errorf("got %+v", row)
				}
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

// testTargetsAreDeleted checks that only schedules with several targets have rows for them, which are deleted
// with the schedule.
func testTargetsAreDeleted(t *testing.T, s *Store) {
	t.Helper()
	var got [3]int // rows of the schedule with one target, of that with two, and of that after its deletion
	if err := s.Write(t.Context(), "kept", func(tx *Tx) (err error) {
		count := func(n *int, id string) {
			err = errors.Join(err, tx.Scan(t.Context(), []any{n}, `SELECT COUNT(*) FROM schedule_target WHERE world = $1 AND schedule = $2`, tx.World, id))
		}
		count(&got[0], "one")
		count(&got[1], "two")
		_, failed := tx.Exec(t.Context(), `DELETE FROM schedule WHERE world = $1 AND id = 'two'`, tx.World)
		count(&got[2], "two")
		return errors.Join(err, failed)
	}); err != nil || got != [3]int{0, 2, 0} {
		t.Errorf("rows of targets: got %v, %v; want 0, 2 and 0", got, err)
	}
}

// execute runs a statement in a transaction of its own.
func execute(t *testing.T, db *sqldb.DB, text string) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(t.Context(), text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
