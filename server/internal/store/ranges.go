package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/qcsdev/qcs/openapi/qql"
)

// timeRange is what a filter selects that only bounds one time of schedules: created or updated,
// which have indexes. A time that is 0 is missing and never in the range.
type timeRange struct {
	column    string
	low, high int64 // inclusive
}

// rangeOf returns the range that a filter selects. The result ok is false if the filter is not a
// range, or selects by anything else.
func rangeOf(f qql.Filter) (r timeRange, ok bool) {
	r = timeRange{"", math.MinInt64, math.MaxInt64}
	ok = r.narrow(f)
	return r, ok && r.column != ""
}

// narrow narrows the range to a filter, and reports whether that is possible.
func (r *timeRange) narrow(f qql.Filter) bool {
	if all, several := f.(qql.And); several {
		for _, part := range all {
			if !r.narrow(part) {
				return false
			}
		}
		return true
	}
	c, ok := f.(qql.Compare)
	column := Schedules.columns[c.Field.Token]
	if !ok || column != "created" && column != "updated" || r.column != "" && r.column != column {
		return false
	}
	low, high := bounds(c)
	r.column, r.low, r.high = column, max(r.low, low), min(r.high, high)
	return true
}

// bounds returns the least and the greatest number that a comparison accepts.
func bounds(c qql.Compare) (low, high int64) {
	const least, greatest = math.MinInt64, math.MaxInt64
	switch {
	case c.Op == qql.Less && c.Number > least:
		return least, c.Number - 1
	case c.Op == qql.LessOrEqual:
		return least, c.Number
	case c.Op == qql.Greater && c.Number < greatest:
		return c.Number + 1, greatest
	case c.Op == qql.GreaterOrEqual:
		return c.Number, greatest
	case c.Op == qql.Equal:
		return c.Number, c.Number
	}
	return greatest, least // no number
}

// countRange counts the schedules of a list in a range. It reads an index inside the range or
// outside it: where there are probably fewer schedules, as if they were spread evenly over time.
func (tx *Tx) countRange(ctx context.Context, q *scheduleQuery, r timeRange) (int, error) {
	count := func(condition string, bounds ...any) (int, error) {
		args := append([]any{tx.World, q.registry}, bounds...)
		return tx.count(ctx, query(` FROM schedule WHERE `+inList+` AND `+r.column+condition, args...))
	}
	end := func(f string) string {
		return `(SELECT COALESCE(` + f + `(` + r.column + `), 0) FROM schedule WHERE ` + inList + `)`
	}
	var first, last int64
	err := tx.Scan(ctx, []any{&first, &last}, `SELECT `+end("MIN")+`, `+end("MAX"), tx.World, q.registry)
	low, high := max(r.low, first), min(r.high, last)
	if err != nil || low > high {
		return 0, err
	}
	missing := 0
	if low <= 0 && high >= 0 {
		if missing, err = count(` = 0`); err != nil {
			return 0, err
		}
	}
	if float64(high)-float64(low) < (float64(last)-float64(first))/2 {
		condition, bounds := ` >= $3`, []any{low}
		if high < last { // comparing with a second bound takes longer than reading the index
			condition, bounds = condition+` AND `+r.column+` <= $4`, append(bounds, high)
		}
		inside, err := count(condition, bounds...)
		return inside - missing, err
	}
	before, after := 0, 0
	if low > first {
		before, err = count(` < $3`, low)
	}
	if high < last && err == nil {
		after, err = count(` > $3`, high)
	}
	return q.all() - before - after - missing, err
}

// pageOfRange returns the query of a page of the schedules in a range, if the page has another
// order than that of the range.
func (q *scheduleQuery) pageOfRange(r timeRange) statement {
	page := q.page(Schedules, "id")
	if q.total > q.all()/2 { // most schedules match: read them in their order until the page is full
		// A column after + is not looked up in an index, on both databases.
		text := strings.ReplaceAll(q.rows.text, r.column+" ", "+"+r.column+" ")
		return query(`SELECT `+shownColumns+text+page, q.rows.args...)
	}
	// The index on the range has all columns that the inner query reads.
	order, _, _ := strings.Cut(page, " LIMIT")
	return query(fmt.Sprintf(`SELECT %s FROM schedule WHERE world = $1 AND id IN (SELECT id%s%s)%s`,
		shownColumns, q.rows.text, page, order), q.rows.args...)
}
