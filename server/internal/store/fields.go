package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// whole is a column of whole numbers. database/sql formats and parses types other than int64.
type whole[T ~int | ~int64] struct{ to *T }

// Scan implements sql.Scanner.
func (w whole[T]) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("column has %T, want a whole number", column)
	}
	*w.to = T(n)
	return nil
}

// Value implements driver.Valuer.
func (w whole[T]) Value() (driver.Value, error) { return int64(*w.to), nil }

// num makes a field of a row a column of whole numbers.
func num[T ~int | ~int64](to *T) whole[T] { return whole[T]{to} }

// jsonText is a column with a value as JSON.
type jsonText[T any] struct{ value *T }

// asJSON makes a field of a row a JSON column.
func asJSON[T any](value *T) jsonText[T] { return jsonText[T]{value} }

// Scan implements sql.Scanner.
func (j jsonText[T]) Scan(column any) error {
	switch c := column.(type) {
	case string:
		if c == "null" || c == "" { // a fast path: some columns are empty in most rows
			*j.value = *new(T)
			return nil
		}
		return json.Unmarshal([]byte(c), j.value)
	case []byte:
		return j.Scan(string(c))
	}
	return fmt.Errorf("column has %T, want JSON text", column)
}

// Value implements driver.Valuer.
func (j jsonText[T]) Value() (driver.Value, error) {
	data, err := json.Marshal(j.value)
	return string(data), err
}
