package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/postgrestest"
)

// databases are one of each kind, empty.
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

// TestCheckFindsDamage: each invariant is broken once.
func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			s := opened(t, database)
			if err := s.Write(t.Context(), "w", func(tx *Tx) error {
				return errors.Join(tx.PutWorld(t.Context(), "w", PlanFull, 0), tx.InsertRegistry(t.Context(), api.RegistryDetails{RegistryUUID: "r", RegistryURI: "https://r"}),
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
				if _, err := s.write.ExecContext(t.Context(), tt.damage); err != nil {
					t.Fatal(err)
				}
				if found, err := s.Check(t.Context()); err != nil || !strings.Contains(fmt.Sprint(found), tt.want) {
					t.Errorf("%s: got %v, %v, want %s", tt.damage, found, err, tt.want)
				}
				if _, err := s.write.ExecContext(t.Context(), tt.repair); err != nil {
					t.Fatal(err)
				}
			}
			if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("after: got %v, %v", found, err)
			}
		})
	}
}

// TestMigrations: a database of each earlier schema keeps its data; one of a later schema is refused.
func TestMigrations(t *testing.T) {
	t.Parallel()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	for version := int64(1); version <= schema; version++ {
		for name, database := range databases(t) {
			t.Run(fmt.Sprint(name, version), func(t *testing.T) {
				old := raw(t, database)
				provider, err := goose.NewProvider(old.dialect.goose, old.write, dialectFS{files, old.dialect})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := provider.UpTo(t.Context(), version); err != nil {
					t.Fatal(err)
				}
				if _, err := old.write.ExecContext(t.Context(), `INSERT INTO world (id, plan) VALUES ('kept', 'Trial')`); err != nil {
					t.Fatal(err)
				}
				if _, err := old.write.ExecContext(t.Context(), `INSERT INTO job (world, id, kind, registry, selection, state, total, done, matched, changed, skipped, outcomes, error, accepted, started, ended, position, upto, failures, seq)
					VALUES ('kept', 'j', 'CancelSchedules', 'r', '{"filter":"name:a"}', 'Running', 5, 4, 0, 0, '{}', 'null', '', 1, 1, 0, 4, 9, 0, 1)`); err != nil {
					t.Fatal(err)
				}
				for _, text := range []string{
					`INSERT INTO schedule VALUES ('kept', 's', 1, 'r', 'scan', TRUE, '', 0, '', FALSE, 'V2', 'Finished', '[]', 'null', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, 0, 0, 'Finished', 'null')`,
					`INSERT INTO schedule_target (world, schedule, position, repo, tag) VALUES ('kept', 's', 0, 'team/app', 'v1')`,
				} {
					if _, err := old.write.ExecContext(t.Context(), text); err != nil {
						t.Fatal(err)
					}
				}
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				s := opened(t, database)
				testTargetsGo(t, s)
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
					if failed != nil || !found || j.UpTo != 9 || version < 4 && j.Mark.Seq != 4 {
						t.Errorf("an open job: got %+v, %v, %v", j, found, failed)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
				if _, err := s.write.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, TRUE)`); err != nil {
					t.Fatal(err)
				}
				_, err = Open(t.Context(), database, time.Now)
				var newer *NewerError
				if !errors.As(err, &newer) || newer.Is != 4711 || newer.Known != schema {
					t.Errorf("a newer database: got %v", err)
				}
			})
		}
	}
	all, err := fs.Glob(files, "*.sql")
	if err != nil || len(all) != schema {
		t.Errorf("there are %d migrations, the schema is %d", len(all), schema)
	}
}

// testTargetsGo: the target of a schedule is there, and goes with it.
func testTargetsGo(t *testing.T, s *Store) {
	t.Helper()
	var before, after int
	if err := s.Write(t.Context(), "kept", func(tx *Tx) error {
		count := func(n *int) error {
			return tx.scan(t.Context(), []any{n}, `SELECT COUNT(*) FROM schedule_target WHERE world = $1 AND schedule = 's' AND repo = 'team/app' AND tag = 'v1'`, tx.World)
		}
		_, err := tx.exec(t.Context(), `DELETE FROM schedule WHERE world = $1 AND id = 'other'`, tx.World)
		err = errors.Join(err, count(&before))
		_, failed := tx.exec(t.Context(), `DELETE FROM schedule WHERE world = $1 AND id = 's'`, tx.World)
		return errors.Join(err, failed, count(&after))
	}); err != nil || before != 1 || after != 0 {
		t.Errorf("the target of a schedule: got %d, and %d when it was deleted, %v; want 1 and 0", before, after, err)
	}
}

// raw opens a database without bringing its schema up to date.
func raw(t *testing.T, database string) *Store {
	t.Helper()
	s := &Store{now: time.Now}
	var err error
	if isPostgres(database) {
		err = s.connect(database)
	} else {
		s.dialect = embedded
		s.write, err = sql.Open(embedded.driver, source(database, true))
		s.read = s.write
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
