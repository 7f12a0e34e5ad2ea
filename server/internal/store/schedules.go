package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Schedule is a schedule with what responses do not show.
type Schedule struct {
	api.Schedule
	RegistryID string
	Seq        int64               // order of creation within the world
	DueAt      openapi.Millis      // when the life cycle moves it next; 0 for never
	RunAt      openapi.Millis      // when an automatic schedule runs next
	Phase      Phase               // of a scan that is Running
	Stays      Stays               // how long it stays in a state
	Outcome    api.Status          // how its scans end: Finished, Error or Failed
	Fault      []api.ScheduleError // the errors of a scan that ends in Error or Failed
}

// Stays are the durations of a schedule's states in milliseconds.
type Stays struct{ Queued, Listing, Scanning int64 }

// target is the sub-object with a repository and its tags.
const target = "filters.repoTags"

// Schedules are the tokens of the list of schedules. Release notes 1.15 name status and
// scheduleUuid; the others are the scalar fields of a response (our choice).
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

// Lists show the first columns; the life cycle needs all.
const (
	shownColumns = `id, name, on_demand, start_time, interval_days, week_day, force_scan, registry_type,
		status, filters, errors, created, updated, job_start, job_completion,
		listing_start, listing_completion, scanning_start, scanning_completion`
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
	return append(s.shown(), &s.RegistryID, &s.Seq, &s.DueAt, &s.RunAt, &s.Phase,
		&s.Stays.Queued, &s.Stays.Listing, &s.Stays.Scanning, &s.Outcome, asJSON(&s.Fault))
}

// lastSkipped is the last page for which the database skips the rows of the pages before it. The
// first row of a later page is looked up in an index.
const lastSkipped = 10

// Schedules lists the schedules of a registry, and counts all that match.
func (tx *Tx) Schedules(ctx context.Context, registry string, l List) ([]api.Schedule, int, error) {
	counts, err := tx.ScheduleCounts(ctx, registry)
	if err != nil {
		return nil, 0, err
	}
	where := tx.condition(Schedules, l.Filter, tx.World, registry)
	rows := query(` FROM schedule WHERE world = $1 AND registry = $2 AND `+where.text, where.args...)
	total, known := countOf(counts, l.Filter)
	if !known {
		if total, err = tx.count(ctx, rows); err != nil {
			return nil, 0, err
		}
	}
	skipped := (l.Page - 1) * l.Size
	if skipped >= total {
		return []api.Schedule{}, total, nil
	}
	if order := l.order(Schedules); l.Page > lastSkipped && order.Field.Token == "created" {
		position := List{Sort: order, Page: skipped + 1, Size: 1}
		if skipped > total/2 { // the other end of the index is nearer
			position.Sort.Desc, position.Page = !order.Desc, total-skipped
		}
		var first Cursor
		if err := tx.Scan(ctx, []any{&first.Created, &first.ID},
			`SELECT created, id`+rows.text+position.page(Schedules, "id"), rows.args...); err != nil {
			return nil, 0, err
		}
		rows, l.Page = first.from(order, rows), 1
	}
	all, err := collect(ctx, tx, (*Schedule).shown,
		query(`SELECT `+shownColumns+rows.text+l.page(Schedules, "id"), rows.args...))
	page := make([]api.Schedule, len(all))
	for i := range all {
		page[i] = all[i].Schedule
	}
	return page, total, err
}

// Schedule reads one schedule of a registry, or returns ErrNotFound.
func (tx *Tx) Schedule(ctx context.Context, registry, id string) (s Schedule, err error) {
	err = tx.find(ctx, "schedule", s.fields(), query(`SELECT `+scheduleColumns+` FROM schedule
		WHERE world = $1 AND registry = $2 AND id = $3`, tx.World, registry, id))
	return s, err
}

// LastSeq returns the number of the newest schedule of the world when the transaction, which
// writes, began; or ErrNotFound if there is no such world.
func (tx *Tx) LastSeq() (int64, error) {
	if !tx.exists {
		return 0, fmt.Errorf("world: %w", ErrNotFound)
	}
	return tx.lastSeq, nil
}

// InsertSchedule adds a schedule as the newest of the world.
func (tx *Tx) InsertSchedule(ctx context.Context, s Schedule) error {
	return tx.InsertSchedules(ctx, []Schedule{s})
}

// InsertSchedules adds schedules of one registry as the newest of the world, in their order. It
// returns ErrDuplicate if one of them exists.
func (tx *Tx) InsertSchedules(ctx context.Context, all []Schedule) error {
	if len(all) == 0 {
		return nil
	}
	var last int64
	if err := tx.Scan(ctx, []any{&last}, `UPDATE world SET seq = seq + $2 WHERE id = $1 RETURNING seq`,
		tx.World, len(all)); err != nil {
		return err
	}
	counts := map[api.Status]int{}
	rows := make([][]any, len(all))
	all = slices.Clone(all) // the schedules of the caller do not get numbers
	for i := range all {
		s := &all[i]
		s.Seq = last - int64(len(all)-1-i)
		counts[s.Status]++
		rows[i] = append([]any{tx.World}, s.fields()...)
	}
	n, err := tx.Insert(ctx, `INSERT INTO schedule (world, `+scheduleColumns+`)`, ` ON CONFLICT DO NOTHING`, rows)
	if err == nil && n < len(all) {
		err = fmt.Errorf("schedule: %w", ErrDuplicate)
	}
	if err == nil {
		err = tx.insertTargets(ctx, all)
	}
	if err == nil {
		err = tx.addCounts(ctx, all[0].RegistryID, counts)
	}
	return err
}

// repoTag is a repository and a tag that a schedule scans; a tag that is absent or null is "".
type repoTag struct{ repo, tag string }

// targets returns what a schedule scans.
func targets(s Schedule) (all []repoTag) {
	for _, f := range s.Filters {
		for _, t := range f.RepoTags {
			tag, _ := t.Tag.Get()
			all = append(all, repoTag{t.Repo, tag})
		}
	}
	return all
}

// manyAlike is the number of schedules with the same targets from which one statement for all is
// faster, on a database that inserts one row at a time.
const manyAlike = 20

const insertTarget = `INSERT INTO schedule_target (world, schedule, position, repo, tag)`

// insertTargets adds the targets of schedules of one registry that were just inserted.
func (tx *Tx) insertTargets(ctx context.Context, all []Schedule) error {
	var rows [][]any
	for len(all) > 0 {
		same, alike := targets(all[0]), 1
		for alike < len(all) && slices.Equal(targets(all[alike]), same) {
			alike++
		}
		for position, t := range same {
			if alike < manyAlike || tx.Arrays {
				for _, s := range all[:alike] {
					rows = append(rows, []any{tx.World, s.ScheduleUUID, position, t.repo, t.tag})
				}
				continue
			}
			err := tx.run(ctx, insertTarget+`
				SELECT world, id, CAST($5 AS bigint), CAST($6 AS text), CAST($7 AS text) FROM schedule
				WHERE world = $1 AND registry = $2 AND seq >= $3 AND seq <= $4`,
				tx.World, all[0].RegistryID, all[0].Seq, all[alike-1].Seq, position, t.repo, t.tag)
			if err != nil {
				return err
			}
		}
		all = all[alike:]
	}
	_, err := tx.Insert(ctx, insertTarget, ``, rows)
	return err
}

// UpdateSchedule writes the fields of a schedule that a caller can change, and when it runs next.
func (tx *Tx) UpdateSchedule(ctx context.Context, s Schedule) error {
	return tx.run(ctx, `UPDATE schedule SET name = $3, start_time = $4, interval_days = $5, week_day = $6,
		force_scan = $7, updated = $8, run_at = $9, due_at = $10 WHERE world = $1 AND id = $2`,
		tx.World, s.ScheduleUUID, s.Name, s.Schedule.Schedule, s.ScheduleScanIntervalInDays, s.WeekDay,
		s.ForceScan, tx.Now, s.RunAt, s.DueAt)
}

// Row is a schedule as far as a bulk job needs it.
type Row struct {
	ID     string
	Seq    int64
	Status api.Status
}

func (r *Row) fields() []any { return []any{&r.ID, &r.Seq, &r.Status} }

// RowsByID reads the rows with ids that belong to the registry and are not newer than the number
// upTo. The query names the key only: with registry and seq in the condition, a database may read
// the whole registry instead.
func (tx *Tx) RowsByID(ctx context.Context, registry string, ids []string, upTo int64) ([]Row, error) {
	type ownedRow struct {
		Row
		registry string
	}
	list := tx.in(`id`, ids, tx.World)
	found, err := collect(ctx, tx, func(r *ownedRow) []any { return append(r.fields(), &r.registry) },
		query(`SELECT id, seq, status, registry FROM schedule WHERE world = $1 AND `+list.text, list.args...))
	rows := make([]Row, 0, len(found))
	for _, r := range found {
		if r.registry == registry && r.Seq <= upTo {
			rows = append(rows, r.Row)
		}
	}
	return rows, err
}

// setCanceled cancels a schedule in an UPDATE; $1 is the status and $2 the time. The job of the
// schedule ends, and the schedule is never due again.
const setCanceled = `status = $1, updated = $2, due_at = 0, phase = '',
	job_completion = CASE WHEN job_start > 0 THEN $2 ELSE job_completion END`

// CancelSchedules cancels rows, which must all belong to the registry, in one statement.
func (tx *Tx) CancelSchedules(ctx context.Context, registry string, rows []Row) error {
	list := tx.in(`id`, ids(rows), api.StatusCanceled, tx.Now, tx.World)
	err := tx.run(ctx, `UPDATE schedule SET `+setCanceled+` WHERE world = $3 AND `+list.text, list.args...)
	if err != nil {
		return err
	}
	delta := removed(rows)
	delta[api.StatusCanceled] += len(rows)
	return tx.addCounts(ctx, registry, delta)
}

// DeleteSchedules deletes rows, which must all belong to the registry, in one statement.
func (tx *Tx) DeleteSchedules(ctx context.Context, registry string, rows []Row) error {
	list := tx.in(`id`, ids(rows), tx.World)
	if err := tx.run(ctx, `DELETE FROM schedule WHERE world = $1 AND `+list.text, list.args...); err != nil {
		return err
	}
	return tx.addCounts(ctx, registry, removed(rows))
}

func ids(rows []Row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.ID
	}
	return all
}

// removed returns the changes of the counters when rows leave their statuses.
func removed(rows []Row) map[api.Status]int {
	delta := map[api.Status]int{}
	for _, r := range rows {
		delta[r.Status]--
	}
	return delta
}
