package store

import (
	"database/sql/driver"
	"fmt"
)

// whole is a column of whole numbers. database/sql would write such a number as text and read that again, unless it goes into an int64.
type whole[T ~int | ~int64] struct{ to *T }

// Scan implements sql.Scanner.
func (w whole[T]) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("column holds %T, want a whole number", column)
	}
	*w.to = T(n)
	return nil
}

// Value implements driver.Valuer.
func (w whole[T]) Value() (driver.Value, error) { return int64(*w.to), nil }

// num makes a field of a row a column of whole numbers.
func num[T ~int | ~int64](to *T) whole[T] { return whole[T]{to} }
