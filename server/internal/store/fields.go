package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
)

// whole is a column of whole numbers. database/sql would write such a number as text and read that
// again, unless it goes into an int64.
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

// jsonText is a column that holds a value as JSON.
type jsonText[T any] struct {
	value *T
	last  *said[T] // in the row before, where rows may share it
}

// said is a text, and what it says.
type said[T any] struct {
	text  string
	value T
}

// asJSON makes a field of a row a JSON column.
func asJSON[T any](value *T) jsonText[T] { return jsonText[T]{value: value} }

// sharedJSON makes it a JSON column of which rows that say the same one after the other share what
// they say, which nobody may change; what the last one said is kept in a place that they have in
// common (nil: they share nothing).
func sharedJSON[T any](value *T, last *said[T]) jsonText[T] { return jsonText[T]{value, last} }

// Scan implements sql.Scanner.
func (j jsonText[T]) Scan(column any) error {
	switch c := column.(type) {
	case string:
		if c == "null" || c == "" { // what most rows have in some columns
			*j.value = *new(T)
			return nil
		}
		if j.last != nil && j.last.text == c {
			*j.value = j.last.value
			return nil
		}
		err := json.Unmarshal([]byte(c), j.value)
		if j.last != nil && err == nil {
			*j.last = said[T]{c, *j.value}
		}
		return err
	case []byte:
		return j.Scan(string(c))
	}
	return fmt.Errorf("column holds %T, want JSON text", column)
}

// Value implements driver.Valuer.
func (j jsonText[T]) Value() (driver.Value, error) {
	if j.last != nil && sameSlice(*j.value, j.last.value) {
		return j.last.text, nil
	}
	data, err := json.Marshal(j.value)
	if j.last != nil && err == nil {
		*j.last = said[T]{string(data), *j.value}
	}
	return string(data), err
}

// sameSlice reports whether two values are one slice.
func sameSlice(a, b any) bool {
	v, w := reflect.ValueOf(a), reflect.ValueOf(b)
	return v.Kind() == reflect.Slice && v.Len() > 0 && v.Len() == w.Len() && v.Pointer() == w.Pointer()
}
