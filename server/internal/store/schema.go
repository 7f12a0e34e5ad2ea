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
const schemaVersion = 8

// oldestExported is the oldest schema whose exported snapshots can be imported. The tables have the
// same columns since then, except for those that oneTarget fills.
const (
	oldestExported = 4
	oneTarget      = 7 // since this schema, a schedule with one target has it in the columns repo and tag
)

func schema() sqldb.Schema {
	files, _ := fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded
	return sqldb.Schema{Version: schemaVersion, Migrations: files, Empty: unpacked}
}

// packed is an empty database with the current schema. "make generate" writes it with the
// migrations, and a test compares it with them. New databases are copies of it, because the
// migrations take several times as long as the rest of opening a database, and tests open thousands
// of databases in memory.
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

// Empty returns the content of a new file: an empty database with the current schema, in WAL mode.
func Empty() ([]byte, error) {
	image, err := unpacked()
	if err != nil {
		return nil, err
	}
	const writeVersion, readVersion, wal = 18, 19, 2 // offsets and value (SQLite file format, section 1.3)
	image = slices.Clone(image)
	image[writeVersion], image[readVersion] = wal, wal
	return image, nil
}
