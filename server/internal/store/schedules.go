package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Schedule is a schedule with what the wire never shows.
type Schedule struct {
	api.Schedule
	RegistryID string
	Seq        int64               // order of creation within the world
	DueAt      openapi.Millis      // when the life cycle moves it on; 0 for never
	RunAt      openapi.Millis      // when an automatic schedule runs next
	Phase      Phase               // of a scan that is Running
	Stays      Stays               // how long it stays in a state
	Outcome    api.Status          // how its scans end: Finished, Error or Failed
	Fault      []api.ScheduleError // what is told of a scan that ends badly
}

// Stays are the durations of a schedule's states in milliseconds.
type Stays struct{ Queued, Listing, Scanning int64 }

// target is the sub-object that holds a repository and its tags.
const target = "filters.repoTags"

// Schedules are the tokens of the list of schedules. Release notes 1.15 name status and
// scheduleUuid; the others are the scalar fields of an answer (our choice).
var Schedules = resource("created:desc", map[string]string{
	target: `EXISTS (SELECT 1 FROM schedule_target WHERE schedule_target.world = schedule.world
		AND schedule_target.schedule = schedule.id AND %s)`,
}, []token{
	{qql.Field{Token: "scheduleUuid", Kind: qql.ID}, "id"},
	{qql.Field{Token: "name", Kind: qql.Text}, "name"},
	{qql.Field{Token: "status", Kind: qql.Word}, "status"},
	{qql.Field{Token: "onDemand", Kind: qql.Bool}, "on_demand"},
	{qql.Field{Token: "schedule", Kind: qql.Text}, "start_time"},
	{qql.Field{Token: "scheduleScanIntervalInDays", Kind: qql.Number, Optional: true}, "interval_days"},
	{qql.Field{Token: "weekDay", Kind: qql.Word}, "week_day"},
	{qql.Field{Token: "forceScan", Kind: qql.Bool}, "force_scan"},
	{qql.Field{Token: "registryType", Kind: qql.Word}, "registry_type"},
	{qql.Field{Token: "created", Kind: qql.Time}, "created"},
	{qql.Field{Token: "updated", Kind: qql.Time}, "updated"},
	{qql.Field{Token: "jobStartDate", Kind: qql.Time}, "job_start"},
	{qql.Field{Token: "jobCompletionDate", Kind: qql.Time}, "job_completion"},
	{qql.Field{Token: "jobListingStartDate", Kind: qql.Time}, "listing_start"},
	{qql.Field{Token: "jobListingCompletionDate", Kind: qql.Time}, "listing_completion"},
	{qql.Field{Token: "jobScanningStartDate", Kind: qql.Time}, "scanning_start"},
	{qql.Field{Token: "jobScanningCompletionDate", Kind: qql.Time}, "scanning_completion"},
	{qql.Field{Token: "repo", Kind: qql.Text, Group: target}, "repo"},
	{qql.Field{Token: "tag", Kind: qql.Text, Group: target}, "tag"},
}).shown(openapi.Documented, "scheduleUuid", "status")

// What lists show, and what the life cycle needs besides.
const (
	shownColumns = `id, name, on_demand, start_time, interval_days, week_day, force_scan, registry_type,
		status, filters, errors, created, updated,
	job_start, job_completion, listing_start, listing_completion, scanning_start, scanning_completion`
	scheduleColumns = shownColumns + `, registry, seq, due_at, run_at, phase, queued_stay, listing_stay,
		scanning_stay, outcome, fault`
)

func (s *Schedule) shown() []any {
	return []any{
		&s.ScheduleUUID, &s.Name, &s.OnDemand, &s.Schedule.Schedule, num(&s.ScheduleScanIntervalInDays),
		(*string)(&s.WeekDay), &s.ForceScan, (*string)(&s.RegistryType), (*string)(&s.Status),
		asJSON(&s.Filters), asJSON(&s.Errors), num(&s.Created), num(&s.Updated),
		num(&s.JobStartDate), num(&s.JobCompletionDate), num(&s.JobListingStartDate), num(&s.JobListingCompletionDate),
		num(&s.JobScanningStartDate), num(&s.JobScanningCompletionDate),
	}
}

func (s *Schedule) fields() []any {
	return append(
		s.shown(), &s.RegistryID, &s.Seq, &s.DueAt, &s.RunAt, &s.Phase, &s.Stays.Queued, &s.Stays.Listing,
		&s.Stays.Scanning, &s.Outcome, asJSON(&s.Fault),
	)
}

// shallow is the last page that is read without looking up where it begins.
const shallow = 10

// Schedules lists the schedules of a registry as they are shown, and the number of all that match.
func (tx *Tx) Schedules(ctx context.Context, registry string, l List) ([]api.Schedule, int, error) {
	where := tx.condition(Schedules, l.Filter, tx.World, registry)
	from := ` FROM schedule WHERE world = $1 AND registry = $2 AND ` + where.text
	counts, err := tx.ScheduleCounts(ctx, registry)
	if err != nil {
		return nil, 0, err
	}
	total, known := countOf(counts, l.Filter)
	if !known {
		if err := tx.Scan(ctx, []any{&total}, `SELECT COUNT(*)`+from, where.args...); err != nil {
			return nil, 0, err
		}
	}
	rows := statement{from, where.args}
	if l.Page > shallow && l.byCreation() { // an index says where the page begins: skipped rows are not read
		first := List{Sort: l.Sort, Page: (l.Page-1)*l.Size + 1, Size: 1}
		var begin Cursor
		err := tx.Scan(
			ctx, []any{&begin.Created, &begin.ID}, `SELECT created, id`+from+first.page(Schedules, "id"), where.args...,
		)
		if errors.Is(err, ErrNotFound) {
			return []api.Schedule{}, total, nil // there are not so many pages
		}
		if err != nil {
			return nil, 0, err
		}
		rows, l.Page = l.from(begin, rows), 1
	}
	all, err := collect(
		ctx, tx, (*Schedule).shown, statement{`SELECT ` + shownColumns + rows.text + l.page(Schedules, "id"), rows.args},
	)
	page := make([]api.Schedule, len(all))
	for i := range all {
		page[i] = all[i].Schedule
	}
	return page, total, err
}

// Schedule reads one schedule of a registry, or gives ErrNotFound.
func (tx *Tx) Schedule(ctx context.Context, registry, id string) (Schedule, error) {
	var s Schedule
	if err := tx.Scan(
		ctx, s.fields(),
		`SELECT `+scheduleColumns+` FROM schedule WHERE world = $1 AND registry = $2 AND id = $3`, tx.World,
		registry, id,
	); err != nil {
		return s, fmt.Errorf("schedule: %w", err)
	}
	return s, nil
}

// LastSeq is the number that the newest schedule of the world had when the transaction, which
// writes, began; ErrNotFound says that there is no such world.
func (tx *Tx) LastSeq() (int64, error) {
	if !tx.exists {
		return 0, fmt.Errorf("world: %w", ErrNotFound)
	}
	return tx.last, nil
}

// InsertSchedule adds a schedule as the newest of the world.
func (tx *Tx) InsertSchedule(ctx context.Context, s Schedule) error {
	return tx.InsertSchedules(ctx, []Schedule{s})
}

// InsertSchedules adds schedules of one registry as the newest of the world, in their order;
// ErrDuplicate says that one exists.
func (tx *Tx) InsertSchedules(ctx context.Context, all []Schedule) (err error) {
	if len(all) == 0 {
		return nil
	}
	var last int64
	if err := tx.Scan(
		ctx, []any{&last}, `UPDATE world SET seq = seq + $2 WHERE id = $1 RETURNING seq`, tx.World, len(all),
	); err != nil {
		return err
	}
	counts := map[api.Status]int{}
	rows := make([][]any, len(all))
	all = slices.Clone(all) // they get numbers, which are not the caller's
	for i := range all {
		s := &all[i]
		s.Seq = last - int64(len(all)-1-i)
		counts[s.Status]++
		rows[i] = append([]any{tx.World}, s.fields()...)
	}
	n, err := tx.Insert(ctx, `INSERT INTO schedule (world, `+scheduleColumns+`)`, ` ON CONFLICT DO NOTHING`, rows)
	if err == nil && n < len(all) {
		return fmt.Errorf("schedule: %w", ErrDuplicate)
	}
	if err == nil {
		err = tx.insertTargets(ctx, all)
	}
	if err != nil {
		return err
	}
	return tx.addCounts(ctx, all[0].RegistryID, counts)
}

// repoTag is what a schedule scans; no tag and null are the empty text.
type repoTag struct{ repo, tag string }

// targets are what a schedule scans, in their order.
func targets(s Schedule) (all []repoTag) {
	for _, f := range s.Filters {
		for _, t := range f.RepoTags {
			tag, _ := t.Tag.Get()
			all = append(all, repoTag{t.Repo, tag})
		}
	}
	return all
}

// insertTargets adds what schedules of one registry scan that were inserted just now. Of rows that
// are inserted one at a time, many that scan the same are one statement.
func (tx *Tx) insertTargets(ctx context.Context, all []Schedule) error {
	const many = 20
	var rows [][]any
	for len(all) > 0 {
		alike, same := targets(all[0]), 1
		for same < len(all) && slices.Equal(targets(all[same]), alike) {
			same++
		}
		for position, t := range alike {
			if same < many || tx.Arrays {
				for _, s := range all[:same] {
					rows = append(rows, []any{tx.World, s.ScheduleUUID, position, t.repo, t.tag})
				}
				continue
			}
			if _, err := tx.Exec(
				ctx,
				`INSERT INTO schedule_target (world, schedule, position, repo, tag)
					SELECT world, id, CAST($5 AS bigint), CAST($6 AS text), CAST($7 AS text) FROM schedule
				WHERE world = $1 AND registry = $2 AND seq >= $3 AND seq <= $4`,
				tx.World,
				all[0].RegistryID,
				all[0].Seq,
				all[same-1].Seq,
				position,
				t.repo,
				t.tag,
			); err != nil {
				return err
			}
		}
		all = all[same:]
	}
	_, err := tx.Insert(ctx, `INSERT INTO schedule_target (world, schedule, position, repo, tag)`, ``, rows)
	return err
}

// UpdateSchedule writes the fields of a schedule that its owner can change, and when it runs next.
func (tx *Tx) UpdateSchedule(ctx context.Context, s Schedule) error {
	_, err := tx.Exec(
		ctx,
		`UPDATE schedule SET name = $3, start_time = $4, interval_days = $5, week_day = $6, force_scan = $7,
			updated = $8, run_at = $9, due_at = $10 WHERE world = $1 AND id = $2`,
		tx.World,
		s.ScheduleUUID,
		s.Name,
		s.Schedule.Schedule,
		s.ScheduleScanIntervalInDays,
		s.WeekDay,
		s.ForceScan,
		tx.Now,
		s.RunAt,
		s.DueAt,
	)
	return err
}

// Row is as much of a schedule as a bulk job needs to decide.
type Row struct {
	ID     string
	Seq    int64
	Status api.Status
}

func (r *Row) fields() []any { return []any{&r.ID, &r.Seq, &r.Status} }

// Window is a piece of a registry's schedules in the order of their creation: those after one, up
// to another.
type Window struct {
	After, UpTo int64
	Rows        int // how many there are
}

// Window gives the beginning of a window that has at most as many rows as that says, whatever they
// are: what one transaction looks at is bounded, however few of them a filter selects.
func (tx *Tx) Window(ctx context.Context, registry string, within Window) (Window, error) {
	w := Window{After: within.After}
	err := tx.Scan(ctx, []any{&w.Rows, &w.UpTo}, `SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM
		(SELECT seq FROM schedule WHERE world = $1 AND registry = $2 AND seq > $3 AND seq <= $4
		ORDER BY seq LIMIT $5) AS next`, tx.World, registry, within.After, within.UpTo, within.Rows)
	return w, err
}

// RowsByID reads the rows of ids, as far as they belong to the registry and were there up to a row.
// They are looked up by their key: a database that sees registry and seq beside it may go through
// the whole registry instead.
func (tx *Tx) RowsByID(ctx context.Context, registry string, ids []string, upTo int64) ([]Row, error) {
	type keyed struct {
		Row
		registry string
	}
	list := tx.in(`id`, ids, tx.World)
	found, err := collect(ctx, tx, func(k *keyed) []any { return append(k.fields(), &k.registry) },
		statement{`SELECT id, seq, status, registry FROM schedule WHERE world = $1 AND ` + list.text, list.args})
	rows := make([]Row, 0, len(found))
	for _, k := range found {
		if k.registry == registry && k.Seq <= upTo {
			rows = append(rows, k.Row)
		}
	}
	return rows, err
}

// canceled is what becomes of a schedule that is canceled, with the status as $1 and the time as
// $2: its job ends, and nothing moves it any more.
const canceled = `status = $1, updated = $2, due_at = 0, phase = '',
	job_completion = CASE WHEN job_start > 0 THEN $2 ELSE job_completion END`

// CancelSchedules sets rows, which must all belong to the registry, to Canceled: one statement for
// all.
func (tx *Tx) CancelSchedules(ctx context.Context, registry string, rows []Row) error {
	list := tx.in(`id`, ids(rows), api.StatusCanceled, tx.Now, tx.World)
	if _, err := tx.Exec(
		ctx,
		`UPDATE schedule SET `+canceled+` WHERE world = $3 AND `+list.text,
		list.args...); err != nil {
		return err
	}
	delta := countByStatus(rows)
	delta[api.StatusCanceled] += len(rows)
	return tx.addCounts(ctx, registry, delta)
}

// DeleteSchedules removes rows, which must all belong to the registry: one statement for all.
func (tx *Tx) DeleteSchedules(ctx context.Context, registry string, rows []Row) error {
	list := tx.in(`id`, ids(rows), tx.World)
	if _, err := tx.Exec(ctx, `DELETE FROM schedule WHERE world = $1 AND `+list.text, list.args...); err != nil {
		return err
	}
	return tx.addCounts(ctx, registry, countByStatus(rows))
}

func ids(rows []Row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.ID
	}
	return all
}

// tally counts the rows that leave each status.
func countByStatus(rows []Row) map[api.Status]int {
	delta := map[api.Status]int{}
	for _, r := range rows {
		delta[r.Status]--
	}
	return delta
}
