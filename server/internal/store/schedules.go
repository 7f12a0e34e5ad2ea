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
	target: `(lower(repo) <> '' AND %[1]s OR lower(repo) = '' AND EXISTS (SELECT 1 FROM schedule_target
		WHERE schedule_target.world = %[2]s AND schedule_target.schedule = schedule.id AND %[1]s))`,
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
		status, filters, repo, tag, errors, created, updated, job_start, job_completion,
		listing_start, listing_completion, scanning_start, scanning_completion`
	scheduleColumns = shownColumns + `, registry, seq, due_at, run_at, phase, queued_stay, listing_stay,
		scanning_stay, outcome, fault`
)

func shownFields(s *api.Schedule) []any {
	filters := filterColumns{all: &s.Filters}
	return []any{
		&s.ScheduleUUID, &s.Name, &s.OnDemand, &s.Schedule, num(&s.ScheduleScanIntervalInDays),
		(*string)(&s.WeekDay), &s.ForceScan, (*string)(&s.RegistryType), (*string)(&s.Status),
		(*filtersColumn)(&filters), (*repoColumn)(&filters), (*tagColumn)(&filters),
		asJSON(&s.Errors), num(&s.Created), num(&s.Updated),
		num(&s.JobStartDate), num(&s.JobCompletionDate), num(&s.JobListingStartDate), num(&s.JobListingCompletionDate),
		num(&s.JobScanningStartDate), num(&s.JobScanningCompletionDate),
	}
}

func (s *Schedule) fields() []any {
	return append(shownFields(&s.Schedule), &s.RegistryID, &s.Seq, &s.DueAt, &s.RunAt, &s.Phase,
		&s.Stays.Queued, &s.Stays.Listing, &s.Stays.Scanning, &s.Outcome, asJSON(&s.Fault))
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
	list, err := tx.scheduleList(ctx, tx.World, all[0].RegistryID)
	if err != nil {
		return err
	}
	counts := map[api.Status]int{}
	rows := make([][]any, len(all))
	all = slices.Clone(all) // the schedules of the caller do not get numbers
	for i := range all {
		s := &all[i]
		s.Seq = last - int64(len(all)-1-i)
		counts[s.Status]++
		rows[i] = append([]any{tx.World, list}, s.fields()...)
	}
	n, err := tx.Insert(ctx, `INSERT INTO schedule (world, list, `+scheduleColumns+`)`, ` ON CONFLICT DO NOTHING`, rows)
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
