package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/knadh/koanf/v2"
)

// ready is the line that is written when the emulator accepts connections.
type ready struct {
	URL  string `json:"url"`
	Addr string `json:"addr"`
	PID  int    `json:"pid"`
}

// announce writes the address of the emulator for the program that started it. The file is renamed
// when it is complete, so that a program that waits for it never reads an incomplete file.
func announce(k *koanf.Koanf, url, addr string) error {
	if path := k.String(keyPortFile); path != "" {
		temporary := path + ".new"
		if err := os.WriteFile(temporary, []byte(addr+"\n"), 0o600); err != nil {
			return fmt.Errorf("%s: %w", keyPortFile, err)
		}
		if err := os.Rename(temporary, path); err != nil {
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
	if err := errors.Join(json.NewEncoder(out).Encode(ready{url, addr, os.Getpid()}), out.Close()); err != nil {
		return fmt.Errorf("%s: %w", keyReadyFD, err)
	}
	return nil
}
