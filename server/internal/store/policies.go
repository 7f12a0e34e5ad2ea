package store

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
)

// PutPolicy adds or replaces a runtime policy.
func (tx *Tx) PutPolicy(ctx context.Context, p api.Policy) error {
	return tx.run(ctx, `INSERT INTO policy (world, id, body) VALUES ($1, $2, $3)
		ON CONFLICT (world, id) DO UPDATE SET body = excluded.body`, tx.World, p.ID, asJSON(&p))
}

// Policy reads a runtime policy, or returns ErrNotFound.
func (tx *Tx) Policy(ctx context.Context, id string) (p api.Policy, err error) {
	err = tx.find(ctx, "policy", []any{asJSON(&p)},
		query(`SELECT body FROM policy WHERE world = $1 AND id = $2`, tx.World, id))
	return p, err
}
