package client

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/rules"
)

// Job is the work that a bulk call started. When a long list of ids needs several calls, it has the
// id of each, in the order of the calls.
type Job struct {
	IDs         []string // ids in the responses; empty when the service answered none
	client      *Client
	emulator    bool                  // the response came from the emulator
	registry    string                // "" for a job on registries
	action      rules.Action          // of a job on schedules
	scheduleIDs []string              // the schedules of the job; nil when they are not known
	skipped     map[string]api.Status // schedules that Wait found in a status that the job skips
}

// Result says what jobs did.
type Result struct {
	Matched  int                  // selected schedules or registries that existed
	Changed  int                  // those that were canceled or deleted
	Skipped  map[string]int       // those that were skipped, by status, or NotFound
	Outcomes []control.JobOutcome // each registry of DeleteRegistries
}

// Job gives a job of an earlier bulk call by its ids. Only the emulator can give its state.
func (c *Client) Job(ids ...string) *Job { return &Job{IDs: unique(ids), client: c, emulator: true} }

// start adds the id in the response of a bulk call to a job. Release notes 1.15 print two names for
// the id of one call.
func (j *Job) start(response *http.Response, err error) (*Job, error) {
	a, err := read(response, err)
	if err != nil {
		return nil, err
	}
	id, err := a.id("CancelJobId", "cancelJobId", "deletionJobId")
	if err != nil {
		return nil, err
	}
	if j.emulator = a.emulator; id != "" {
		j.IDs = append(j.IDs, id)
	}
	return j, nil
}

// States gives the state of each id of the job, in order: GET /_qcs/jobs/{jobId}. Only the emulator
// has this call; on a vendor's platform the error is ErrNotWaitable.
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

// Wait waits until the job is done and says what it did. It calls progress, if that is not nil,
// after each poll. The context limits the time. The error is ErrJobFailed when a job failed.
//
// On the emulator, Wait polls the state of the job. A vendor's platform has no call for it: there,
// Wait polls the schedules of the job (IDs, or a Selection.Snapshot) until none is left in a status
// that the job acts on. It cannot know two things then: whether this job canceled a schedule, or
// another call did so before; and whether the job later acted on a schedule that Wait found in a
// status that the job skips. Wait counts such a schedule as skipped, unless it no longer exists.
// Without a list of schedules, and for registries, the error is ErrNotWaitable.
func (j *Job) Wait(ctx context.Context, progress func(done, total int)) (Result, error) {
	poll, interval := j.pollJob, emulatorInterval
	if !j.emulator {
		poll, interval = j.pollSchedules, vendorInterval
	}
	tick := time.NewTicker(cmp.Or(j.client.poll, interval))
	defer tick.Stop()
	for {
		p, err := poll(ctx)
		if err != nil {
			return Result{}, err
		}
		if progress != nil {
			progress(p.done, p.total)
		}
		if p.ended {
			return p.result, p.failed
		}
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// progress is the result of one poll of Wait.
type progress struct {
	done, total int
	ended       bool
	result      Result
	failed      error // of a job that failed
}

// pollJob adds up the states of the job's ids.
func (j *Job) pollJob(ctx context.Context) (progress, error) {
	states, err := j.States(ctx)
	if err != nil {
		return progress{}, err
	}
	p := progress{ended: true, result: Result{Skipped: map[string]int{}}}
	r := &p.result
	for _, state := range states {
		p.done, p.total, p.ended = p.done+state.Done, p.total+state.Total, p.ended && state.Ended != 0
		r.Matched += state.Matched
		r.Changed += state.Changed
		r.Outcomes = append(r.Outcomes, state.Outcomes...)
		for reason, n := range state.Skipped {
			r.Skipped[reason] += n
		}
		if state.State == control.JobStateFailed {
			p.failed = fmt.Errorf("%w: %s: %s", ErrJobFailed, state.JobID, state.Error)
		}
	}
	return p, nil
}

// pollSchedules derives the progress of the job from the statuses of its schedules.
func (j *Job) pollSchedules(ctx context.Context) (progress, error) {
	if j.registry == "" || j.scheduleIDs == nil {
		return progress{}, ErrNotWaitable
	}
	statuses, err := j.client.statuses(ctx, j.registry, j.scheduleIDs)
	if err != nil {
		return progress{}, err
	}
	p := progress{total: len(j.scheduleIDs), result: Result{Matched: len(statuses), Skipped: map[string]int{}}}
	if j.skipped == nil {
		j.skipped = map[string]api.Status{}
	}
	for _, id := range j.scheduleIDs {
		status, exists := statuses[id]
		if j.count(&p.result, id, status, exists) {
			p.done++
		}
	}
	p.ended = p.done == p.total
	return p, nil
}

// count adds a schedule to a result, and reports whether the job is done with the schedule.
func (j *Job) count(r *Result, id string, status api.Status, exists bool) bool {
	earlier, skipped := j.skipped[id]
	deletes, acts := j.action == rules.BulkDelete, rules.Can(j.action, status)
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
	case acts: // the status changed after the job skipped the schedule
		r.Skipped[string(earlier)]++
	default:
		j.skipped[id] = status
		r.Skipped[string(status)]++
	}
	return true
}
