package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// template is an empty database with the current schema, as bytes: what a new one in memory begins with. Making it once for all of a process spares each the migrations, which tests with an emulator
// of their own would feel.
var template = sync.OnceValues(func() (image []byte, err error) {
	ctx := context.Background()
	s := &Store{dialect: embedded, now: func() time.Time { return time.Time{} }}
	if s.write, err = sql.Open(embedded.driver, source(memoryName, true)); err != nil {
		return nil, err
	}
	s.read = s.write
	s.write.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	err = s.raw(ctx, func(c wholeDatabase) error {
		image, err = c.Serialize()
		return err
	})
	return image, err
})

// wholeDatabase is what a connection to SQLite can do with a whole database.
type wholeDatabase interface {
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

// raw does something with the connection of a database in memory.
func (s *Store) raw(ctx context.Context, do func(wholeDatabase) error) error {
	c, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // gives it back
	return c.Raw(func(driver any) error {
		whole, ok := driver.(wholeDatabase)
		if !ok {
			return errors.New("the driver cannot copy a database")
		}
		return do(whole)
	})
}

// fill brings a database in memory up to date by the template.
func (s *Store) fill(ctx context.Context) error {
	image, err := template()
	if err != nil {
		return err
	}
	return s.raw(ctx, func(c wholeDatabase) error { return c.Deserialize(image) })
}
