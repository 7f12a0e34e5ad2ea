package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/servertest"
)

// everything reads all data that a world shows.
func everything(t *testing.T, srv *servertest.Server) string {
	t.Helper()
	var all []string
	for _, target := range []string{base, base + "/" + sampleRegistry, base + "/" + sampleRegistry + "/schedule", base + "/" + sampleRegistry + "/repository", "/csapi/v1.3/images", base + "/aws/connectors", "/_qcs/scan-profile", "/_qcs/clock"} {
		all = append(all, get(t, srv, target).body)
	}
	return strings.Join(all, "\n")
}

// TestSnapshots checks that a snapshot restores a world, including its clock and open jobs, and that
// another emulator can import it.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	srv.SetClock(control.ClockSetting{Mode: control.ClockModeFrozen, Now: new(openapi.MillisOf(servertest.Start.AddDate(0, 1, 0)))})
	c, s, ctx := srv.Client(), srv.Control(), t.Context()
	newSchedule(t, c, sampleRegistry, "on its way")
	job := must(c.CancelSchedules(ctx, sampleRegistry, client.Filter("status:Running")))(t)
	before := everything(t, srv)
	saved := must(s.Save(ctx, "before"))(t)
	if saved.Rows < 30 || saved.Name != "before" {
		t.Errorf("got %+v", saved)
	}
	must(s.Advance(ctx, time.Hour))(t) // the job ends, the scan finds images
	must(c.DeleteRegistries(ctx, "95b715e0-0fc7-4dac-b4de-2e1b92fc527d"))(t)
	srv.Settle()
	if everything(t, srv) == before {
		t.Fatal("nothing has changed")
	}
	must[any](nil, s.Restore(ctx, "before"))(t)
	if diff := cmp.Diff(before, everything(t, srv)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	srv.Settle()
	if state := jobState(t, srv, job.IDs[0]); state.Changed != 2 {
		t.Errorf("the open job: got %+v", state)
	}
	must[any](nil, s.Restore(ctx, "before"))(t)

	file := must(s.Export(ctx, "before"))(t)
	data, err := json.Marshal(file)
	if err != nil || strings.Contains(string(data), "password") {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
	other := newServer(t, servertest.WithoutRunner())
	var carried control.SnapshotFile
	if err := json.Unmarshal(data, &carried); err != nil {
		t.Fatal(err)
	}
	must(other.Control().Import(ctx, "carried", carried))(t)
	must[any](nil, other.Control().Restore(ctx, "carried"))(t)
	if diff := cmp.Diff(before, everything(t, other)); diff != "" {
		t.Errorf("in another emulator (-before +after):\n%s", diff)
	}
	if list := must(s.Snapshots(ctx))(t); len(list) != 1 || list[0] != saved {
		t.Errorf("got %+v, want %+v", list, saved)
	}
	must[any](nil, s.DeleteSnapshot(ctx, "before"))(t)
	for name, err := range map[string]error{"delete": s.DeleteSnapshot(ctx, "before"), "restore": s.Restore(ctx, "before"), "export": second(s.Export(ctx, "before"))} {
		if !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%s a deleted snapshot: got %v", name, err)
		}
	}
}

// TestImportOfAnEarlierSchema checks that a snapshot imports that the emulator exported when each target
// of a schedule was a row.
func TestImportOfAnEarlierSchema(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/snapshot-of-schema-6.json")
	if err != nil {
		t.Fatal(err)
	}
	var file control.SnapshotFile
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, servertest.WithoutRunner())
	must(srv.Control().Import(t.Context(), "earlier", file))(t)
	must[any](nil, srv.Control().Restore(t.Context(), "earlier"))(t)
	// The file is a snapshot of this world; when it was exported, the seed had no images.
	same := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	post(t, same, base+"/"+sampleRegistry+"/schedule", `{"onDemand":true,"filters":[{"days":3,"repoTags":[{"repo":"team/app","tag":"1.0.0"},{"repo":"team/web"}]}]}`).want(t, http.StatusOK)
	id := func(srv *servertest.Server) string { // of the schedule with two targets; it is random
		_, after, _ := strings.Cut(get(t, srv, base+"/"+sampleRegistry+"/schedule?filter=repo:team/web").want(t, http.StatusOK), `"scheduleUuid":"`)
		return after[:min(36, len(after))]
	}
	for _, r := range all(t, srv.Client().ListRegistries(t.Context(), client.List{})) {
		target := base + "/" + r.RegistryUUID + "/schedule?pageSize=100"
		want := strings.ReplaceAll(get(t, same, target).want(t, http.StatusOK), id(same), id(srv))
		if diff := cmp.Diff(want, get(t, srv, target).want(t, http.StatusOK)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
	for filter, want := range map[string]string{"repo:team/web": `"count":1`, "repo:[team/app, team/web] AND tag:1.0.0": `"count":1`} {
		if got := get(t, srv, base+"/"+sampleRegistry+"/schedule?filter="+url.QueryEscape(filter)).want(t, http.StatusOK); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", filter, got, want)
		}
	}
	must(srv.Control().Save(t.Context(), "now"))(t)
	if target := must(srv.Control().Export(t.Context(), "now"))(t).Tables["schedule_target"]; len(target.Rows) != 2 {
		t.Errorf("got rows for the targets %v, want those of the only schedule with several", target.Rows)
	}
}

// TestInvalidImports checks that an invalid import stores nothing, and that no import changes the world.
func TestInvalidImports(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	s, ctx := srv.Control(), t.Context()
	must(s.Save(ctx, "good"))(t)
	before := everything(t, srv)
	for name, spoil := range map[string]func(*control.SnapshotFile){
		"an earlier schema": func(f *control.SnapshotFile) { f.Schema = 3 },
		"a later schema":    func(f *control.SnapshotFile) { f.Schema++ },
		"no plan":           func(f *control.SnapshotFile) { delete(f.World, "plan") },
		"other columns": func(f *control.SnapshotFile) {
			f.Tables["registry"] = control.SnapshotTable{Columns: []string{"id"}, Rows: [][]any{{"x"}}}
		},
		"a counter of an unknown status": func(f *control.SnapshotFile) {
			f.Tables["schedule_count"].Rows[0][slices.Index(f.Tables["schedule_count"].Columns, "status")] = "Fin,ished"
		},
		"a target of an unknown schedule": func(f *control.SnapshotFile) {
			table := f.Tables["schedule_target"]
			row := map[string]any{"schedule": "none", "position": 0.0, "repo": "a", "tag": "b"}
			var values []any
			for _, column := range table.Columns {
				values = append(values, row[column])
			}
			table.Rows = append(table.Rows, values)
			f.Tables["schedule_target"] = table
		},
		"a row too short": func(f *control.SnapshotFile) { f.Tables["schedule"].Rows[3] = []any{"x"} },
		"the same row twice": func(f *control.SnapshotFile) {
			table := f.Tables["schedule"]
			table.Rows = append(table.Rows, table.Rows[0])
			f.Tables["schedule"] = table
		},
	} {
		file := must(s.Export(ctx, "good"))(t)
		spoil(&file)
		if _, err := s.Import(ctx, "bad", file); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if list := must(s.Snapshots(ctx))(t); len(list) != 1 {
		t.Errorf("got %+v, want only the valid one", list)
	}
	if diff := cmp.Diff(before, everything(t, srv)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	put(t, srv, "/_qcs/snapshots/a%20b", "").want(t, http.StatusBadRequest)
}
