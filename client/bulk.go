package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/rules"
)

// Selection says which schedules a bulk call works on: IDs, Filter or All.
type Selection struct {
	ids    []string
	filter string
	most   int
}

// IDs selects schedules by their ids. More than one query can hold are sent in several calls.
func IDs(ids ...string) Selection { return Selection{ids: given(ids)} }

// given drops empty ids, and those that are there twice.
func given(ids []string) []string {
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		known := seen[id]
		seen[id] = true
		return known
	})
}

// Filter selects the schedules that match a query in QQL; package qql builds them.
func Filter(query string) Selection { return Selection{filter: query} }

// All selects all schedules of the registry, in the way that release notes 1.15 give.
func All() Selection { return Selection{filter: "scheduleUuid:*"} }

// Snapshot lists the schedules that a filter matches before the call is made, so that Job.Wait can
// look at them on a platform that cannot tell the state of a job. When there are more than most,
// nothing is called and the error is ErrTooMany. On the emulator, and of IDs, it is not needed.
func (s Selection) Snapshot(most int) Selection {
	s.most = most
	return s
}

// errNothingSelected keeps an empty selection from being sent.
var errNothingSelected = fmt.Errorf("client: nothing is selected: %w", ErrInvalid)

// maxQuery bounds the ids in one query, in bytes: servers commonly take lines of 8 KiB.
const maxQuery = 7 << 10

// parts splits a list of values of a parameter, in order, so that each part fits into a query.
func parts(name string, values []string) [][]string {
	var all [][]string
	size := maxQuery + 1
	for _, v := range values {
		n := len(name) + len(url.QueryEscape(v)) + 2
		if size+n > maxQuery {
			all, size = append(all, nil), 0
		}
		last := len(all) - 1
		all[last], size = append(all[last], v), size+n
	}
	return all
}

// bulkCall makes one of the two bulk calls on schedules.
type bulkCall = func(
	ctx context.Context, c *Client, registryID string, ids []string, filter *string,
) (*http.Response, error)

// bulk is one of the two bulk calls on schedules.
type bulk struct {
	action rules.Action // BulkCancel or BulkDelete
	call   bulkCall
}

var (
	cancels = &bulk{rules.BulkCancel, func(
		ctx context.Context, c *Client, registryID string, named []string, filter *string,
	) (*http.Response, error) {
		params := &api.CancelSchedulesParams{ScheduleIds: named, Filter: filter}
		return c.wire.CancelSchedules(ctx, registryID, params, ids(registryID))
	}}
	deletes = &bulk{rules.BulkDelete, func(
		ctx context.Context, c *Client, registryID string, named []string, filter *string,
	) (*http.Response, error) {
		params := &api.DeleteSchedulesParams{ScheduleIds: named, Filter: filter}
		return c.wire.DeleteSchedules(ctx, registryID, params, ids(registryID))
	}}
)

// CancelSchedules cancels the selected schedules of a registry: POST
// /csapi/v1.3/registry/{registryId}/schedule/cancel (release notes 1.15). Those in another state
// than Created, Queued, Paused, Running, BaselineQueued and BaselineRunning are left as they are.
// When a later part of a long list of ids is refused, the job of those before comes with the error.
func (c *Client) CancelSchedules(ctx context.Context, registryID string, s Selection) (*Job, error) {
	return c.bulk(ctx, registryID, s, cancels)
}

// DeleteSchedules deletes the selected schedules of a registry: DELETE
// /csapi/v1.3/registry/{registryId}/schedule/bulk (release notes 1.15). Those that are Queued,
// Unknown or Running are left as they are: cancel them first. When a later part of a long list of
// ids is refused, the job of those before comes with the error.
func (c *Client) DeleteSchedules(ctx context.Context, registryID string, s Selection) (*Job, error) {
	return c.bulk(ctx, registryID, s, deletes)
}

func (c *Client) bulk(ctx context.Context, registryID string, s Selection, kind *bulk) (*Job, error) {
	job := &Job{client: c, registry: registryID, kind: kind}
	switch {
	case len(s.ids) > 0:
		return job.split(
			"scheduleIds", s.ids,
			func(part []string) (*http.Response, error) { return kind.call(ctx, c, registryID, part, nil) },
		)
	case s.filter == "":
		return nil, errNothingSelected
	}
	if s.most > 0 {
		var err error
		if job.named, err = c.snapshot(ctx, registryID, s); err != nil {
			return nil, err
		}
	}
	if err := job.start(read(kind.call(ctx, c, registryID, nil, &s.filter))); err != nil {
		return nil, err
	}
	return job, nil
}

// split makes as many calls as a list of ids needs.
func (j *Job) split(name string, ids []string, call func([]string) (*http.Response, error)) (*Job, error) {
	for i, part := range parts(name, ids) {
		response, err := call(part)
		if err = j.start(read(response, err)); err != nil && i == 0 {
			return nil, err
		}
		if err != nil {
			return j, err
		}
		j.named = append(j.named, part...)
	}
	return j, nil
}

// snapshot lists the ids that a filter matches.
func (c *Client) snapshot(ctx context.Context, registryID string, s Selection) ([]string, error) {
	named := []string{}
	list := List{Filter: s.filter, Limit: s.most + 1, PageSize: 1000}
	for schedule, err := range c.ListSchedules(ctx, registryID, list) {
		if err != nil {
			return nil, err
		}
		named = append(named, schedule.ScheduleUUID)
	}
	if len(named) > s.most {
		return nil, ErrTooMany
	}
	return named, nil
}

// statuses gives the states of those schedules of a list that exist.
func (c *Client) statuses(ctx context.Context, registryID string, ids []string) (map[string]api.Status, error) {
	all := map[string]api.Status{}
	for part := range slices.Chunk(ids, 100) {
		list := List{Filter: qql.In("scheduleUuid", part...).String(), PageSize: 100}
		for s, err := range c.ListSchedules(ctx, registryID, list) {
			if err != nil {
				return nil, err
			}
			all[s.ScheduleUUID] = s.Status
		}
	}
	return all, nil
}

// DeleteSchedulesByBody deletes schedules in the older form, with the ids in the body: DELETE
// /csapi/v1.3/registry/{registryId}/schedule (client v1.1).
//
// Deprecated: use DeleteSchedules.
func (c *Client) DeleteSchedulesByBody(ctx context.Context, registryID string, scheduleIDs ...string) (*Job, error) {
	if scheduleIDs = given(scheduleIDs); len(scheduleIDs) == 0 {
		return nil, errNothingSelected
	}
	var body api.ScheduleDeletion
	if err := body.FromIDList(scheduleIDs); err != nil {
		return nil, err
	}
	job := &Job{client: c, registry: registryID, kind: deletes, named: scheduleIDs}
	if err := job.start(read(c.wire.DeleteSchedulesByBody(ctx, registryID, body, ids(registryID)))); err != nil {
		return nil, err
	}
	return job, nil
}

// Cancelable lists the states that a bulk cancel acts on; it leaves schedules in others as they are
// (release notes 1.15; swagger 2021).
func Cancelable() []api.Status { return rules.StatusesFor[api.Status](rules.BulkCancel) }

// Deletable lists the states that a bulk delete acts on; it leaves schedules in others as they are
// (release notes 1.15).
func Deletable() []api.Status { return rules.StatusesFor[api.Status](rules.BulkDelete) }
