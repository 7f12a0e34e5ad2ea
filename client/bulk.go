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

// Selection selects the schedules of a bulk call: IDs, Filter or All.
type Selection struct {
	ids    []string
	filter string
	most   int // schedules of a snapshot; 0 for no snapshot
}

// IDs selects schedules by their ids. A list that is too long for one query is sent in several
// calls.
func IDs(ids ...string) Selection { return Selection{ids: unique(ids)} }

// unique removes empty and repeated ids.
func unique(ids []string) []string {
	found := map[string]bool{"": true}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		repeated := found[id]
		found[id] = true
		return repeated
	})
}

// Filter selects the schedules that match a query in QQL; package qql builds queries.
func Filter(query string) Selection { return Selection{filter: query} }

// All selects all schedules of the registry, with the filter of release notes 1.15.
func All() Selection { return Selection{filter: "scheduleUuid:*"} }

// Snapshot lists the schedules that match the filter before the bulk call. Job.Wait needs this list
// on a vendor's platform, which has no call for the state of a job. When more than most schedules
// match, the bulk call is not made and the error is ErrTooMany. The emulator and IDs need no
// snapshot.
func (s Selection) Snapshot(most int) Selection {
	s.most = most
	return s
}

// errNothingSelected is the error of an empty selection, which is not sent.
var errNothingSelected = fmt.Errorf("client: nothing is selected: %w", ErrInvalid)

// maxQuery is the largest size of the ids in one query, in bytes. Servers commonly accept request
// lines of 8 KiB.
const maxQuery = 7 << 10

// batches splits the values of a parameter, in order, so that each batch fits into a query.
func batches(name string, values []string) [][]string {
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

// CancelSchedules cancels the selected schedules of a registry: POST
// /csapi/v1.3/registry/{registryId}/schedule/cancel (release notes 1.15). The job skips
// schedules in a status that is not in Cancelable. When the service refuses a later batch of a long
// list of ids, the result is the job of the earlier batches and the error.
func (c *Client) CancelSchedules(ctx context.Context, registryID string, s Selection) (*Job, error) {
	job := &Job{client: c, registry: registryID, action: rules.BulkCancel}
	return job.bulk(ctx, s, func(scheduleIDs []string, filter *string) (*http.Response, error) {
		params := &api.CancelSchedulesParams{ScheduleIds: scheduleIDs, Filter: filter}
		return c.wire.CancelSchedules(ctx, registryID, params, ids(registryID))
	})
}

// DeleteSchedules deletes the selected schedules of a registry: DELETE
// /csapi/v1.3/registry/{registryId}/schedule/bulk (release notes 1.15). The job
// skips schedules in a status that is not in Deletable, such as Running: cancel them first. When
// the service refuses a later batch of a long list of ids, the result is the job of the earlier
// batches and the error.
func (c *Client) DeleteSchedules(ctx context.Context, registryID string, s Selection) (*Job, error) {
	job := &Job{client: c, registry: registryID, action: rules.BulkDelete}
	return job.bulk(ctx, s, func(scheduleIDs []string, filter *string) (*http.Response, error) {
		params := &api.DeleteSchedulesParams{ScheduleIds: scheduleIDs, Filter: filter}
		return c.wire.DeleteSchedules(ctx, registryID, params, ids(registryID))
	})
}

// bulk starts a job on the selected schedules, with a call that takes ids or a filter.
func (j *Job) bulk(
	ctx context.Context, s Selection, call func(scheduleIDs []string, filter *string) (*http.Response, error),
) (*Job, error) {
	switch {
	case len(s.ids) > 0:
		return j.split("scheduleIds", s.ids, func(batch []string) (*http.Response, error) { return call(batch, nil) })
	case s.filter == "":
		return nil, errNothingSelected
	}
	if s.most > 0 {
		var err error
		if j.scheduleIDs, err = j.client.snapshot(ctx, j.registry, s); err != nil {
			return nil, err
		}
	}
	return j.start(call(nil, &s.filter))
}

// split sends a list of ids in as many calls as it needs.
func (j *Job) split(name string, ids []string, call func([]string) (*http.Response, error)) (*Job, error) {
	for i, batch := range batches(name, ids) {
		if _, err := j.start(call(batch)); err != nil && i > 0 {
			return j, err
		} else if err != nil {
			return nil, err
		}
		j.scheduleIDs = append(j.scheduleIDs, batch...)
	}
	return j, nil
}

// snapshot lists the ids that a filter matches.
func (c *Client) snapshot(ctx context.Context, registryID string, s Selection) ([]string, error) {
	list := []string{}
	query := List{Filter: s.filter, Limit: s.most + 1, PageSize: 1000}
	for schedule, err := range c.ListSchedules(ctx, registryID, query) {
		if err != nil {
			return nil, err
		}
		list = append(list, schedule.ScheduleUUID)
	}
	if len(list) > s.most {
		return nil, ErrTooMany
	}
	return list, nil
}

// statuses gives the statuses of the schedules in a list; a schedule that does not exist has none.
func (c *Client) statuses(ctx context.Context, registryID string, ids []string) (map[string]api.Status, error) {
	all := map[string]api.Status{}
	for batch := range slices.Chunk(ids, 100) {
		list := List{Filter: qql.In("scheduleUuid", batch...).String(), PageSize: 100}
		for s, err := range c.ListSchedules(ctx, registryID, list) {
			if err != nil {
				return nil, err
			}
			all[s.ScheduleUUID] = s.Status
		}
	}
	return all, nil
}

// DeleteSchedulesByBody deletes schedules with the older call, which has the ids in the body:
// DELETE /csapi/v1.3/registry/{registryId}/schedule (client v1.1).
//
// Deprecated: use DeleteSchedules.
func (c *Client) DeleteSchedulesByBody(ctx context.Context, registryID string, scheduleIDs ...string) (*Job, error) {
	if scheduleIDs = unique(scheduleIDs); len(scheduleIDs) == 0 {
		return nil, errNothingSelected
	}
	var body api.ScheduleDeletion
	if err := body.FromIDList(scheduleIDs); err != nil {
		return nil, err
	}
	job := &Job{client: c, registry: registryID, action: rules.BulkDelete, scheduleIDs: scheduleIDs}
	return job.start(c.wire.DeleteSchedulesByBody(ctx, registryID, body, ids(registryID)))
}

// Cancelable lists the statuses that a bulk cancel acts on; it skips schedules in another status
// (release notes 1.15; swagger 2021).
func Cancelable() []api.Status { return rules.StatusesFor[api.Status](rules.BulkCancel) }

// Deletable lists the statuses that a bulk delete acts on; it skips schedules in another status
// (release notes 1.15).
func Deletable() []api.Status { return rules.StatusesFor[api.Status](rules.BulkDelete) }
