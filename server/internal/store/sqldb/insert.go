package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// Insert inserts rows, and returns how many were inserted. The statement begins with head, "INSERT
// INTO t (c, …)", and ends with tail. PostgreSQL gets all rows in one statement, as arrays of
// columns, which saves round trips. SQLite, which has none, gets one row at a time.
func (tx *Tx) Insert(ctx context.Context, head, tail string, rows [][]any) (inserted int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	if tx.Arrays {
		text, args, err := unnest(rows)
		if err != nil {
			return 0, err
		}
		return tx.Exec(ctx, head+text+tail, args...)
	}
	// SQLite binds ? faster than $1, whose name it searches for.
	statement, err := tx.querier.PrepareContext(ctx, head+` VALUES (?`+strings.Repeat(", ?", len(rows[0])-1)+`)`+tail)
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

// unnest returns a query of rows that are passed as one array for each column.
func unnest(rows [][]any) (text string, args []any, err error) {
	var columns []string
	for i := range rows[0] {
		first, err := driver.DefaultParameterConverter.ConvertValue(rows[0][i])
		if err != nil {
			return "", nil, err
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
			return "", nil, err
		}
		args = append(args, array)
		columns = append(columns, fmt.Sprintf("$%d::%s[]", len(args), kind))
	}
	return " SELECT * FROM unnest(" + strings.Join(columns, ", ") + ")", args, nil
}

// column returns the values of a column.
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
