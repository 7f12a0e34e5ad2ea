package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/qcsdev/qcs/gen/api"
)

// ListSchedules lists the schedules of a registry: GET
// /csapi/v1.3/registry/{registryId}/schedule (swagger 2021).
func (c *Client) ListSchedules(ctx context.Context, registryID string, l List) iter.Seq2[api.Schedule, error] {
	fetch := func(q query) (*http.Response, error) {
		return c.wire.ListSchedules(ctx, registryID, (*api.ListSchedulesParams)(&q), ids(registryID))
	}
	return pages(l, fetch, func(s api.Schedule) string { return s.ScheduleUUID })
}

// CreateSchedule adds a schedule and gives its id, or "" when the response has none: POST
// /csapi/v1.3/registry/{registryId}/schedule (docs; the response as integrations read it).
func (c *Client) CreateSchedule(ctx context.Context, registryID string, s api.ScheduleRequest) (string, error) {
	response, err := c.wire.CreateSchedule(ctx, registryID, s, ids(registryID))
	return idOf(response, err, "scheduleUuid", "scheduleId")
}

// UpdateSchedule changes the timing, name and forceScan of an automatic schedule: PUT
// /csapi/v1.3/registry/{registryId}/schedule/{scheduleId} (docs). Filters must not change.
func (c *Client) UpdateSchedule(ctx context.Context, registryID, scheduleID string, s api.ScheduleRequest) error {
	_, err := read(c.wire.UpdateSchedule(ctx, registryID, scheduleID, s, ids(registryID, scheduleID)))
	return err
}

// CancelSchedule cancels one schedule: POST
// /csapi/v1.3/registry/{registryId}/schedule/{scheduleId}/cancel (swagger 2021). ErrInvalid if its
// status does not allow it.
func (c *Client) CancelSchedule(ctx context.Context, registryID, scheduleID string) error {
	_, err := read(c.wire.CancelSchedule(ctx, registryID, scheduleID, ids(registryID, scheduleID)))
	return err
}

// DeleteSchedule deletes one schedule: DELETE
// /csapi/v1.3/registry/{registryId}/schedule/{scheduleId} (swagger 2021). ErrInvalid while the
// schedule is Running.
func (c *Client) DeleteSchedule(ctx context.Context, registryID, scheduleID string) error {
	_, err := read(c.wire.DeleteSchedule(ctx, registryID, scheduleID, ids(registryID, scheduleID)))
	return err
}
