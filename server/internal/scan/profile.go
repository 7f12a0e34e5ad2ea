package scan

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Pace is how long a schedule stays in each state, in a world without a profile of its own.
type Pace struct {
	Created  time.Duration // until it is queued
	Queued   time.Duration // until a sensor takes it
	Listing  time.Duration // while the sensor lists the repositories
	Scanning time.Duration // while the sensor scans the images
}

// DefaultPace is slow enough to watch a scan, and fast enough to wait for it (our choice).
var DefaultPace = Pace{
	Created: time.Second, Queued: 2 * time.Second, Listing: 2 * time.Second, Scanning: 8 * time.Second,
}

func (p Pace) profile() control.ScanProfile {
	exactly := func(d time.Duration) control.DurationRange {
		return control.DurationRange{Min: d.Milliseconds(), Max: d.Milliseconds()}
	}
	return control.ScanProfile{
		Created: exactly(p.Created), Queued: exactly(p.Queued),
		Listing: exactly(p.Listing), Scanning: exactly(p.Scanning),
		Outcomes: []control.ScanOutcome{},
	}
}

// DescribeScanProfile returns the profile of the world.
func (s *Service) DescribeScanProfile(ctx context.Context) (control.ScanProfile, error) {
	return store.ReadValue(ctx, s.store, call.World(ctx), func(tx *store.Tx) (control.ScanProfile, error) {
		return s.Profile(ctx, tx)
	})
}

// Profile reads the profile of the world of a transaction.
func (s *Service) Profile(ctx context.Context, tx *store.Tx) (control.ScanProfile, error) {
	p, found, err := tx.Profile(ctx)
	if err == nil && !found {
		p = s.pace.profile()
	}
	return p, err
}

// SetScanProfile replaces the profile of the world.
func (s *Service) SetScanProfile(ctx context.Context, p control.ScanProfile) error {
	for name, r := range map[string]control.DurationRange{
		"created": p.Created, "queued": p.Queued, "listing": p.Listing, "scanning": p.Scanning,
	} {
		if r.Min > r.Max {
			return rule.Errorf("", "%s: min is more than max.", name)
		}
	}
	for _, o := range p.Outcomes {
		if o.Status == control.ScanOutcomeStatusFinished && len(o.Errors) > 0 {
			return rule.Errorf("", "outcome of %s: a scan that is Finished has no errors.", o.Repository)
		}
	}
	return s.store.Write(ctx, call.World(ctx), func(tx *store.Tx) error { return tx.SetProfile(ctx, p) })
}

// draw returns a duration from a range. It depends on the seed of the profile, the id of the
// schedule and the name of the state only.
func draw(p control.ScanProfile, id, name string, r control.DurationRange) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", p.Seed, id, name))
	return r.Min + int64(binary.BigEndian.Uint64(sum[:8])%uint64(r.Max-r.Min+1))
}

// Plan sets how long a new schedule stays in each state and how its scans end.
func Plan(p control.ScanProfile, s *store.Schedule) {
	id := s.ScheduleUUID
	s.Stays = store.Stays{
		Queued:   draw(p, id, "queued", p.Queued),
		Listing:  draw(p, id, "listing", p.Listing),
		Scanning: draw(p, id, "scanning", p.Scanning),
	}
	s.DueAt = s.Created.Add(time.Duration(draw(p, id, "created", p.Created)) * time.Millisecond)
	s.Outcome, s.Fault = outcome(p, s.Filters)
}

// outcome returns the first outcome of the profile that matches a repository of the schedule.
func outcome(p control.ScanProfile, filters []api.ScheduleFilter) (api.Status, []api.ScheduleError) {
	for _, o := range p.Outcomes {
		for _, t := range Targets(filters) {
			if qql.Glob(o.Repository, t.Repo) {
				return api.Status(o.Status), errorsOf(o, t.Repo)
			}
		}
	}
	return api.StatusFinished, nil
}

// errorsOf returns the errors of a scan that ends with an outcome.
func errorsOf(o control.ScanOutcome, repo string) (all []api.ScheduleError) {
	if o.Status == control.ScanOutcomeStatusFinished {
		return nil
	}
	for _, e := range o.Errors {
		all = append(all, api.ScheduleError(e))
	}
	if len(all) == 0 {
		all = []api.ScheduleError{{
			ErrorCode: strings.ToUpper(string(o.Status)), ErrorMessage: "The scan did not come to its end.",
			ContextParams: map[string]any{"repository": repo},
		}}
	}
	return all
}
