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

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/store/pgdb"
	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// databases returns an empty database of each kind.
func databases(t *testing.T) map[string]Database {
	return map[string]Database{
		"sqlite":   {Path: filepath.Join(t.TempDir(), "qcs.db")},
		"postgres": {Server: pgdb.Connector(postgrestest.New(t, ""))},
	}
}

func opened(t *testing.T, database Database) *Store {
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
				return errors.Join(tx.PutWorld(t.Context(), World{Name: "w", Plan: PlanFull}, 0), tx.InsertRegistry(t.Context(), api.RegistryDetails{RegistryUUID: "r", RegistryURI: "https://r"}),
					tx.InsertSchedule(t.Context(), Schedule{Schedule: api.Schedule{ScheduleUUID: "s", Status: api.StatusQueued}, RegistryID: "r"}))
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
					`INSERT INTO schedule VALUES ('kept', 's', 1, 'r', 'scan', TRUE, '', 0, '', FALSE, 'V2', 'Finished', '[]', 'null', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, 0, 0, 'Finished', 'null')`,
					`INSERT INTO schedule_target (world, schedule, position, repo, tag) VALUES ('kept', 's', 0, 'team/app', 'v1')`,
				} {
					execute(t, old, text)
				}
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				if name == "sqlite" {
					testReadOnlyNeedsTheSchema(t, database, version)
				}
				s := opened(t, database)
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
func testReadOnlyNeedsTheSchema(t *testing.T, database Database, version int64) {
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
	if err := s.Write(t.Context(), "", func(tx *Tx) error { return tx.NewWorld(t.Context(), World{Name: "new", Plan: PlanFree}) }); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"another": 1, "kept": 2, "new": 3} {
		if w, err := s.WorldState(t.Context(), name); err != nil || w.Number != want {
			t.Errorf("world %s: got number %d, %v; want %d", name, w.Number, err, want)
		}
	}
}

// testTargetsAreDeleted checks that the target of a schedule exists, and is deleted with the schedule.
func testTargetsAreDeleted(t *testing.T, s *Store) {
	t.Helper()
	var before, after int
	if err := s.Write(t.Context(), "kept", func(tx *Tx) error {
		count := func(n *int) error {
			return tx.Scan(t.Context(), []any{n}, `SELECT COUNT(*) FROM schedule_target WHERE world = $1 AND schedule = 's' AND repo = 'team/app' AND tag = 'v1'`, tx.World)
		}
		_, err := tx.Exec(t.Context(), `DELETE FROM schedule WHERE world = $1 AND id = 'other'`, tx.World)
		err = errors.Join(err, count(&before))
		_, failed := tx.Exec(t.Context(), `DELETE FROM schedule WHERE world = $1 AND id = 's'`, tx.World)
		return errors.Join(err, failed, count(&after))
	}); err != nil || before != 1 || after != 0 {
		t.Errorf("targets of a schedule: got %d, and %d after its deletion, %v; want 1 and 0", before, after, err)
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
