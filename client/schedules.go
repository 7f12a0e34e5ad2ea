package client

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/qcsdev/qcs/gen/api"
)

// ListSchedules goes through the schedules of a registry: GET /csapi/v1.3/registry/{registryId}/schedule (swagger 2021).
func (c *Client) ListSchedules(ctx context.Context, registryID string, l List) iter.Seq2[api.Schedule, error] {
	return pages(ctx, l, source[api.Schedule]{func(ctx context.Context, q query) (page[api.Schedule], error) {
		p, err := decode[api.Schedules](c.wire.ListSchedules(ctx, registryID, &api.ListSchedulesParams{Filter: q.filter, Sort: q.sort, PageNumber: q.page, PageSize: q.size}, ids(registryID)))
		return page[api.Schedule]{p.Data, p.Count}, err
	}, func(s api.Schedule) string { return s.ScheduleUUID }})
}

// CreateSchedule adds a schedule and gives its id, or "" when the service names none: POST /csapi/v1.3/registry/{registryId}/schedule (docs; the answer as integrations read it).
func (c *Client) CreateSchedule(ctx context.Context, registryID string, s api.ScheduleRequest) (string, error) {
	response, err := c.wire.CreateSchedule(ctx, registryID, s, ids(registryID))
	return named(response, err, "scheduleUuid", "scheduleId")
}

// UpdateSchedule changes the timing, name and forceScan of an automatic schedule: PUT /csapi/v1.3/registry/{registryId}/schedule/{scheduleId} (docs). Filters must be sent as they are.
func (c *Client) UpdateSchedule(ctx context.Context, registryID, scheduleID string, s api.ScheduleRequest) error {
	_, err := read(c.wire.UpdateSchedule(ctx, registryID, scheduleID, s, ids(registryID, scheduleID)))
	return err
}

// CancelSchedule cancels one schedule: POST /csapi/v1.3/registry/{registryId}/schedule/{scheduleId}/cancel (swagger 2021). ErrInvalid if its state does not allow it.
func (c *Client) CancelSchedule(ctx context.Context, registryID, scheduleID string) error {
	_, err := read(c.wire.CancelSchedule(ctx, registryID, scheduleID, ids(registryID, scheduleID)))
	return err
}

// DeleteSchedule deletes one schedule: DELETE /csapi/v1.3/registry/{registryId}/schedule/{scheduleId} (swagger 2021). ErrInvalid while it is Running.
func (c *Client) DeleteSchedule(ctx context.Context, registryID, scheduleID string) error {
	_, err := read(c.wire.DeleteSchedule(ctx, registryID, scheduleID, ids(registryID, scheduleID)))
	return err
}

// Selection says which schedules a bulk call works on: IDs, Filter or All.
type Selection struct {
	ids    []string
	filter string
}

// IDs selects schedules by their ids.
func IDs(ids ...string) Selection { return Selection{ids: given(ids)} }

// given drops empty ids.
func given(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
}

// Filter selects the schedules that match a query in QQL.
func Filter(query string) Selection { return Selection{filter: query} }

// All selects all schedules of the registry, in the way that release notes 1.15 give.
func All() Selection { return Selection{filter: "scheduleUuid:*"} }

// errNothingSelected keeps an empty selection from being sent.
var errNothingSelected = errors.New("client: nothing is selected")

func (s Selection) params() (named []string, filter *string, err error) {
	switch {
	case len(s.ids) > 0:
		return s.ids, nil, nil
	case s.filter != "":
		return nil, &s.filter, nil
	}
	return nil, nil, errNothingSelected
}

// CancelSchedules cancels the selected schedules of a registry: POST /csapi/v1.3/registry/{registryId}/schedule/cancel (release notes 1.15). Those in another state than Created, Queued, Paused,
// Running, BaselineQueued and BaselineRunning are left as they are.
func (c *Client) CancelSchedules(ctx context.Context, registryID string, s Selection) (*Job, error) {
	named, filter, err := s.params()
	if err != nil {
		return nil, err
	}
	return c.job(c.wire.CancelSchedules(ctx, registryID, &api.CancelSchedulesParams{ScheduleIds: named, Filter: filter}, ids(registryID)))
}

// DeleteSchedules deletes the selected schedules of a registry: DELETE /csapi/v1.3/registry/{registryId}/schedule/bulk (release notes 1.15). Those that are Queued, Unknown or Running are left
// as they are: cancel them first.
func (c *Client) DeleteSchedules(ctx context.Context, registryID string, s Selection) (*Job, error) {
	named, filter, err := s.params()
	if err != nil {
		return nil, err
	}
	return c.job(c.wire.DeleteSchedules(ctx, registryID, &api.DeleteSchedulesParams{ScheduleIds: named, Filter: filter}, ids(registryID)))
}

// DeleteSchedulesByBody deletes schedules in the older form, with the ids in the body: DELETE /csapi/v1.3/registry/{registryId}/schedule (client v1.1).
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
	return c.job(c.wire.DeleteSchedulesByBody(ctx, registryID, body, ids(registryID)))
}
