package client

import (
	"context"
	"fmt"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/rules"
)

// Job is the work that a bulk call started. Calls that were split because of their length are one
// Job with several ids, in the order in which they were made.
type Job struct {
	IDs      []string // what the service called it; empty when it answered no id
	client   *Client
	emulator bool
	registry string
	kind     *bulk                 // of schedules; nil of registries
	named    []string              // the schedules that it works on, where that is known
	settled  map[string]api.Status // those that were seen in a state that the job skips
}

// Result says what jobs did.
type Result struct {
	Matched  int                  // how many existed and were selected
	Changed  int                  // how many were canceled or deleted
	Skipped  map[string]int       // how many were left, by the status that forbids it, or NotFound
	Outcomes []control.JobOutcome // each registry of DeleteRegistries
}

// Job is work that was begun before, by the ids that the bulk call answered. Only the emulator can
// be asked for it.
func (c *Client) Job(ids ...string) *Job { return &Job{IDs: given(ids), client: c, emulator: true} }

// start makes a bulk call for a job, and notes the id that it answers. Release notes 1.15 print two
// names for the id of one call.
func (j *Job) start(a answer, err error) error {
	if err != nil {
		return err
	}
	id, err := a.id("CancelJobId", "cancelJobId", "deletionJobId")
	if err != nil {
		return err
	}
	if j.emulator = a.emulator; id != "" {
		j.IDs = append(j.IDs, id)
	}
	return nil
}

// States asks the emulator for the state of each job of the call, in order: GET /_qcs/jobs/{jobId}.
// The vendor documents no such call: ErrNotWaitable.
func (j *Job) States(ctx context.Context) ([]control.Job, error) {
	if !j.emulator || len(j.IDs) == 0 {
		return nil, ErrNotWaitable
	}
	states := make([]control.Job, len(j.IDs))
	for i, id := range j.IDs {
		var err error
		if states[i], err = decode[control.Job](j.client.control.DescribeJob(ctx, id)); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Wait waits until the work is done and says what was done. It calls progress, if that is not nil,
// with each state that it sees. The context bounds the time.
//
// On the emulator the job itself is asked. On a platform, which has no call for it, Wait looks at
// the schedules that the job names (IDs), or that its filter matched before it began
// (Selection.Snapshot), until none is left that the job would still act on. What it cannot know
// there: whether a schedule was canceled by this job or was so before, and whether one that was
// seen in a state which the job skips, and counts as skipped, was acted on a moment later, unless
// it is gone then. Without such a list, and for registries, the error is ErrNotWaitable. It is
// ErrJobFailed when a job ended with a fault.
func (j *Job) Wait(ctx context.Context, progress func(done, total int)) (Result, error) {
	look, interval := j.ask, emulatorInterval
	if !j.emulator {
		look, interval = j.observe, vendorInterval
	}
	if j.client.poll > 0 {
		interval = j.client.poll
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		seen, err := look(ctx)
		if err != nil {
			return Result{}, err
		}
		if progress != nil {
			progress(seen.done, seen.total)
		}
		if seen.ended {
			return seen.result, seen.failed
		}
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// sight is what Wait sees when it looks.
type sight struct {
	done, total int
	ended       bool
	result      Result
	failed      error // of a job that ended with a fault
}

// ask looks at the states of the jobs.
func (j *Job) ask(ctx context.Context) (sight, error) {
	states, err := j.States(ctx)
	if err != nil {
		return sight{}, err
	}
	s := sight{ended: true, result: Result{Skipped: map[string]int{}}}
	r := &s.result
	for _, state := range states {
		s.done, s.total, s.ended = s.done+state.Done, s.total+state.Total, s.ended && state.Ended != 0
		r.Matched += state.Matched
		r.Changed += state.Changed
		r.Outcomes = append(r.Outcomes, state.Outcomes...)
		for reason, n := range state.Skipped {
			r.Skipped[reason] += n
		}
		if state.State == control.JobStateFailed {
			s.failed = fmt.Errorf("%w: %s: %s", ErrJobFailed, state.JobID, state.Error)
		}
	}
	return s, nil
}

// observe looks at the schedules that the job works on.
func (j *Job) observe(ctx context.Context) (sight, error) {
	if j.kind == nil || j.named == nil {
		return sight{}, ErrNotWaitable
	}
	statuses, err := j.client.statuses(ctx, j.registry, j.named)
	if err != nil {
		return sight{}, err
	}
	s := sight{total: len(j.named), result: Result{Matched: len(statuses), Skipped: map[string]int{}}}
	if j.settled == nil {
		j.settled = map[string]api.Status{}
	}
	left := 0
	for _, id := range j.named {
		status, exists := statuses[id]
		if !j.note(&s.result, id, status, exists) {
			left++
		}
	}
	s.done, s.ended = s.total-left, left == 0
	return s, nil
}

// note adds to a result what became of a schedule, and reports whether the job is done with it.
func (j *Job) note(r *Result, id string, status api.Status, exists bool) bool {
	was, skipped := j.settled[id]
	deletes, acts := j.kind.action == rules.BulkDelete, rules.Can(j.kind.action, status)
	switch {
	case !exists && deletes:
		r.Changed++
		r.Matched++
	case !exists:
		r.Skipped["NotFound"]++
	case !deletes && status == api.StatusCanceled:
		r.Changed++
	case acts && !skipped:
		return false
	case acts: // the status has changed since
		r.Skipped[string(was)]++
	default:
		j.settled[id] = status
		r.Skipped[string(status)]++
	}
	return true
}
