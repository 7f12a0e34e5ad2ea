package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/qcsdev/qcs/server/internal/store"
)

// User is a user of the configuration. The password is kept in memory only, as a hash.
type User struct {
	Name, Password string
	Role           Role   // default: Manager
	World          string // default: the first world
}

// Options of an Authority.
type Options struct {
	Store      *store.Store
	Key        []byte   // signs tokens
	Worlds     []string // names of the worlds of the configuration
	Configured []User   // users of the configuration
	Random     io.Reader
	Now        func() time.Time // the machine's clock, for the expiry of tokens
	// ReadOnly means that no user is created if there is none.
	ReadOnly bool
	// FirstUser is called once with the user that was created because there was none; may be nil.
	FirstUser func(name, password string)
}

// Authority has the users, and issues and checks tokens. It is safe for concurrent use.
type Authority struct {
	Options
	first  string
	parser *jwt.Parser // checks the signature only

	mu       sync.Mutex
	users    map[string]store.Account // of the configuration; with SQLite, of the database as well
	verified map[string]*claims       // by token
}

// New returns an Authority for the users of the configuration and of the database. It creates a
// user "admin" if there is none.
func New(ctx context.Context, o Options) (*Authority, error) {
	a := &Authority{Options: o, users: map[string]store.Account{}, verified: map[string]*claims{}}
	a.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS512.Alg()}), jwt.WithoutClaimsValidation(),
	)
	configured, err := a.configured()
	if err != nil {
		return nil, err
	}
	stored, err := a.stored(ctx)
	if err != nil {
		return nil, err
	}
	if len(configured)+len(stored) == 0 && !o.ReadOnly {
		if stored, err = a.makeFirst(ctx); err != nil {
			return nil, err
		}
	}
	for i, account := range append(configured, stored...) {
		if i == 0 {
			a.first = account.Name
		}
		if i < len(configured) || !o.Store.Shared() {
			a.users[account.Name] = account
		}
	}
	return a, nil
}

// First returns the name of the user that was configured or created first.
func (a *Authority) First() string { return a.first }

// hash returns the hash of a password. Generated passwords have 128 random bits, so they need no
// slower hash; those of the configuration are not stored.
func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// NewPassword returns a password of 128 random bits.
func NewPassword(random io.Reader) (string, error) {
	password := make([]byte, 16)
	if _, err := io.ReadFull(random, password); err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	return hex.EncodeToString(password), nil
}

// NewAccount returns a user as the database has it.
func NewAccount(u User) store.Account {
	return store.Account{Name: u.Name, World: u.World, Role: string(u.Role), Password: hash(u.Password)}
}

// configured lists the users of the configuration.
func (a *Authority) configured() ([]store.Account, error) {
	known := map[string]bool{}
	accounts := make([]store.Account, 0, len(a.Configured))
	for _, u := range a.Configured {
		if u.World == "" {
			u.World = a.Worlds[0]
		}
		if u.Role == "" {
			u.Role = Manager
		}
		// do not name a part, which may belong to a password
		const hint = "parts are separated by colons, encode one in a password as %3A"
		switch {
		case u.Name == "" || u.Password == "":
			return nil, errors.New("user: name and password must not be empty")
		case known[u.Name]:
			return nil, fmt.Errorf("user %s: named twice; login names are unique in a server", u.Name)
		case !slices.Contains(a.Worlds, u.World):
			return nil, fmt.Errorf("user %s: there is no such world; %s", u.Name, hint)
		case !slices.Contains(Roles, u.Role):
			return nil, fmt.Errorf("user %s: the role is not one of %v; %s", u.Name, Roles, hint)
		}
		known[u.Name] = true
		accounts = append(accounts, NewAccount(u))
	}
	return accounts, nil
}

// stored lists the users of the database that count. Where the configuration has users, only the
// users of other worlds count, and the configuration wins over a name in the database.
func (a *Authority) stored(ctx context.Context) (accounts []store.Account, err error) {
	err = a.Store.Read(ctx, "", func(tx *store.Tx) error {
		accounts, err = tx.Accounts(ctx)
		return err
	})
	return a.counting(accounts), err
}

// counting returns the users of the database that count.
func (a *Authority) counting(accounts []store.Account) []store.Account {
	if len(a.Configured) == 0 {
		return accounts
	}
	return slices.DeleteFunc(accounts, func(s store.Account) bool {
		return slices.Contains(a.Worlds, s.World) || a.IsConfigured(s.Name)
	})
}

// makeFirst creates the user "admin" of the first world, unless another replica has just done so.
func (a *Authority) makeFirst(ctx context.Context) ([]store.Account, error) {
	password, err := NewPassword(a.Random)
	if err != nil {
		return nil, err
	}
	admin := NewAccount(User{Name: "admin", World: a.Worlds[0], Role: Manager, Password: password})
	err = a.Store.Write(ctx, "", func(tx *store.Tx) error { return tx.InsertAccount(ctx, admin) })
	switch {
	case errors.Is(err, store.ErrDuplicate):
		return a.stored(ctx)
	case err == nil && a.FirstUser != nil:
		a.FirstUser(admin.Name, password)
	}
	return []store.Account{admin}, err
}

// find returns a user and the state of the user's world as they are now, or store.ErrNotFound.
func (a *Authority) find(ctx context.Context, name string) (store.Account, store.WorldState, error) {
	a.mu.Lock()
	account, known := a.users[name]
	a.mu.Unlock()
	switch {
	case known:
		w, err := a.Store.WorldState(ctx, account.World)
		return account, w, err
	case a.Store.Shared(): // another replica may have created or changed the user
		return a.Store.Account(ctx, name)
	}
	return account, store.WorldState{}, fmt.Errorf("user: %w", store.ErrNotFound)
}

// Users lists the users of all worlds by name.
func (a *Authority) Users(ctx context.Context) (all []store.Account, err error) {
	if a.Store.Shared() {
		if all, err = a.stored(ctx); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	all = slices.AppendSeq(all, maps.Values(a.users))
	a.mu.Unlock()
	slices.SortFunc(all, func(x, y store.Account) int { return strings.Compare(x.Name, y.Name) })
	return all, nil
}

// UsersOf lists the users of some worlds by name.
func (a *Authority) UsersOf(ctx context.Context, worlds []string) (all []store.Account, err error) {
	err = a.Store.Read(ctx, "", func(tx *store.Tx) error {
		all, err = tx.AccountsOf(ctx, worlds)
		return err
	})
	all = a.counting(all)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.Configured {
		if account := a.users[u.Name]; slices.Contains(worlds, account.World) {
			all = append(all, account)
		}
	}
	slices.SortFunc(all, func(x, y store.Account) int { return strings.Compare(x.Name, y.Name) })
	return all, err
}

// Knows reports whether a login name is taken, without a query of the database.
func (a *Authority) Knows(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.users[name]
	return known
}

// IsConfigured reports whether a user is one of the configuration: not in the database.
func (a *Authority) IsConfigured(name string) bool {
	return slices.ContainsFunc(a.Configured, func(u User) bool { return u.Name == name })
}

// Put adds users that were committed to the database, or changes them.
func (a *Authority) Put(accounts ...store.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, account := range accounts {
		if !a.Store.Shared() || a.IsConfigured(account.Name) {
			a.users[account.Name] = account
		}
	}
}

// Drop removes the users of a world.
func (a *Authority) Drop(world string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.users, func(_ string, account store.Account) bool { return account.World == world })
}
