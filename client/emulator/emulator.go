// Package emulator is a client of the control API of qcsd, /_qcs/…: worlds, clock, faults,
// snapshots and journal. No vendor's platform has this API.
//
// There are two kinds of calls. Calls on worlds are for the operator of the emulator: they need the
// control token, or no token on loopback. All other calls work on the world of a user and need the
// token of this user: Client.In(world) gives a client for them. Errors are those of package client.
package emulator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlclient"
)

// Client calls the control API. It is safe for concurrent use.
type Client struct {
	wire *controlclient.Client
	base string
	http *http.Client
}

// New gives a client of the emulator at a base URL. The token is the control token, "" where the
// emulator needs none, or the token of a user for calls on the user's world.
func New(base, token string, h *http.Client) *Client {
	base = strings.TrimRight(base, "/")
	if h == nil {
		h = http.DefaultClient
	}
	return &Client{
		base: base,
		http: h,
		wire: &controlclient.Client{
			Server: base + "/",
			Client: h,
			RequestEditors: []controlclient.RequestEditorFn{func(_ context.Context, r *http.Request) error {
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				return nil
			}},
		},
	}
}

// In gives a client for calls on a world, as its first user.
func (c *Client) In(w control.World) *Client {
	token := ""
	if len(w.Users) > 0 {
		token = w.Users[0].Token
	}
	return New(c.base, token, c.http)
}

// SDK gives a client of the vendor's API with the credentials of the first user of a new world.
func (c *Client) SDK(w control.World, options ...client.Option) (*client.Client, error) {
	if len(w.Users) == 0 {
		return nil, fmt.Errorf("world %s has no user", w.Name)
	}
	login := client.WithCredentials(w.Users[0].Name, w.Users[0].Password)
	own := []client.Option{client.WithBaseURL(c.base), client.WithHTTPClient(c.http), login}
	return client.New(append(own, options...)...)
}

// none is the result of a call without a response body.
type none = struct{}

func noResult(_ none, err error) error { return err }

// ListWorlds gives all worlds: GET /_qcs/worlds.
func (c *Client) ListWorlds(ctx context.Context) ([]control.World, error) {
	return c.ListWorldsPage(ctx, control.ListWorldsParams{})
}

// ListWorldsPage gives a page of the worlds: GET /_qcs/worlds?pageNumber=…&pageSize=….
func (c *Client) ListWorldsPage(ctx context.Context, page control.ListWorldsParams) ([]control.World, error) {
	return client.Decode[[]control.World](c.wire.ListWorlds(ctx, &page))
}

// CreateWorld makes a world, and gives the passwords and tokens of its users: POST /_qcs/worlds.
func (c *Client) CreateWorld(ctx context.Context, r control.WorldRequest) (control.World, error) {
	return client.Decode[control.World](c.wire.CreateWorld(ctx, r))
}

// CloneWorld makes a copy of a world, with users of its own: POST /_qcs/worlds/{world}/clone.
func (c *Client) CloneWorld(ctx context.Context, world string, r control.WorldRequest) (control.World, error) {
	return client.Decode[control.World](c.wire.CloneWorld(ctx, world, r))
}

// UpdateWorld changes the plan of a world or the roles of its users: PUT /_qcs/worlds/{world}.
func (c *Client) UpdateWorld(ctx context.Context, world string, r control.WorldUpdate) (control.World, error) {
	return client.Decode[control.World](c.wire.UpdateWorld(ctx, world, r))
}

// ResetWorld empties a world, and loads a seed or a scenario into it if one is given: POST
// /_qcs/worlds/{world}/reset.
func (c *Client) ResetWorld(ctx context.Context, world string, to control.WorldReset) error {
	return noResult(client.Decode[none](c.wire.ResetWorld(ctx, world, to)))
}

// ResetData removes all data of all worlds, and loads a seed or a scenario into the first world:
// POST /_qcs/reset. It needs the control token, if the emulator has one.
func (c *Client) ResetData(ctx context.Context, to control.WorldReset) error {
	return noResult(client.Decode[none](c.wire.ResetData(ctx, to)))
}

// DropWorld removes a world with all that belongs to it: DELETE /_qcs/worlds/{world}.
func (c *Client) DropWorld(ctx context.Context, world string) error {
	return noResult(client.Decode[none](c.wire.DropWorld(ctx, world)))
}

// ExpireTokens lets all tokens of a world expire: POST /_qcs/worlds/{world}/expire-tokens.
func (c *Client) ExpireTokens(ctx context.Context, world string) error {
	return noResult(client.Decode[none](c.wire.ExpireTokens(ctx, world)))
}

// Clock gives the clock of the world: GET /_qcs/clock.
func (c *Client) Clock(ctx context.Context) (control.Clock, error) {
	return client.Decode[control.Clock](c.wire.DescribeClock(ctx))
}

// SetClock sets the clock of the world: PUT /_qcs/clock.
func (c *Client) SetClock(ctx context.Context, set control.ClockSetting) (control.Clock, error) {
	return client.Decode[control.Clock](c.wire.SetClock(ctx, set))
}

// Advance moves the clock of the world forward, and returns when all background work that became
// due is done: POST /_qcs/clock/advance.
func (c *Client) Advance(ctx context.Context, d time.Duration) (control.Advanced, error) {
	return client.Decode[control.Advanced](c.wire.AdvanceClock(ctx, control.ClockAdvance{By: d.Milliseconds()}))
}

// ScanProfile gives the duration and the results of scans in the world: GET /_qcs/scan-profile.
func (c *Client) ScanProfile(ctx context.Context) (control.ScanProfile, error) {
	return client.Decode[control.ScanProfile](c.wire.DescribeScanProfile(ctx))
}

// SetScanProfile sets the duration and the results of scans in the world: PUT /_qcs/scan-profile.
func (c *Client) SetScanProfile(ctx context.Context, p control.ScanProfile) error {
	return noResult(client.Decode[none](c.wire.SetScanProfile(ctx, p)))
}

// Force puts a schedule into a status: PUT
// /_qcs/registry/{registryId}/schedule/{scheduleId}/status.
func (c *Client) Force(ctx context.Context, registryID, scheduleID, status string) error {
	forced := control.ForcedStatus{Status: control.ForcedStatusStatus(status)}
	return noResult(client.Decode[none](c.wire.ForceSchedule(ctx, registryID, scheduleID, forced)))
}

// AddRepository adds a repository to a registry, or images to a repository, as if a scan had found
// them now, and gives its totals: POST /_qcs/registry/{registryId}/repository.
func (c *Client) AddRepository(
	ctx context.Context, registryID string, r control.ScenarioRepository,
) (control.ScenarioRepository, error) {
	return client.Decode[control.ScenarioRepository](c.wire.AddRepository(ctx, registryID, r))
}

// Job gives the state of a bulk job: GET /_qcs/jobs/{jobId}.
func (c *Client) Job(ctx context.Context, id string) (control.Job, error) {
	return client.Decode[control.Job](c.wire.DescribeJob(ctx, id))
}

// Evidence lists what the emulator's behaviour is based on: GET /_qcs/evidence.
func (c *Client) Evidence(ctx context.Context) ([]control.Evidence, error) {
	return client.Decode[[]control.Evidence](c.wire.ListEvidence(ctx))
}

// Faults lists the faults of the world, and how many calls each has matched: GET /_qcs/faults.
func (c *Client) Faults(ctx context.Context) ([]control.Fault, error) {
	return client.Decode[[]control.Fault](c.wire.ListFaults(ctx))
}

// AddFault makes calls in the world fail: POST /_qcs/faults.
func (c *Client) AddFault(ctx context.Context, r control.FaultRequest) (control.Fault, error) {
	return client.Decode[control.Fault](c.wire.AddFault(ctx, r))
}

// RemoveFault removes a fault of the world: DELETE /_qcs/faults/{faultId}.
func (c *Client) RemoveFault(ctx context.Context, id string) error {
	return noResult(client.Decode[none](c.wire.RemoveFault(ctx, id)))
}

// ClearFaults removes all faults of the world: DELETE /_qcs/faults.
func (c *Client) ClearFaults(ctx context.Context) error {
	return noResult(client.Decode[none](c.wire.ClearFaults(ctx)))
}

// Snapshots lists the snapshots of the world: GET /_qcs/snapshots.
func (c *Client) Snapshots(ctx context.Context) ([]control.Snapshot, error) {
	return client.Decode[[]control.Snapshot](c.wire.ListSnapshots(ctx))
}

// Save saves the world as a snapshot: PUT /_qcs/snapshots/{snapshot}.
func (c *Client) Save(ctx context.Context, name string) (control.Snapshot, error) {
	return client.Decode[control.Snapshot](c.wire.SaveSnapshot(ctx, name))
}

// Restore restores the world from a snapshot in one transaction: POST
// /_qcs/snapshots/{snapshot}/restore.
func (c *Client) Restore(ctx context.Context, name string) error {
	return noResult(client.Decode[none](c.wire.RestoreSnapshot(ctx, name)))
}

// DeleteSnapshot removes a snapshot of the world: DELETE /_qcs/snapshots/{snapshot}.
func (c *Client) DeleteSnapshot(ctx context.Context, name string) error {
	return noResult(client.Decode[none](c.wire.DeleteSnapshot(ctx, name)))
}

// Export gives a snapshot as one document: GET /_qcs/snapshots/{snapshot}/export.
func (c *Client) Export(ctx context.Context, name string) (control.SnapshotFile, error) {
	return client.Decode[control.SnapshotFile](c.wire.ExportSnapshot(ctx, name))
}

// Import saves an exported snapshot under a name: POST /_qcs/snapshots/{snapshot}/import.
func (c *Client) Import(ctx context.Context, name string, file control.SnapshotFile) (control.Snapshot, error) {
	return client.Decode[control.Snapshot](c.wire.ImportSnapshot(ctx, name, file))
}

// Journal lists the latest calls in the world that match a query, newest first: GET
// /_qcs/journal.
func (c *Client) Journal(ctx context.Context, filter string) ([]control.Exchange, error) {
	params := &control.ListJournalParams{}
	if filter != "" {
		params.Filter = &filter
	}
	return client.Decode[[]control.Exchange](c.wire.ListJournal(ctx, params))
}

// Unmatched lists the latest calls of all worlds that match no operation or no user, newest first:
// GET /_qcs/unmatched.
func (c *Client) Unmatched(ctx context.Context) ([]control.Exchange, error) {
	return client.Decode[[]control.Exchange](c.wire.ListUnmatched(ctx))
}

// Verify checks the calls in the journal against an expectation: POST /_qcs/journal/verify.
func (c *Client) Verify(ctx context.Context, e control.Expectation) (control.Verdict, error) {
	return client.Decode[control.Verdict](c.wire.VerifyJournal(ctx, e))
}

// Unmet says why an expectation is not met: how many calls the journal has dropped that could have
// matched, and a line for each of the nearest calls, with the conditions that it does not meet.
func Unmet(v control.Verdict) string {
	var b strings.Builder
	if !v.Complete {
		fmt.Fprintf(&b, "; the journal has dropped %d calls that could have matched", v.Dropped)
	}
	for _, c := range v.Nearest {
		fmt.Fprintf(&b, "\n\tcall %d: %s %s", c.Seq, c.Method, c.Path)
		if c.Query != "" {
			fmt.Fprintf(&b, "?%s", c.Query)
		}
		fmt.Fprintf(&b, ", status %d", c.Status)
		if len(c.Differs) > 0 {
			fmt.Fprintf(&b, ", differs in %s", strings.Join(c.Differs, ", "))
		}
	}
	return b.String()
}

// ClearJournal deletes the journal of the world: DELETE /_qcs/journal.
func (c *Client) ClearJournal(ctx context.Context) error {
	return noResult(client.Decode[none](c.wire.ClearJournal(ctx)))
}

// HAR gives the journal of the world as an HTTP archive: GET /_qcs/journal/har.
func (c *Client) HAR(ctx context.Context) (map[string]any, error) {
	return client.Decode[map[string]any](c.wire.ExportJournal(ctx))
}

// StartRecording starts a recording of the calls in the world: POST /_qcs/recording.
func (c *Client) StartRecording(ctx context.Context) error {
	return noResult(client.Decode[none](c.wire.StartRecording(ctx)))
}

// Recording gives the recording of the world as a scenario: GET /_qcs/recording.
func (c *Client) Recording(ctx context.Context) (control.Scenario, error) {
	return client.Decode[control.Scenario](c.wire.ExportRecording(ctx))
}

// StopRecording stops and deletes the recording of the world: DELETE /_qcs/recording.
func (c *Client) StopRecording(ctx context.Context) error {
	return noResult(client.Decode[none](c.wire.StopRecording(ctx)))
}

// Replay sends the calls of a recording to a new emulator and compares the responses: POST
// /_qcs/replay.
func (c *Client) Replay(ctx context.Context, recording control.Scenario) (control.Replay, error) {
	return client.Decode[control.Replay](c.wire.ReplayScenario(ctx, recording))
}
