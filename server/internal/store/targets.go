package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/gen/api"
)

// Most schedules have one target: a repository and a tag. The columns repo and tag contain it, and
// the column filters, which has the filters as JSON, is one character, as short rows make bulk jobs
// fast. The targets of other schedules are rows of schedule_target as well, and repo is "".

// The values of the column filters for one filter with one repository and one tag.
const (
	nullDays = "0" // days is null
	noDays   = "-" // days is absent
)

// filterColumns are the columns filters, repo and tag of a row.
type filterColumns struct {
	all   *[]api.ScheduleFilter
	short bool                   // of the row that is read: the filters consist of repo and tag
	null  nullable.Nullable[int] // shared by the rows that are read
}

type (
	filtersColumn filterColumns
	repoColumn    filterColumns
	tagColumn     filterColumns
)

// Scan implements sql.Scanner.
func (c *filtersColumn) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("column has %T, want text", column)
	}
	c.short = text == nullDays || text == noDays
	if !c.short {
		return asJSON(c.all).Scan(text)
	}
	one := api.ScheduleFilter{RepoTags: make([]api.RepoTag, 1)}
	if text == nullDays {
		if c.null == nil {
			c.null = nullable.NewNullNullable[int]()
		}
		one.Days = c.null
	}
	*c.all = []api.ScheduleFilter{one}
	return nil
}

// Value implements driver.Valuer.
func (c *filtersColumn) Value() (driver.Value, error) {
	if repo, _ := onlyTarget(*c.all); repo != "" && len(*c.all) == 1 {
		f := (*c.all)[0]
		_, noTag := f.RepoTags[0].Tag.Get()
		switch {
		case noTag != nil:
		case !f.Days.IsSpecified():
			return noDays, nil
		case f.Days.IsNull():
			return nullDays, nil
		}
	}
	data, err := json.Marshal(*c.all)
	return string(data), err
}

// Scan implements sql.Scanner.
func (c *repoColumn) Scan(column any) error {
	text, ok := column.(string)
	if ok && c.short {
		(*c.all)[0].RepoTags[0].Repo = text
	}
	return isText(ok, column)
}

// Value implements driver.Valuer.
func (c *repoColumn) Value() (driver.Value, error) {
	repo, _ := onlyTarget(*c.all)
	return repo, nil
}

// Scan implements sql.Scanner.
func (c *tagColumn) Scan(column any) error {
	text, ok := column.(string)
	if ok && c.short {
		(*c.all)[0].RepoTags[0].Tag = nullable.NewNullableWithValue(text)
	}
	return isText(ok, column)
}

// Value implements driver.Valuer.
func (c *tagColumn) Value() (driver.Value, error) {
	_, tag := onlyTarget(*c.all)
	return tag, nil
}

func isText(ok bool, column any) error {
	if !ok {
		return fmt.Errorf("column has %T, want text", column)
	}
	return nil
}

// repoTag is a repository and a tag that a schedule scans; a tag that is absent or null is "".
type repoTag struct{ repo, tag string }

// targets returns what filters select.
func targets(filters []api.ScheduleFilter) (all []repoTag) {
	for _, f := range filters {
		for _, t := range f.RepoTags {
			tag, _ := t.Tag.Get()
			all = append(all, repoTag{t.Repo, tag})
		}
	}
	return all
}

// onlyTarget returns the target for the columns repo and tag; "" if there are several targets, or
// none, or one without a repository.
func onlyTarget(filters []api.ScheduleFilter) (repo, tag string) {
	if all := targets(filters); len(all) == 1 && all[0].repo != "" {
		return all[0].repo, all[0].tag
	}
	return "", ""
}

// insertTargets adds the targets of schedules that were just inserted, except for those in columns.
func (tx *Tx) insertTargets(ctx context.Context, all []Schedule) error {
	var rows [][]any
	for _, s := range all {
		if repo, _ := onlyTarget(s.Filters); repo != "" {
			continue
		}
		for position, t := range targets(s.Filters) {
			rows = append(rows, []any{tx.World, s.ScheduleUUID, position, t.repo, t.tag})
		}
	}
	_, err := tx.Insert(ctx, `INSERT INTO schedule_target (world, schedule, position, repo, tag)`, ``, rows)
	return err
}
