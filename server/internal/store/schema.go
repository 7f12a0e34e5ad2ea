package store

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"slices"
	"sync"

	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaVersion is the number of the newest migration. Exported snapshots name it.
const schemaVersion = 6

// oldestExported is the oldest schema of exported snapshots that can be read: tables have the same
// columns since.
const oldestExported = 4

func schema() sqldb.Schema {
	files, _ := fs.Sub(migrations, "migrations") // it is embedded
	return sqldb.Schema{Version: schemaVersion, Migrations: files, Empty: unpacked}
}

// packed is an empty database with the current schema, made by the migrations ("make generate"; a
// test compares it). New databases begin with it: running the migrations takes several times as
// long as everything else when a file is opened, and tests open thousands of databases in memory.
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

// Empty returns what a new file begins with: an empty database with the current schema, in WAL
// mode.
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
