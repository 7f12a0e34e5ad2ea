package controlapi

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi/qql"
	wire "github.com/qcsdev/qcs/openapi/traffic"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/match"
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
	if !h.Journal.Keeps() {
		return nil, rule.Errorf("", "The emulator keeps no journal.")
	}
	e := *r.Body
	expected := traffic.Expected{Pattern: match.Pattern{Operation: e.Operation, User: e.User, Call: e.Match}}
	words, err := bounds(e, &expected)
	if err != nil {
		return nil, err
	}
	users, err := h.users(ctx)
	if err == nil {
		err = expected.Pattern.Check(users)
	}
	if err == nil {
		expected.Filter, err = h.filter(ctx, e.Filter)
	}
	if err != nil {
		return nil, err
	}
	verdict := h.Journal.Verify(call.World(ctx), expected)
	verdict.Expected = words
	return controlserver.VerifyJournal200JSONResponse(verdict), nil
}

// bounds sets how many calls are expected, and says it in words.
func bounds(e control.Expectation, x *traffic.Expected) (words string, err error) {
	least := rule.Or(e.AtLeast, 0)
	switch {
	case e.Times != nil && (e.AtLeast != nil || e.AtMost != nil):
		return "", rule.Errorf("", "Give either times, or atLeast and atMost.")
	case e.Times != nil:
		x.Min, x.Max = *e.Times, *e.Times
		return fmt.Sprintf("exactly %d", x.Min), nil
	case e.AtMost != nil && *e.AtMost < least:
		return "", rule.Errorf("", "atMost is less than atLeast.")
	case e.AtMost != nil:
		x.Min, x.Max = least, *e.AtMost
		return fmt.Sprintf("%d to %d", x.Min, x.Max), nil
	}
	x.Min, x.Max = rule.Or(e.AtLeast, 1), -1
	return fmt.Sprintf("at least %d", x.Min), nil
}

// ListUnmatched returns the last calls that match no operation or no user, the newest first.
func (h *Handlers) ListUnmatched(
	context.Context, controlserver.ListUnmatchedRequestObject,
) (controlserver.ListUnmatchedResponseObject, error) {
	calls := h.Journal.Unmatched()
	slices.Reverse(calls)
	return controlserver.ListUnmatched200JSONResponse(calls), nil
}

// calls lists the calls of the world that match a filter, the oldest first.
func (h *Handlers) calls(ctx context.Context, filter string) ([]control.Exchange, error) {
	f, err := h.filter(ctx, filter)
	if err != nil {
		return nil, err
	}
	return h.Journal.List(call.World(ctx), f), nil
}

// filter reads a filter of the journal; nil if it is empty.
func (h *Handlers) filter(ctx context.Context, text string) (qql.Filter, error) {
	if text == "" {
		return nil, nil
	}
	now, err := h.Worlds.Now(ctx)
	if err != nil {
		return nil, err
	}
	return rule.Filter(text, traffic.JournalTokens, qql.Options{Now: int64(now)})
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
			Method: e.Method, Query: e.Query, Status: e.Status,
			URL:            "http://" + e.RequestHeaders["Host"] + (&url.URL{Path: e.Path}).EscapedPath(),
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
