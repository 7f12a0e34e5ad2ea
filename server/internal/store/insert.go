package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// insert adds rows to what a statement begins with, "INSERT INTO t (c, …)", and says how many there
// were. PostgreSQL gets the columns of all at once, which saves the way there and back; SQLite,
// which is in this process, a row at a time by a statement that is prepared once.
func (tx *Tx) insert(ctx context.Context, head, tail string, rows [][]any) (inserted int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	if tx.dialect.arrays {
		from, err := unnest(rows)
		if err != nil {
			return 0, err
		}
		return tx.exec(ctx, head+from.text+tail, from.args...)
	}
	// an argument with a number is looked for in a list
	statement, err := tx.sql.PrepareContext(ctx, head+` VALUES (?`+strings.Repeat(", ?", len(rows[0])-1)+`)`+tail)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	for _, row := range rows {
		result, err := statement.ExecContext(ctx, row...)
		if err != nil {
			return inserted, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return inserted, err
		}
		inserted += int(n)
	}
	return inserted, nil
}

// unnest makes rows of arrays, one for each column.
func unnest(rows [][]any) (s statement, err error) {
	s.text = ` SELECT * FROM unnest(`
	for i := range rows[0] {
		first, err := driver.DefaultParameterConverter.ConvertValue(rows[0][i])
		if err != nil {
			return s, err
		}
		var array any
		var kind string
		switch first.(type) {
		case string:
			kind = "text"
			array, err = column[string](rows, i)
		case int64:
			kind = "bigint"
			array, err = column[int64](rows, i)
		case bool:
			kind = "boolean"
			array, err = column[bool](rows, i)
		default:
			err = fmt.Errorf("a column of %T", first)
		}
		if err != nil {
			return s, err
		}
		if i > 0 {
			s.text += ", "
		}
		s.args = append(s.args, array)
		s.text += "$" + number(len(s.args)) + "::" + kind + "[]"
	}
	s.text += ")"
	return s, nil
}

// column gives the values of a column.
func column[T any](rows [][]any, i int) ([]T, error) {
	all := make([]T, len(rows))
	for n, row := range rows {
		v, err := driver.DefaultParameterConverter.ConvertValue(row[i])
		if err != nil {
			return nil, err
		}
		var same bool
		if all[n], same = v.(T); !same {
			return nil, fmt.Errorf("a column of %T and %T", all[n], v)
		}
	}
	return all, nil
}
