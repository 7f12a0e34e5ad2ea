package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/knadh/koanf/v2"

	"github.com/qcsdev/qcs/server/internal/file"
)

// ready is the line that is written when the emulator accepts connections.
type ready struct {
	URL  string `json:"url"`
	Addr string `json:"addr"`
	PID  int    `json:"pid"`
	CA   string `json:"ca,omitempty"` // of --tls: the certificate of the generated authority, in PEM
}

// announce writes the address of the emulator for the program that started it.
func announce(k *koanf.Koanf, r ready) error {
	if path := k.String(keyPortFile); path != "" {
		if err := file.Replace(path, []byte(r.Addr+"\n")); err != nil {
			return fmt.Errorf("%s: %w", keyPortFile, err)
		}
	}
	fd := k.Int(keyReadyFD)
	if fd <= 0 {
		return nil
	}
	out := os.NewFile(uintptr(fd), keyReadyFD)
	if out == nil {
		return fmt.Errorf("%s: %d is not a file descriptor", keyReadyFD, fd)
	}
	if err := errors.Join(json.NewEncoder(out).Encode(r), out.Close()); err != nil {
		return fmt.Errorf("%s: %w", keyReadyFD, err)
	}
	return nil
}

// removePortFile removes the port file, if there is one, if it has the given content; "" for any.
// While the emulator does not listen, no program finds the port of an earlier start.
func removePortFile(k *koanf.Koanf, content string) error {
	path := k.String(keyPortFile)
	if path == "" {
		return nil
	}
	if text, err := os.ReadFile(path); content != "" && (err != nil || string(text) != content) {
		return nil //nolint:nilerr // the file is gone, or belongs to another emulator
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", keyPortFile, err)
	}
	return nil
}
