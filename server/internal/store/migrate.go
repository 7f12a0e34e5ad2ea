package store

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schema is the version of the database schema: the number of the newest migration. Exported
// snapshots name it.
const schema = 5

// exchanged is the oldest schema of exported snapshots that can be read: tables have the same
// columns since.
const exchanged = 4

// NewerError says that a database was made by a newer version of the emulator.
type NewerError struct{ Is, Known int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf(
		"the database has the schema %d, and this version knows schemas up to %d: use the version that made "+
			"it, or a newer one",
		e.Is,
		e.Known,
	)
}

// migrate brings the schema up to date. Several processes may do so at the same time: on PostgreSQL
// one waits for the other, on SQLite one finds that the other was faster.
func (s *Store) migrate(ctx context.Context) error {
	var is int64 // stays 0 where there is nothing yet
	_ = s.write.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`).Scan(&is)
	switch {
	case is > schema:
		return &NewerError{is, schema}
	// as it is nearly always: to read the migrations would take longer than all else of opening a
	// file
	case is == schema:
		return nil
	}
	return s.up(ctx)
}

// up runs the migrations that are missing.
func (s *Store) up(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	var options []goose.ProviderOption
	if s.dialect.shared {
		// seconds, times
		turn, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 60))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(turn))
	}
	provider, err := goose.NewProvider(s.dialect.goose, s.write, dialectFS{files, s.dialect}, options...)
	if err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err != nil {
		if pending, check := provider.HasPending(ctx); check != nil || pending {
			return err
		}
	}
	return nil
}

// dialectFS has the migrations as a database needs them.
type dialectFS struct {
	fs.FS
	dialect dialect
}

// Open implements fs.FS.
func (d dialectFS) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	text = d.dialect.schema(name, text)
	return &memoryFile{Reader: bytes.NewReader(text), name: name, size: int64(len(text))}, nil
}

// memoryFile is a file that is read from memory.
type memoryFile struct {
	*bytes.Reader
	name string
	size int64
}

// Stat implements fs.File.
func (f *memoryFile) Stat() (fs.FileInfo, error) { return fileInfo{f}, nil }

// Close implements fs.File.
func (*memoryFile) Close() error { return nil }

// fileInfo is what there is to say about a file in memory.
type fileInfo struct{ file *memoryFile }

// Name implements fs.FileInfo.
func (i fileInfo) Name() string { return i.file.name }

// Size implements fs.FileInfo.
func (i fileInfo) Size() int64 { return i.file.size }

// Mode implements fs.FileInfo.
func (fileInfo) Mode() fs.FileMode { return 0o444 }

// ModTime implements fs.FileInfo.
func (fileInfo) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (fileInfo) IsDir() bool { return false }

// Sys implements fs.FileInfo.
func (fileInfo) Sys() any { return nil }
