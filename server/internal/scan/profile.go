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

// Pace is how long a schedule stays in each state on its way, in a world whose profile was not set.
type Pace struct {
	Created  time.Duration // until it is queued
	Queued   time.Duration // until a sensor takes it
	Listing  time.Duration // while the sensor lists the repositories
	Scanning time.Duration // while it scans the images
}

// DefaultPace lets a scan be watched without waiting long; our choice.
var DefaultPace = Pace{
	Created:  time.Second,
	Queued:   2 * time.Second,
	Listing:  2 * time.Second,
	Scanning: 8 * time.Second,
}

func (p Pace) profile() control.ScanProfile {
	exactly := func(d time.Duration) control.DurationRange {
		return control.DurationRange{Min: d.Milliseconds(), Max: d.Milliseconds()}
	}
	return control.ScanProfile{
		Created:  exactly(p.Created),
		Queued:   exactly(p.Queued),
		Listing:  exactly(p.Listing),
		Scanning: exactly(p.Scanning),
		Outcomes: []control.ScanOutcome{},
	}
}

// DescribeScanProfile returns the profile of the world.
func (s *Service) DescribeScanProfile(ctx context.Context) (p control.ScanProfile, err error) {
	err = s.read(ctx, func(tx *store.Tx) error {
		p, err = s.Profile(ctx, tx)
		return err
	})
	return p, err
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

// draw picks a duration for a schedule: the same for the same seed, id and name.
func draw(p control.ScanProfile, id, name string, r control.DurationRange) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", p.Seed, id, name))
	return r.Min + int64(binary.BigEndian.Uint64(sum[:8])%uint64(r.Max-r.Min+1))
}

// Plan draws for a new schedule how long it stays in each state and how its scans end.
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

// outcome finds the first rule of the profile that fits a repository of the schedule.
func outcome(p control.ScanProfile, filters []api.ScheduleFilter) (api.Status, []api.ScheduleError) {
	for _, o := range p.Outcomes {
		for _, t := range Targets(filters) {
			repo := t.Repo
			if !qql.Glob(o.Repository, repo) {
				continue
			}
			status := api.Status(o.Status)
			if status == api.StatusFinished {
				return status, nil
			}
			fault := []api.ScheduleError{}
			for _, e := range o.Errors {
				fault = append(fault, api.ScheduleError(e))
			}
			if len(fault) == 0 {
				fault = append(
					fault,
					api.ScheduleError{
						ErrorCode:     strings.ToUpper(string(status)),
						ErrorMessage:  "The scan did not come to its end.",
						ContextParams: map[string]any{"repository": repo},
					},
				)
			}
			return status, fault
		}
	}
	return api.StatusFinished, nil
}
