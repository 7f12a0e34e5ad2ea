package store

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"io"
	"slices"
	"sync"
)

// packed is an empty database with the current schema, made by the migrations ("make generate"; a
// test holds it to them). New databases begin with it: the migrations take several times as long as
// all else that opening a file takes, and tests make thousands of databases in memory.
//
//go:embed empty.db.gz
var packed []byte

var unpacked = sync.OnceValues(func() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
})

// Empty is what a new file begins with: an empty database with the current schema, in WAL mode.
func Empty() ([]byte, error) {
	image, err := unpacked()
	if err != nil {
		return nil, err
	}
	const writeVersion, readVersion, wal = 18, 19, 2 // bytes of the header (SQLite file format, 1.3)
	image = slices.Clone(image)
	image[writeVersion], image[readVersion] = wal, wal
	return image, nil
}

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

// fill brings a database in memory up to date.
func (s *Store) fill(ctx context.Context) error {
	image, err := unpacked()
	if err != nil {
		return err
	}
	return s.raw(ctx, func(c wholeDatabase) error { return c.Deserialize(image) })
}
