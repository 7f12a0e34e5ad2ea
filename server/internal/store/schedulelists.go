package store

import (
	"context"
	"slices"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// The schedules of a registry are a list with a number, which indexes of the table schedule begin
// with. The number is short, and the names of the world and the registry are not: with the names in
// each index, bulk jobs would write twice as many pages.

// inList is the condition that a schedule belongs to the list of the registry $2 of the world $1.
const inList = `list = (SELECT number FROM schedule_list WHERE world = $1 AND registry = $2)`

// scheduleList returns the number of the list of a registry, which is created if it does not exist.
// The world can be a snapshot.
func (tx *Tx) scheduleList(ctx context.Context, world, registry string) (number int64, err error) {
	found, err := tx.first(ctx, []any{&number},
		`SELECT number FROM schedule_list WHERE world = $1 AND registry = $2`, world, registry)
	if err != nil || found {
		return number, err
	}
	if err := tx.Scan(ctx, []any{&number}, `UPDATE world_number SET list = list + 1 RETURNING list`); err != nil {
		return 0, err
	}
	return number, tx.run(ctx, `INSERT INTO schedule_list (number, world, registry) VALUES ($1, $2, $3)`,
		number, world, registry)
}

// copyScheduleLists creates for each list of a world or of a snapshot one in another.
func (tx *Tx) copyScheduleLists(ctx context.Context, from, to string) error {
	err := tx.run(ctx, `UPDATE world_number SET list = list +
		(SELECT COUNT(*) FROM schedule_list WHERE world = $1)`, from)
	if err != nil {
		return err
	}
	return tx.run(ctx, `INSERT INTO schedule_list (number, world, registry)
		SELECT n.list + 1 - ROW_NUMBER() OVER (ORDER BY l.registry), $1, l.registry
		FROM schedule_list AS l, world_number AS n WHERE l.world = $2`, to, from)
}

// scheduleQuery is a list of schedules that a caller wants to read.
type scheduleQuery struct {
	List
	registry string
	counts   Counts    // of the registry
	rows     statement // the query of the list, from FROM
	total    int       // how many schedules match
}

// all returns how many schedules the registry has.
func (q *scheduleQuery) all() int {
	_, n := Estimate(q.counts, nil)
	return n
}

// Schedules lists the schedules of a registry, and counts all that match.
func (tx *Tx) Schedules(ctx context.Context, registry string, l List) (page []api.Schedule, total int, err error) {
	q := &scheduleQuery{List: l, registry: registry}
	if q.counts, err = tx.ScheduleCounts(ctx, registry); err != nil {
		return nil, 0, err
	}
	where, list := tx.condition(Schedules, l.Filter, tx.World, registry), inList
	if selectsIDs(l.Filter) { // a column after + is not looked up in an index, on both databases
		list = `world = $1 AND +` + inList
	}
	q.rows = query(` FROM schedule WHERE `+list+` AND `+where.text, where.args...)
	if q.total, err = tx.totalOf(ctx, q); err != nil {
		return nil, 0, err
	}
	if (l.Page-1)*l.Size >= q.total {
		return []api.Schedule{}, q.total, nil
	}
	text, err := tx.pageOf(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	text.rows = min(l.Size, q.total)
	page, err = collect(ctx, tx, shownFields, text)
	return page, q.total, err
}

// selectsIDs reports whether a filter only matches some ids.
func selectsIDs(f qql.Filter) bool {
	var ids []string
	switch f := f.(type) {
	case qql.And:
		return slices.ContainsFunc(f, selectsIDs)
	case qql.Or:
		_, ids = listOfIDs(f)
	case qql.Match:
		_, ids = listOfIDs(qql.Or{f})
	}
	return len(ids) > 0
}

// totalOf counts the schedules of a list.
func (tx *Tx) totalOf(ctx context.Context, q *scheduleQuery) (int, error) {
	if total, known := countOf(q.counts, q.Filter); known {
		return total, nil
	}
	if r, ok := rangeOf(q.Filter); ok {
		return tx.countRange(ctx, q, r)
	}
	return tx.count(ctx, q.rows)
}

// lastSkipped is the last page for which the database skips the rows of the pages before it. The
// first row of a later page is looked up in an index.
const lastSkipped = 10

// pageOf returns the query of a page of a list.
func (tx *Tx) pageOf(ctx context.Context, q *scheduleQuery) (statement, error) {
	order, skipped := q.order(Schedules), (q.Page-1)*q.Size
	r, isRange := rangeOf(q.Filter)
	switch {
	case isRange && r.column != order.Field.Token:
		return q.pageOfRange(r), nil
	case q.Page <= lastSkipped || order.Field.Token != "created":
		return query(`SELECT `+shownColumns+q.rows.text+q.page(Schedules, "id"), q.rows.args...), nil
	}
	position := List{Sort: order, Page: skipped + 1, Size: 1}
	if skipped > q.total/2 { // the other end of the index is nearer
		position.Sort.Desc, position.Page = !order.Desc, q.total-skipped
	}
	var first Cursor
	err := tx.Scan(ctx, []any{&first.Created, &first.ID},
		`SELECT created, id`+q.rows.text+position.page(Schedules, "id"), q.rows.args...)
	from := first.from(order, q.rows)
	page := List{Sort: q.Sort, Page: 1, Size: q.Size}
	return query(`SELECT `+shownColumns+from.text+page.page(Schedules, "id"), from.args...), err
}
