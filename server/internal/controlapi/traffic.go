package controlapi

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi/qql"
	wire "github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/internal/traffic"
)

// ListJournal answers the last calls of the world, the newest first.
func (h *Handlers) ListJournal(
	ctx context.Context, r controlserver.ListJournalRequestObject,
) (controlserver.ListJournalResponseObject, error) {
	calls, err := h.calls(ctx, rule.Or(r.Params.Filter, ""))
	slices.Reverse(calls)
	limit := min(rule.Or(r.Params.Limit, traffic.DefaultCalls), len(calls))
	return controlserver.ListJournal200JSONResponse(calls[:limit]), err
}

// ClearJournal removes the calls of the world.
func (h *Handlers) ClearJournal(
	ctx context.Context, _ controlserver.ClearJournalRequestObject,
) (controlserver.ClearJournalResponseObject, error) {
	h.Journal.Clear(call.World(ctx))
	return controlserver.ClearJournal204Response{}, nil
}

// VerifyJournal answers whether calls were made as expected.
func (h *Handlers) VerifyJournal(
	ctx context.Context, r controlserver.VerifyJournalRequestObject,
) (controlserver.VerifyJournalResponseObject, error) {
	calls, err := h.calls(ctx, r.Body.Filter)
	if err != nil {
		return nil, err
	}
	matched := len(slices.DeleteFunc(calls, func(e control.Exchange) bool {
		return r.Body.Operation != "" && r.Body.Operation != e.Operation
	}))
	low, high, words := bounds(*r.Body)
	return controlserver.VerifyJournal200JSONResponse{
		Met: matched >= low && (high < 0 || matched <= high), Matched: matched, Expected: words,
	}, nil
}

// bounds is how many calls are expected; -1 for no upper bound.
func bounds(e control.Expectation) (low, high int, words string) {
	switch {
	case e.Times != nil:
		return *e.Times, *e.Times, fmt.Sprintf("exactly %d", *e.Times)
	case e.AtMost != nil:
		return e.AtLeast, *e.AtMost, fmt.Sprintf("%d to %d", e.AtLeast, *e.AtMost)
	}
	low = max(e.AtLeast, 1)
	return low, -1, fmt.Sprintf("at least %d", low)
}

// calls lists the calls of the world that match a filter, the oldest first.
func (h *Handlers) calls(ctx context.Context, filter string) ([]control.Exchange, error) {
	var f qql.Filter
	if filter != "" {
		now, err := h.Worlds.Now(ctx)
		if err != nil {
			return nil, err
		}
		if f, err = rule.Filter(filter, traffic.JournalTokens, qql.Options{Now: int64(now)}); err != nil {
			return nil, err
		}
	}
	return h.Journal.List(call.World(ctx), f), nil
}

// ExportJournal answers the calls of the world as an HTTP archive (HAR 1.2).
func (h *Handlers) ExportJournal(
	ctx context.Context, _ controlserver.ExportJournalRequestObject,
) (controlserver.ExportJournalResponseObject, error) {
	calls, err := h.calls(ctx, "")
	entries := make([]wire.Entry, len(calls))
	for i, e := range calls {
		entries[i] = wire.Entry{
			Start: e.At.Time(), Took: time.Duration(e.TookMicros) * time.Microsecond,
			Method: e.Method, URL: "http://" + e.RequestHeaders["Host"] + e.Path, Query: e.Query, Status: e.Status,
			RequestHeaders: e.RequestHeaders, ResponseHeaders: e.ResponseHeaders,
			RequestBody: e.RequestBody, ResponseBody: e.ResponseBody,
		}
	}
	return controlserver.ExportJournal200JSONResponse(wire.HAR("qcsd", h.Version, entries)), err
}

// StartRecording begins to record the world.
func (h *Handlers) StartRecording(
	ctx context.Context, _ controlserver.StartRecordingRequestObject,
) (controlserver.StartRecordingResponseObject, error) {
	return controlserver.StartRecording204Response{}, h.Recorder.Start(ctx, call.World(ctx))
}

// ExportRecording answers the recording of the world.
func (h *Handlers) ExportRecording(
	ctx context.Context, _ controlserver.ExportRecordingRequestObject,
) (controlserver.ExportRecordingResponseObject, error) {
	recording, err := h.Recorder.Export(ctx, call.World(ctx))
	return controlserver.ExportRecording200JSONResponse(recording), err
}

// StopRecording ends the recording of the world.
func (h *Handlers) StopRecording(
	ctx context.Context, _ controlserver.StopRecordingRequestObject,
) (controlserver.StopRecordingResponseObject, error) {
	if !h.Recorder.Stop(call.World(ctx)) {
		return nil, fmt.Errorf("recording: %w", store.ErrNotFound)
	}
	return controlserver.StopRecording204Response{}, nil
}

// ReplayScenario makes the calls of a recording again.
func (h *Handlers) ReplayScenario(
	ctx context.Context, r controlserver.ReplayScenarioRequestObject,
) (controlserver.ReplayScenarioResponseObject, error) {
	replay, err := h.Replay(ctx, *r.Body)
	return controlserver.ReplayScenario200JSONResponse(replay), err
}
