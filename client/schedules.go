package client

import (
	"context"
	"iter"

	"github.com/qcsdev/qcs/gen/api"
)

// ListSchedules goes through the schedules of a registry: GET
// /csapi/v1.3/registry/{registryId}/schedule (swagger 2021).
func (c *Client) ListSchedules(ctx context.Context, registryID string, l List) iter.Seq2[api.Schedule, error] {
	return pages(ctx, l, source[api.Schedule]{func(ctx context.Context, q query) (page[api.Schedule], error) {
		p, err := decode[api.Schedules](
			c.wire.ListSchedules(
				ctx, registryID,
				&api.ListSchedulesParams{Filter: q.filter, Sort: q.sort, PageNumber: q.page, PageSize: q.size},
				ids(registryID),
			),
		)
		return page[api.Schedule]{p.Data, p.Count}, err
	}, func(s api.Schedule) string { return s.ScheduleUUID }})
}

// CreateSchedule adds a schedule and gives its id, or "" when the service names none: POST
// /csapi/v1.3/registry/{registryId}/schedule (docs; the answer as integrations read it).
func (c *Client) CreateSchedule(ctx context.Context, registryID string, s api.ScheduleRequest) (string, error) {
	response, err := c.wire.CreateSchedule(ctx, registryID, s, ids(registryID))
	return named(response, err, "scheduleUuid", "scheduleId")
}

// UpdateSchedule changes the timing, name and forceScan of an automatic schedule: PUT
// /csapi/v1.3/registry/{registryId}/schedule/{scheduleId} (docs). Filters must be sent as they are.
func (c *Client) UpdateSchedule(ctx context.Context, registryID, scheduleID string, s api.ScheduleRequest) error {
	_, err := read(c.wire.UpdateSchedule(ctx, registryID, scheduleID, s, ids(registryID, scheduleID)))
	return err
}

// CancelSchedule cancels one schedule: POST
// /csapi/v1.3/registry/{registryId}/schedule/{scheduleId}/cancel (swagger 2021). ErrInvalid if its
// state does not allow it.
func (c *Client) CancelSchedule(ctx context.Context, registryID, scheduleID string) error {
	_, err := read(c.wire.CancelSchedule(ctx, registryID, scheduleID, ids(registryID, scheduleID)))
	return err
}

// DeleteSchedule deletes one schedule: DELETE
// /csapi/v1.3/registry/{registryId}/schedule/{scheduleId} (swagger 2021). ErrInvalid while it is
// Running.
func (c *Client) DeleteSchedule(ctx context.Context, registryID, scheduleID string) error {
	_, err := read(c.wire.DeleteSchedule(ctx, registryID, scheduleID, ids(registryID, scheduleID)))
	return err
}
