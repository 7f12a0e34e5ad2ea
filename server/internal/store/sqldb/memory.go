package sqldb

import (
	"context"
	"errors"
)

// wholeDatabase is what a connection to SQLite can do with a whole database.
type wholeDatabase interface {
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

// raw calls do with the driver connection of a database in memory.
func (db *DB) raw(ctx context.Context, do func(wholeDatabase) error) error {
	c, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // returns it to the pool
	return c.Raw(func(driver any) error {
		whole, ok := driver.(wholeDatabase)
		if !ok {
			return errors.New("the driver cannot copy a database")
		}
		return do(whole)
	})
}

// fill brings a database in memory up to date.
func (db *DB) fill(ctx context.Context) error {
	image, err := db.schema.Empty()
	if err != nil {
		return err
	}
	return db.raw(ctx, func(c wholeDatabase) error { return c.Deserialize(image) })
}
