package store

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/gen/api"
)

// PutPolicy adds a runtime policy or replaces it.
func (tx *Tx) PutPolicy(ctx context.Context, p api.Policy) error {
	_, err := tx.Exec(
		ctx,
		`INSERT INTO policy (world, id, body) VALUES ($1, $2, $3) ON CONFLICT (world, id) DO UPDATE
			SET body = excluded.body`,
		tx.World,
		p.ID,
		asJSON(&p),
	)
	return err
}

// Policy reads a runtime policy, or gives ErrNotFound.
func (tx *Tx) Policy(ctx context.Context, id string) (api.Policy, error) {
	var p api.Policy
	if err := tx.Scan(
		ctx, []any{asJSON(&p)}, `SELECT body FROM policy WHERE world = $1 AND id = $2`, tx.World, id,
	); err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}
