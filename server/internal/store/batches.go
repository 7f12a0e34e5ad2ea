package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Cursor is the position of a job in the schedules of a registry: the last schedule that it has
// read. A job that reads the schedules of one status orders them by (Created, ID), which is indexed
// with the status; other jobs order them by Seq, the order of creation.
type Cursor struct {
	Seq     int64          `json:"seq,omitempty"`
	Created openapi.Millis `json:"created,omitempty"`
	ID      string         `json:"id,omitempty"`
}

// Batch is the part of a registry's schedules that one transaction of a job works on: those that
// match a filter, behind one cursor and up to another.
type Batch struct {
	Registry  string
	After, To Cursor
	UpTo      int64      // number of the newest schedule that the job may read
	Rows      int        // number of schedules between the cursors, with those that do not match
	Last      bool       // no schedules follow
	Status    api.Status // of all that match, if the filter selects one status that occurs
	status    string     // the status that the filter selects, in lower case; "" if it selects none
	filter    qql.Filter
}

// Exact reports whether all schedules of the batch match.
func (b Batch) Exact() bool {
	_, whole := b.filter.(qql.Match)
	return whole && b.status != ""
}

// oneStatus returns the one status that a filter selects, in lower case, or "".
func oneStatus(f qql.Filter) string {
	switch f := f.(type) {
	case qql.And:
		for _, part := range f {
			if status := oneStatus(part); status != "" {
				return status
			}
		}
	case qql.Match:
		if f.Field.Token == "status" && f.Fold && len(f.Parts) == 1 {
			return f.Parts[0]
		}
	}
	return ""
}

// Estimate returns how many schedules a job with a filter reads, by the counters of the registry:
// those of the one status that the filter selects, or all. status is "" if no schedule has it.
func Estimate(counts Counts, f qql.Filter) (status api.Status, n int) {
	selected := oneStatus(f)
	for s, count := range counts {
		switch {
		case selected == "":
			n += count
		case strings.EqualFold(s, selected):
			status, n = api.Status(s), count
		}
	}
	return status, n
}

// The two ways in which NextBatch finds the end of a batch.
const (
	bySeq = `SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM (SELECT seq FROM schedule
		WHERE ` + inList + ` AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5) AS next`
	byStatus = `SELECT created, id FROM schedule WHERE ` + inList + ` AND lower(status) = $3
		AND (created, id) > ($4, $5) ORDER BY created, id LIMIT 1 OFFSET $6`
)

// NextBatch returns the batch that begins behind b.After and has at most b.Rows rows. The bound
// counts rows that do not match too, so that a transaction never reads more.
func (tx *Tx) NextBatch(ctx context.Context, counts Counts, f qql.Filter, b Batch) (Batch, error) {
	limit := b.Rows
	b.status, b.filter = oneStatus(f), f
	if b.status == "" {
		b.To = Cursor{}
		err := tx.Scan(ctx, []any{&b.Rows, &b.To.Seq}, bySeq, tx.World, b.Registry, b.After.Seq, b.UpTo, limit)
		b.Last = b.Rows < limit
		return b, err
	}
	var all int
	if b.Status, all = Estimate(counts, f); all <= limit {
		b.To, b.Rows, b.Last = Cursor{Created: math.MaxInt64}, all, true
		return b, nil
	}
	found, err := tx.first(ctx, []any{&b.To.Created, &b.To.ID}, byStatus,
		tx.World, b.Registry, b.status, b.After.Created, b.After.ID, limit-1)
	if err == nil && !found {
		b.To, b.Rows, b.Last = Cursor{Created: math.MaxInt64}, 0, true // the rest is not counted
	}
	return b, err
}

// condition returns the condition that selects the schedules of a batch; args are the arguments
// before those of the condition. For a batch of one status, an index has all its columns.
func (b Batch) condition(tx *Tx, args ...any) statement {
	args = append(args, tx.World, b.Registry)
	n := len(args)
	text := fmt.Sprintf(`world = $%[1]d AND list = (SELECT number FROM schedule_list
		WHERE world = $%[1]d AND registry = $%[2]d)`, n-1, n)
	if b.status == "" {
		args = append(args, b.After.Seq, min(b.To.Seq, b.UpTo))
		text += fmt.Sprintf(` AND seq > $%d AND seq <= $%d`, n+1, n+2)
	} else {
		args = append(args, b.status, b.After.Created, b.After.ID, b.To.Created, b.To.ID)
		text += fmt.Sprintf(` AND lower(status) = $%d AND (created, id) > ($%d, $%d) AND (created, id) <= ($%d, $%d)`,
			n+1, n+2, n+3, n+4, n+5)
		if !tx.exists || tx.lastSeq > b.UpTo {
			args = append(args, b.UpTo)
			text += fmt.Sprintf(` AND seq <= $%d`, n+6)
		}
		if b.Exact() {
			return query(text, args...)
		}
	}
	where := tx.condition(Schedules, b.filter, args...)
	return query(text+` AND `+where.text, where.args...)
}

// CountByStatus counts the schedules of a batch by status.
func (tx *Tx) CountByStatus(ctx context.Context, b Batch) (map[api.Status]int, error) {
	type row struct {
		status api.Status
		n      int
	}
	where := b.condition(tx)
	rows, err := collect(ctx, tx, func(r *row) []any { return []any{&r.status, &r.n} },
		query(`SELECT status, COUNT(*) FROM schedule WHERE `+where.text+` GROUP BY status`, where.args...))
	counts := map[api.Status]int{}
	for _, r := range rows {
		counts[r.status] = r.n
	}
	return counts, err
}

// RowsOf reads the rows of a batch.
func (tx *Tx) RowsOf(ctx context.Context, b Batch) ([]Row, error) {
	where := b.condition(tx)
	return collect(ctx, tx, (*Row).fields,
		query(`SELECT id, seq, status FROM schedule WHERE `+where.text+` ORDER BY seq`, where.args...))
}

// CancelBatch cancels the schedules of a batch that have one of the counted statuses, and returns
// how many there were. The counts must be right if there is more than one status.
func (tx *Tx) CancelBatch(ctx context.Context, b Batch, counted map[api.Status]int) (int, error) {
	n, err := tx.changeBatch(ctx, b, counted, query(`UPDATE schedule SET `+setCanceled, api.StatusCanceled, tx.Now))
	if err != nil || n == 0 {
		return 0, err
	}
	return n, tx.addCounts(ctx, b.Registry, map[api.Status]int{api.StatusCanceled: n})
}

// DeleteBatch deletes the schedules of a batch, with the same parameters as CancelBatch.
func (tx *Tx) DeleteBatch(ctx context.Context, b Batch, counted map[api.Status]int) (int, error) {
	return tx.changeBatch(ctx, b, counted, query(`DELETE FROM schedule`))
}

// changeBatch runs a statement, which lacks its condition, on the schedules of a batch that have
// one of the counted statuses, and subtracts them from the counts of the registry.
func (tx *Tx) changeBatch(ctx context.Context, b Batch, counted map[api.Status]int, do statement) (int, error) {
	if len(counted) == 0 {
		return 0, nil
	}
	where := b.condition(tx, do.args...)
	if !b.Exact() {
		var from []string
		for status := range counted {
			from = append(from, string(status))
		}
		list := tx.in(`status`, from, where.args...)
		where = query(where.text+` AND `+list.text, list.args...)
	}
	changed, err := tx.Exec(ctx, do.text+` WHERE `+where.text, where.args...)
	if err != nil || changed == 0 {
		return 0, err
	}
	delta := map[api.Status]int{}
	for status, n := range counted {
		if len(counted) == 1 {
			n = changed
		}
		delta[status] -= n
	}
	return changed, tx.addCounts(ctx, b.Registry, delta)
}
