package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/qcsdev/qcs/gen/control"
)

// Job is the work that a bulk call started.
type Job struct {
	IDs      []string // what the service called it; empty when it answered no id
	client   *Client
	emulator bool
}

// Result says what jobs did.
type Result struct {
	Matched  int                  // how many existed and were selected
	Changed  int                  // how many were canceled or deleted
	Skipped  map[string]int       // how many were left, by the status that forbids it, or NotFound
	Outcomes []control.JobOutcome // each registry of DeleteRegistries
}

// job reads the answer of a bulk call. Release notes 1.15 print two names for the id of one call.
func (c *Client) job(response *http.Response, err error) (*Job, error) {
	a, err := read(response, err)
	if err != nil {
		return nil, err
	}
	id, err := a.id("CancelJobId", "cancelJobId", "deletionJobId")
	if err != nil {
		return nil, err
	}
	job := &Job{client: c, emulator: a.emulator}
	if id != "" {
		job.IDs = []string{id}
	}
	return job, nil
}

// States asks the emulator for the state of each job of the call, in order: GET /_qcs/jobs/{jobId}. The vendor documents no such call: ErrNotWaitable.
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

// Wait waits until the work is done and says what was done. It calls progress, if that is not nil, with each state that it sees. The context bounds the time.
// The error is ErrNotWaitable where the service cannot tell, and ErrJobFailed when a job ended with a fault.
func (j *Job) Wait(ctx context.Context, progress func(done, total int)) (Result, error) {
	tick := time.NewTicker(j.client.poll)
	defer tick.Stop()
	for {
		states, err := j.States(ctx)
		if err != nil {
			return Result{}, err
		}
		done, total, ended := 0, 0, true
		for _, s := range states {
			done, total, ended = done+s.Done, total+s.Total, ended && s.Ended != 0
		}
		if progress != nil {
			progress(done, total)
		}
		if ended {
			return result(states)
		}
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-tick.C:
		}
	}
}

func result(states []control.Job) (Result, error) {
	r := Result{Skipped: map[string]int{}}
	var err error
	for _, s := range states {
		r.Matched += s.Matched
		r.Changed += s.Changed
		r.Outcomes = append(r.Outcomes, s.Outcomes...)
		for reason, n := range s.Skipped {
			r.Skipped[reason] += n
		}
		if s.State == control.JobStateFailed {
			err = fmt.Errorf("%w: %s: %s", ErrJobFailed, s.JobID, s.Error)
		}
	}
	return r, err
}
