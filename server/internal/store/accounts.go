package store

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/server/internal/store/sqldb"
)

// Account is a user who can log in.
type Account struct {
	Name, World, Role string
	Password          string // SHA-256 in hexadecimal of a password that has 128 random bits
}

func (a *Account) fields() []any { return []any{&a.Name, &a.World, &a.Role, &a.Password} }

const accountColumns = `account.name, account.world, account.role, account.password`

// InsertAccount adds a user, or returns ErrDuplicate.
func (tx *Tx) InsertAccount(ctx context.Context, a Account) error {
	return tx.runOne(ctx, "user", ErrDuplicate, query(`INSERT INTO account (name, world, role, password)
		VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`, a.fields()...))
}

// Account returns a user of any world and the state of the world, by one query, or ErrNotFound.
func (s *Store) Account(ctx context.Context, name string) (a Account, w WorldState, err error) {
	err = s.db.Query(ctx, func(t *sqldb.Tx) error {
		return t.Scan(ctx, append(w.fields(), a.fields()...), `SELECT `+worldColumns+`, `+accountColumns+`
			FROM account JOIN world ON world.id = account.world WHERE account.name = $1`, name)
	})
	if err != nil {
		return a, w, fmt.Errorf("user: %w", err)
	}
	w.Now, w.Stable = w.Clock.At(s.machine(ctx)), s.owned == nil
	return a, w, nil
}

// Accounts lists the users of all worlds.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) {
	return collect(ctx, tx, (*Account).fields, query(`SELECT `+accountColumns+` FROM account ORDER BY name`))
}

// AccountsOf lists the users of some worlds.
func (tx *Tx) AccountsOf(ctx context.Context, worlds []string) ([]Account, error) {
	list := tx.in(`account.world`, worlds)
	return collect(ctx, tx, (*Account).fields,
		query(`SELECT `+accountColumns+` FROM account WHERE `+list.text+` ORDER BY name`, list.args...))
}

// SetRole changes the role of a user of the world, or returns ErrNotFound.
func (tx *Tx) SetRole(ctx context.Context, name, role string) error {
	return tx.runOne(ctx, "user", ErrNotFound,
		query(`UPDATE account SET role = $3 WHERE world = $1 AND name = $2`, tx.World, name, role))
}
