package store

import (
	"context"
	"errors"
	"math"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Mark is how far a job is in the schedules of a registry: behind one in the order of creation or, where only those of one status are looked at, in the order of their index.
type Mark struct {
	Seq     int64          `json:"seq,omitempty"`
	Created openapi.Millis `json:"created,omitempty"`
	ID      string         `json:"id,omitempty"`
}

// Piece is a part of a registry's schedules that one transaction works on, without reading it row by row: those that match a filter between two marks.
type Piece struct {
	Registry  string
	After, To Mark
	UpTo      int64 // the newest that is looked at
	Rows      int   // how many there are between the marks, whether they match or not
	Last      bool  // there are no others behind it
	status    string
	filter    qql.Filter
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

// NextPiece gives the piece of a registry behind a mark that has at most so many rows: what one transaction looks at is bounded, however few of them a filter selects.
func (tx *Tx) NextPiece(ctx context.Context, f qql.Filter, within Piece) (Piece, error) {
	p := within
	p.status, p.filter = oneStatus(f), f
	if p.status == "" {
		w, err := tx.Window(ctx, p.Registry, Window{After: p.After.Seq, UpTo: within.UpTo, Rows: within.Rows})
		p.To, p.Rows, p.Last = Mark{Seq: w.UpTo}, w.Rows, w.Rows < within.Rows
		return p, err
	}
	err := tx.scan(ctx, []any{&p.To.Created, &p.To.ID}, `SELECT created, id FROM schedule WHERE world = $1 AND registry = $2 AND lower(status) = $3 AND (created, id) > ($4, $5)
		ORDER BY created, id LIMIT 1 OFFSET $6`, tx.World, p.Registry, p.status, p.After.Created, p.After.ID, within.Rows-1)
	if errors.Is(err, ErrNotFound) {
		p.To, p.Last, err = Mark{Created: math.MaxInt64}, true, nil
		p.Rows = 0 // not counted
	}
	return p, err
}

// rows is the condition that a schedule is of the piece, behind some arguments.
func (p Piece) rows(tx *Tx, args ...any) statement {
	args = append(args, tx.World, p.Registry)
	n := len(args)
	text := `world = $` + number(n-1) + ` AND registry = $` + number(n)
	if p.status == "" {
		args = append(args, p.After.Seq, min(p.To.Seq, p.UpTo))
		text += ` AND seq > $` + number(n+1) + ` AND seq <= $` + number(n+2)
	} else {
		args = append(args, p.status, p.After.Created, p.After.ID, p.To.Created, p.To.ID, p.UpTo)
		text += ` AND lower(status) = $` + number(n+1) + ` AND (created, id) > ($` + number(n+2) + `, $` + number(n+3) + `) AND (created, id) <= ($` + number(n+4) + `, $` + number(n+5) + `) AND seq <= $` + number(n+6)
	}
	where := tx.condition(Schedules, p.filter, args...)
	return statement{text + ` AND ` + where.text, where.args}
}

// Tally counts the schedules of a piece by status.
func (tx *Tx) Tally(ctx context.Context, p Piece) (map[api.Status]int, error) {
	type row struct {
		status api.Status
		n      int
	}
	where := p.rows(tx)
	rows, err := collect(ctx, tx, func(r *row) []any { return []any{&r.status, &r.n} }, statement{`SELECT status, COUNT(*) FROM schedule WHERE ` + where.text + ` GROUP BY status`, where.args})
	counts := map[api.Status]int{}
	for _, r := range rows {
		counts[r.status] = r.n
	}
	return counts, err
}

// RowsOf reads the rows of a piece.
func (tx *Tx) RowsOf(ctx context.Context, p Piece) ([]Row, error) {
	where := p.rows(tx)
	return collect(ctx, tx, (*Row).fields, statement{`SELECT id, seq, status FROM schedule WHERE ` + where.text + ` ORDER BY seq`, where.args})
}

// statuses are the keys of counts that are not zero.
func statuses(counts map[api.Status]int) (all []string) {
	for status, n := range counts {
		if n != 0 {
			all = append(all, string(status))
		}
	}
	return all
}

// CancelPiece cancels the schedules of a piece that have one of some statuses, of each as many as were counted just now.
func (tx *Tx) CancelPiece(ctx context.Context, p Piece, counted map[api.Status]int) error {
	where := p.rows(tx, api.StatusCanceled, tx.Now)
	list := tx.dialect.in(`status`, statuses(counted), where.args...)
	if _, err := tx.exec(ctx, `UPDATE schedule SET `+canceled+` WHERE `+where.text+` AND `+list.text, list.args...); err != nil {
		return err
	}
	delta := map[api.Status]int{}
	for status, n := range counted {
		delta[status] -= n
		delta[api.StatusCanceled] += n
	}
	return tx.addCounts(ctx, p.Registry, delta)
}

// DeletePiece removes them.
func (tx *Tx) DeletePiece(ctx context.Context, p Piece, counted map[api.Status]int) error {
	where := p.rows(tx)
	list := tx.dialect.in(`status`, statuses(counted), where.args...)
	if _, err := tx.exec(ctx, `DELETE FROM schedule WHERE `+where.text+` AND `+list.text, list.args...); err != nil {
		return err
	}
	delta := map[api.Status]int{}
	for status, n := range counted {
		delta[status] -= n
	}
	return tx.addCounts(ctx, p.Registry, delta)
}
