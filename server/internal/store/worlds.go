package store

import (
	"context"
	"encoding/json"

	"github.com/qcsdev/qcs/gen/control"
)

// Plan is what the subscription of a world may use.
type Plan string

// The plans (release notes 1.15: the report calls exist on Trial and Full only).
const (
	PlanFree  Plan = "Free"
	PlanTrial Plan = "Trial"
	PlanFull  Plan = "Full"
)

// Profile reads how scans of the world go; it was never set when the second result is false.
func (tx *Tx) Profile(ctx context.Context) (p control.ScanProfile, found bool, err error) {
	var text string
	if err := tx.scan(ctx, []any{&text}, `SELECT profile FROM world WHERE id = $1`, tx.World); err != nil || text == "" {
		return p, false, err
	}
	return p, true, json.Unmarshal([]byte(text), &p)
}

// SetProfile writes how scans of the world go.
func (tx *Tx) SetProfile(ctx context.Context, p control.ScanProfile) error {
	_, err := tx.exec(ctx, `UPDATE world SET profile = $2 WHERE id = $1`, tx.World, asJSON(&p))
	return err
}

// Account is a user who can log in.
type Account struct {
	Name, World, Role string
	Password          string // SHA-256 in hexadecimal of a password that has 128 random bits
}

// PutWorld makes a world with a plan and a place in the list of worlds, or gives them to an existing one.
func (tx *Tx) PutWorld(ctx context.Context, id string, plan Plan, position int) error {
	_, err := tx.exec(ctx, `INSERT INTO world (id, plan, position) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, position = excluded.position`, id, plan, position)
	return err
}

// Worlds lists the worlds by their place.
func (tx *Tx) Worlds(ctx context.Context) ([]World, error) {
	return collect(ctx, tx, func(w *World) []any { return []any{&w.Name, &w.Plan} }, statement{`SELECT id, plan FROM world ORDER BY position, id`, nil})
}

// World is one subscription: its data is seen by its users only.
type World struct {
	Name string
	Plan Plan
}

// InsertAccount adds a user.
func (tx *Tx) InsertAccount(ctx context.Context, a Account) error {
	_, err := tx.exec(ctx, `INSERT INTO account (name, world, role, password) VALUES ($1, $2, $3, $4)`, a.Name, a.World, a.Role, a.Password)
	return err
}

// Accounts lists the users of all worlds.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) {
	return collect(ctx, tx, func(a *Account) []any { return []any{&a.Name, &a.World, &a.Role, &a.Password} },
		statement{`SELECT name, world, role, password FROM account ORDER BY name`, nil})
}

// IsEmpty reports whether the world holds no registry, not even one that is being deleted.
func (tx *Tx) IsEmpty(ctx context.Context) (bool, error) {
	var n int
	err := tx.scan(ctx, []any{&n}, `SELECT COUNT(*) FROM registry WHERE world = $1`, tx.World)
	return n == 0, err
}

// Clear removes the data of all worlds. Users stay, so that their tokens and passwords go on working.
func (tx *Tx) Clear(ctx context.Context) error {
	for _, table := range []string{"job", "schedule_target", "schedule", "schedule_count", "repository", "registry", "connector", "image", "image_place", "policy", "report", "report_schedule"} {
		if _, err := tx.exec(ctx, `DELETE FROM `+table); err != nil {
			return err
		}
	}
	_, err := tx.exec(ctx, `UPDATE world SET seq = 0, clock_at = 0, clock_anchor = 0, clock_rate = 1000, profile = ''`)
	return err
}
