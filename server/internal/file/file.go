// Package file writes the files of an emulator: whole or not at all, and for their owner only.
package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// MakeFolder creates a data folder if there is none, for its owner only, with a .gitignore that
// excludes it from git.
func MakeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, ".gitignore"), []byte("*\n"), 0o600)
}

// Create writes a file, or returns fs.ErrExist if there is one.
func Create(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return fs.ErrExist
	}
	return write(path, data, os.Link)
}

// Replace writes a file in place of another, if any.
func Replace(path string, data []byte) error { return write(path, data, os.Rename) }

// write writes a temporary file and moves it to its place: another program never reads an
// incomplete one.
func write(path string, data []byte, place func(from, to string) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return place(temporary.Name(), path)
}
