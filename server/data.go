package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/qcsdev/qcs/server/internal/file"
	"github.com/qcsdev/qcs/server/internal/store"
)

// memory means that the data ends with the process.
const memory = store.Memory

// open opens the data and, unless it only reads, takes the lock on the folder of a SQLite file.
func open(o Options) (*store.Store, *owner, error) {
	ctx := context.Background()
	d := database(o)
	switch {
	case o.Existing:
		if err := exists(o); err != nil {
			return nil, nil, err
		}
		s, err := store.OpenReadOnly(ctx, d, o.Now)
		return s, nil, err
	case d.Server != nil || d.Path == memory:
		s, err := store.Open(ctx, d, o.Now)
		return s, nil, err
	}
	owner, err := own(o)
	if err != nil {
		return nil, nil, err
	}
	empty, err := store.Empty()
	if err == nil {
		err = file.Create(d.Path, empty) // readable for its owner only
	}
	var s *store.Store
	if err == nil || errors.Is(err, fs.ErrExist) {
		s, err = store.Open(ctx, d, o.Now)
	}
	if err != nil {
		return nil, nil, errors.Join(err, owner.release())
	}
	return s, owner, nil
}

// database returns the database of the options.
func database(o Options) store.Database {
	switch {
	case o.Database != nil:
		return store.Database{Server: o.Database.Connector()}
	case o.Data == memory:
		return store.Database{Path: memory}
	}
	return store.Database{Path: filepath.Join(o.Data, "qcs.db")}
}

// exists returns an error if there is no data yet.
func exists(o Options) error {
	if o.Database != nil {
		return nil
	}
	if o.Data == memory {
		return errors.New("there is no existing data in memory")
	}
	if _, err := os.Stat(database(o).Path); err != nil {
		return fmt.Errorf("there is no database: %w", err)
	}
	return nil
}

// keyBytes is the size of the key that signs tokens with HS512.
const keyBytes = 64

// signingKey returns the key of the options, or that of the data folder, which it creates if there
// is none.
func signingKey(o Options) ([]byte, error) {
	if len(o.SigningKey) > 0 {
		if len(o.SigningKey) < keyBytes {
			return nil, fmt.Errorf("signing key: has %d bytes, needs %d", len(o.SigningKey), keyBytes)
		}
		return o.SigningKey, nil
	}
	key := make([]byte, keyBytes)
	if _, err := io.ReadFull(o.Random, key); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	if o.Data == memory {
		return key, nil
	}
	path := filepath.Join(o.Data, "signing.key")
	if !o.Existing {
		text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
		if err := file.Create(path, text); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("signing key: %w", err)
		}
	}
	text, err := os.ReadFile(path)
	if err == nil {
		key, err = DecodeKey(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("signing key in %s: %w", path, err)
	}
	return key, nil
}

// DecodeKey decodes a signing key of a file or the environment: the base64 of 64 bytes.
func DecodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("not base64")
	}
	if len(key) != keyBytes {
		return nil, fmt.Errorf("has %d bytes, needs %d", len(key), keyBytes)
	}
	return key, nil
}
