package store

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Cursor is how far a job is in the schedules of a registry: behind one in the order of creation
// or, where only those of one status are looked at, in the order of their index.
type Cursor struct {
	Seq     int64          `json:"seq,omitempty"`
	Created openapi.Millis `json:"created,omitempty"`
	ID      string         `json:"id,omitempty"`
}

// Batch is a part of a registry's schedules that one transaction works on, without reading it row
// by row: those that match a filter between two marks.
type Batch struct {
	Registry  string
	After, To Cursor
	UpTo      int64      // the newest that is looked at
	Rows      int        // how many there are between the marks, whether they match or not
	Last      bool       // there are no others behind it
	Status    api.Status // of all that match, where the filter asks for one that occurs
	status    string
	filter    qql.Filter
}

// Exact reports whether all schedules of the batch match.
func (p Batch) Exact() bool {
	_, whole := p.filter.(qql.Match)
	return whole && p.status != ""
}

// oneStatus gives the status that a filter asks for, in lower case, if it asks for one.
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

// Estimate is how many schedules of a registry a job with a filter looks at, by the counters: those
// of the one status that the filter asks for, which it names if there are any, or all.
func Estimate(counts Counts, f qql.Filter) (status api.Status, n int) {
	wanted := oneStatus(f)
	for s, count := range counts {
		switch {
		case wanted == "":
			n += count
		case strings.EqualFold(s, wanted):
			status, n = api.Status(s), count
		}
	}
	return status, n
}

// NextBatch gives the batch of a registry with some counters behind a mark that has at most so many
// rows: what one transaction looks at is bounded, however few of them a filter selects.
func (tx *Tx) NextBatch(ctx context.Context, counts Counts, f qql.Filter, within Batch) (Batch, error) {
	p := within
	p.status, p.filter = oneStatus(f), f
	if p.status == "" {
		w, err := tx.Window(ctx, p.Registry, Window{After: p.After.Seq, UpTo: within.UpTo, Rows: within.Rows})
		p.To, p.Rows, p.Last = Cursor{Seq: w.UpTo}, w.Rows, w.Rows < within.Rows
		return p, err
	}
	var all int
	if p.Status, all = Estimate(counts, f); all <= within.Rows {
		p.To, p.Rows, p.Last = Cursor{Created: math.MaxInt64}, all, true
		return p, nil
	}
	err := tx.Scan(
		ctx,
		[]any{&p.To.Created, &p.To.ID},
		`SELECT created, id FROM schedule WHERE world = $1 AND registry = $2 AND lower(status) = $3
			AND (created, id) > ($4, $5)
		ORDER BY created, id LIMIT 1 OFFSET $6`,
		tx.World,
		p.Registry,
		p.status,
		p.After.Created,
		p.After.ID,
		within.Rows-1,
	)
	if errors.Is(err, ErrNotFound) {
		p.To, p.Last, err = Cursor{Created: math.MaxInt64}, true, nil
		p.Rows = 0 // not counted
	}
	return p, err
}

// rows is the condition that a schedule is of the batch, behind some arguments. It says no more
// than it must: for a whole batch of one status, an index tells without a look at the schedules.
func (p Batch) rows(tx *Tx, args ...any) statement {
	args = append(args, tx.World, p.Registry)
	n := len(args)
	text := `world = $` + number(n-1) + ` AND registry = $` + number(n)
	if p.status == "" {
		args = append(args, p.After.Seq, min(p.To.Seq, p.UpTo))
		text += ` AND seq > $` + number(n+1) + ` AND seq <= $` + number(n+2)
	} else {
		args = append(args, p.status, p.After.Created, p.After.ID, p.To.Created, p.To.ID)
		text += ` AND lower(status) = $` + number(
			n+1,
		) + ` AND (created, id) > ($` + number(
			n+2,
		) + `, $` + number(
			n+3,
		) + `) AND (created, id) <= ($` + number(
			n+4,
		) + `, $` + number(
			n+5,
		) + `)`
		if !tx.exists || tx.last > p.UpTo {
			args = append(args, p.UpTo)
			text += ` AND seq <= $` + number(n+6)
		}
		if p.Exact() {
			return statement{text, args}
		}
	}
	where := tx.condition(Schedules, p.filter, args...)
	return statement{text + ` AND ` + where.text, where.args}
}

// CountByStatus counts the schedules of a batch by status.
func (tx *Tx) CountByStatus(ctx context.Context, p Batch) (map[api.Status]int, error) {
	type row struct {
		status api.Status
		n      int
	}
	where := p.rows(tx)
	rows, err := collect(
		ctx, tx, func(r *row) []any { return []any{&r.status, &r.n} },
		statement{`SELECT status, COUNT(*) FROM schedule WHERE ` + where.text + ` GROUP BY status`, where.args},
	)
	counts := map[api.Status]int{}
	for _, r := range rows {
		counts[r.status] = r.n
	}
	return counts, err
}

// RowsOf reads the rows of a batch.
func (tx *Tx) RowsOf(ctx context.Context, p Batch) ([]Row, error) {
	where := p.rows(tx)
	return collect(
		ctx, tx, (*Row).fields,
		statement{`SELECT id, seq, status FROM schedule WHERE ` + where.text + ` ORDER BY seq`, where.args},
	)
}

// CancelBatch cancels the schedules of a batch that have one of some statuses, and says how many.
// Of several statuses it must be told how many there are of each.
func (tx *Tx) CancelBatch(ctx context.Context, p Batch, counted map[api.Status]int) (int, error) {
	return tx.changeBatch(
		ctx, p, counted,
		change{statement{`UPDATE schedule SET ` + canceled, []any{api.StatusCanceled, tx.Now}}, api.StatusCanceled},
	)
}

// DeleteBatch removes them.
func (tx *Tx) DeleteBatch(ctx context.Context, p Batch, counted map[api.Status]int) (int, error) {
	return tx.changeBatch(ctx, p, counted, change{do: statement{text: `DELETE FROM schedule`}})
}

// change is the beginning of a statement after which schedules have a status or, without one, are
// gone.
type change struct {
	do statement
	to api.Status
}

// changeBatch changes the schedules of a batch that have one of some statuses.
func (tx *Tx) changeBatch(ctx context.Context, p Batch, counted map[api.Status]int, c change) (int, error) {
	if len(counted) == 0 {
		return 0, nil
	}
	where := p.rows(tx, c.do.args...)
	if !p.Exact() {
		var from []string
		for status := range counted {
			from = append(from, string(status))
		}
		list := tx.in(`status`, from, where.args...)
		where = statement{where.text + ` AND ` + list.text, list.args}
	}
	changed, err := tx.Exec(ctx, c.do.text+` WHERE `+where.text, where.args...)
	if err != nil || changed == 0 {
		return 0, err
	}
	delta := map[api.Status]int{}
	for status, n := range counted {
		if len(counted) == 1 {
			n = changed
		}
		delta[status] -= n
		if c.to != "" {
			delta[c.to] += n
		}
	}
	return changed, tx.addCounts(ctx, p.Registry, delta)
}
