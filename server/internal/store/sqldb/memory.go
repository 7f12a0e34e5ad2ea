package sqldb

import (
	"context"
	"errors"
)

// wholeDatabase is implemented by the connections of the SQLite driver.
type wholeDatabase interface {
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

// raw calls do with the connection of the driver to a database in memory.
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

// fill makes a database in memory a copy of the empty database.
func (db *DB) fill(ctx context.Context) error {
	image, err := db.schema.Empty()
	if err != nil {
		return err
	}
	return db.raw(ctx, func(c wholeDatabase) error { return c.Deserialize(image) })
}
