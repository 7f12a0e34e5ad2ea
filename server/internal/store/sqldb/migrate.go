package sqldb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Schema is the schema of a database.
type Schema struct {
	Version    int64                  // number of the newest migration
	Migrations fs.FS                  // goose migrations, *.sql
	Empty      func() ([]byte, error) // image of an empty SQLite database with the newest schema
}

// NewerError means that a newer version of the emulator has migrated the database.
type NewerError struct{ Is, Known int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the database has the schema %d, and this version knows schemas up to %d: "+
		"use the version that made it, or a newer one", e.Is, e.Known)
}

// version returns the version of the schema; 0 for a new database.
func (db *DB) version(ctx context.Context) (is int64) {
	_ = db.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`).Scan(&is)
	return is
}

// checkCurrent returns an error unless the database has the current schema.
func (db *DB) checkCurrent(ctx context.Context) error {
	switch is := db.version(ctx); {
	case is > db.schema.Version:
		return &NewerError{is, db.schema.Version}
	case is < db.schema.Version:
		return fmt.Errorf("the database has the schema %d, older than %d: start qcsd once to migrate it",
			is, db.schema.Version)
	}
	return nil
}

// migrate migrates the schema. Replicas that do so at the same time wait for each other.
func (db *DB) migrate(ctx context.Context) error {
	switch is := db.version(ctx); {
	case is > db.schema.Version:
		return &NewerError{is, db.schema.Version}
	case is == db.schema.Version: // the usual case; parsing the migrations takes longer than opening a file
		return nil
	}
	return db.up(ctx)
}

// up runs the missing migrations.
func (db *DB) up(ctx context.Context) error {
	var options []goose.ProviderOption
	if db.shared {
		// The arguments are the seconds between attempts and the number of attempts.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 60))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(db.goose, db.write, dialectFS{db.schema.Migrations, db.Dialect}, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	if err != nil {
		if pending, check := provider.HasPending(ctx); check == nil && !pending {
			return nil // another replica has migrated the database
		}
	}
	return err
}

// dialectFS is a file system with the migrations, adapted to a dialect.
type dialectFS struct {
	fs.FS
	dialect Dialect
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
	return migrationFile{f, bytes.NewReader(d.dialect.migration(name, text))}, err
}

// migrationFile is a file whose text is replaced.
type migrationFile struct {
	fs.File
	text io.Reader
}

// Read implements fs.File.
func (f migrationFile) Read(p []byte) (int, error) { return f.text.Read(p) }
