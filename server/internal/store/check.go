package store

import "context"

// invariants are queries that find violations; each row of a result is the text of a finding. They
// read the data of all worlds and of their snapshots.
var invariants = []string{
	`SELECT 'world ' || c.world || ', registry ' || c.registry || ': the counter of ' || c.status
		|| ' is ' || c.n || ', there are ' || (SELECT COUNT(*) FROM schedule s
			WHERE s.world = c.world AND s.registry = c.registry AND s.status = c.status) || ' schedules'
		FROM schedule_count c WHERE c.n <> (SELECT COUNT(*) FROM schedule s
			WHERE s.world = c.world AND s.registry = c.registry AND s.status = c.status)`,
	`SELECT DISTINCT 'world ' || s.world || ', registry ' || s.registry || ': there is no counter of ' || s.status
		FROM schedule s WHERE NOT EXISTS (SELECT 1 FROM schedule_count c
			WHERE c.world = s.world AND c.registry = s.registry AND c.status = s.status)`,
	`SELECT 'world ' || s.world || ', schedule ' || s.id || ': its registry ' || s.registry || ' does not exist'
		FROM schedule s WHERE NOT EXISTS (SELECT 1 FROM registry r WHERE r.world = s.world AND r.id = s.registry)`,
	`SELECT 'world ' || s.world || ', schedule ' || s.id || ': the number of its list is ' || s.list
		FROM schedule s WHERE NOT EXISTS (SELECT 1 FROM schedule_list l
			WHERE l.number = s.list AND l.world = s.world AND l.registry = s.registry)`,
	`SELECT 'world ' || s.world || ', schedule ' || s.id || ': its filters are those of a target, which it lacks'
		FROM schedule s WHERE s.repo = '' AND s.filters IN ('` + nullDays + `', '` + noDays + `')`,
	`SELECT 'world ' || t.world || ', schedule ' || t.schedule || ': does not exist, but has a target'
		FROM schedule_target t WHERE NOT EXISTS (SELECT 1 FROM schedule s
			WHERE s.world = t.world AND s.id = t.schedule)`,
	`SELECT 'world ' || r.world || ', registry ' || r.id || ': its totals are not those of its repositories'
		FROM registry r
		WHERE r.images <> (SELECT COALESCE(SUM(p.images), 0) FROM repository p
			WHERE p.world = r.world AND p.registry = r.id)
		OR r.repositories <> (SELECT COUNT(*) FROM repository p WHERE p.world = r.world AND p.registry = r.id)`,
	`SELECT 'world ' || p.world || ', repository ' || p.repository
		|| ', tag ' || p.tag || ': its image ' || p.sha || ' does not exist'
		FROM image_place p WHERE NOT EXISTS (SELECT 1 FROM image i WHERE i.world = p.world AND i.sha = p.sha)`,
	`SELECT 'world ' || j.world || ', job ' || j.id || ': is ' || j.state || ' with ' || j.done || ' of ' || j.total
		|| ' done, ' || j.changed || ' of ' || j.matched || ' changed, ended ' || j.ended
		FROM job j WHERE j.done > j.total OR j.changed > j.matched
		OR (j.ended > 0) <> (j.state IN ('Finished', 'Failed')) OR (j.state = 'Finished' AND j.done <> j.total)`,
}

const damagedFile = `SELECT 'file: ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`

// Check looks for violations: a damaged file, counters that differ from the rows, references to
// rows that do not exist, impossible jobs. It repairs nothing.
func (s *Store) Check(ctx context.Context) (found []string, err error) {
	queries := invariants
	if !s.Shared() {
		queries = append([]string{damagedFile}, invariants...)
	}
	err = s.Read(ctx, "", func(tx *Tx) error {
		found = nil
		for _, text := range queries {
			lines, err := column[string](ctx, tx, query(text))
			if err != nil {
				return err
			}
			found = append(found, lines...)
		}
		return nil
	})
	return found, err
}
