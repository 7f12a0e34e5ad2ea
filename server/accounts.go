package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/server/internal/store"
)

// hash is what is kept of a password. The passwords that we make have 128 random bits, so that no
// slower function is needed; those from configuration are not stored.
func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// accounts lists the users: those of the configuration, else those of the database, else one that
// is made now.
func (s *Server) accounts(ctx context.Context) ([]store.Account, error) {
	if len(s.options.Users) > 0 {
		accounts, err := s.configured()
		if err != nil {
			return nil, err
		}
		made, err := s.made(ctx)
		return append(accounts, made...), err
	}
	var accounts []store.Account
	var password string
	err := s.store.Write(ctx, "", func(tx *store.Tx) (err error) {
		password = ""
		if accounts, err = tx.Accounts(ctx); err != nil || len(accounts) > 0 || s.options.Existing {
			return err
		}
		random := make([]byte, 16)
		if _, err := io.ReadFull(s.options.Random, random); err != nil {
			return fmt.Errorf("random source: %w", err)
		}
		password = hex.EncodeToString(random)
		accounts = []store.Account{
			{Name: "admin", World: s.options.Worlds[0].Name, Role: string(Manager), Password: hash(password)},
		}
		return tx.InsertAccount(ctx, accounts[0])
	})
	if errors.Is(err, store.ErrDuplicate) { // another replica was faster
		password = ""
		err = s.store.Read(ctx, "", func(tx *store.Tx) (err error) {
			accounts, err = tx.Accounts(ctx)
			return err
		})
	}
	if err == nil && password != "" && s.options.FirstUser != nil {
		s.options.FirstUser(accounts[0].Name, password)
	}
	return accounts, err
}

// made lists the users of worlds that were made while the emulator ran, but for those whose names
// the configuration has taken.
func (s *Server) made(ctx context.Context) (accounts []store.Account, err error) {
	err = s.store.Read(ctx, "", func(tx *store.Tx) error {
		accounts, err = tx.Accounts(ctx)
		return err
	})
	return slices.DeleteFunc(accounts, func(a store.Account) bool {
		return slices.ContainsFunc(s.options.Worlds, func(w World) bool { return w.Name == a.World }) ||
			slices.ContainsFunc(s.options.Users, func(u User) bool { return u.Name == a.Name })
	}), err
}

// refresh looks up what other replicas may have changed of a user: the role, the world, and whether
// there are any.
func (s *Server) refresh(ctx context.Context, name string) error {
	account, world, known := s.authority.user(name)
	isMade := !known || !slices.ContainsFunc(s.options.Users, func(u User) bool { return u.Name == name })
	err := s.store.Read(ctx, "", func(tx *store.Tx) (err error) {
		if isMade {
			if account, err = tx.AccountNamed(ctx, name); err != nil {
				return err
			}
		}
		world, err = tx.WorldNamed(ctx, account.World)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.authority.forget(name)
		return nil
	case err == nil:
		s.authority.put(world, account)
	}
	return err
}

// learn looks up the users that other replicas may have made.
func (s *Server) learn(ctx context.Context) error {
	if !s.store.Shared() {
		return nil
	}
	made, err := s.made(ctx)
	for _, a := range made {
		err = errors.Join(err, s.refresh(ctx, a.Name))
	}
	return err
}

func (s *Server) configured() ([]store.Account, error) {
	worlds := map[string]bool{}
	for _, w := range s.options.Worlds {
		worlds[w.Name] = true
	}
	seen := map[string]bool{}
	accounts := make([]store.Account, 0, len(s.options.Users))
	for _, u := range s.options.Users {
		if u.World == "" {
			u.World = s.options.Worlds[0].Name
		}
		if u.Role == "" {
			u.Role = Manager
		}
		switch {
		case u.Name == "" || u.Password == "":
			return nil, errors.New("user: name and password must not be empty")
		case seen[u.Name]:
			return nil, fmt.Errorf("user %s: named twice; login names are unique in a server", u.Name)
		case !worlds[u.World]:
			return nil, fmt.Errorf(
				"user %s: there is no such world; parts are separated by colons, encode one in a password as %%3A",
				u.Name,
			)
		case !u.Role.valid():
			// without the part, which may be one of a password
			return nil, fmt.Errorf(
				"user %s: the role is not one of %v; parts are separated by colons, encode one in a password as %%3A",
				u.Name, Roles,
			)
		}
		seen[u.Name] = true
		accounts = append(
			accounts,
			store.Account{Name: u.Name, World: u.World, Role: string(u.Role), Password: hash(u.Password)},
		)
	}
	return accounts, nil
}

// makeFolder makes the data folder if there is none, for its owner only, with a note that keeps it
// out of git.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, ".gitignore"), []byte("*\n"), 0o600)
}

// keyBytes is the size of the key that signs tokens with HS512.
const keyBytes = 64

// signingKey gives the key of the options, that of the data folder, or a new one, which is kept in
// the data folder for its owner only.
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
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := writeNew(path, text); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("signing key: %w", err)
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

// DecodeKey reads a signing key as files and the environment have it: the base64 of 64 bytes.
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

// writeNew writes a file that must not exist. It appears under its name only when it is whole, so
// that two processes that start together use one key.
func writeNew(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return fs.ErrExist
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}
