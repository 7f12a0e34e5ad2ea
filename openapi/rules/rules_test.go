package rules_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/rules"
)

// documented lists the statuses that the document enumerates.
var documented = []api.Status{
	api.StatusBaselineCompleted, api.StatusBaselineCreated, api.StatusBaselineQueued, api.StatusBaselineRunning, api.StatusCanceled, api.StatusCompleted, api.StatusCreated,
	api.StatusError, api.StatusFailed, api.StatusFinished, api.StatusPaused, api.StatusQueued, api.StatusRunning, api.StatusUnknown,
}

func TestStatusesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	for _, s := range documented {
		if !s.Valid() {
			t.Errorf("the document has no status %s", s)
		}
	}
	var got []api.Status
	for _, s := range rules.Statuses {
		if !api.Status(s).Valid() {
			t.Errorf("the document has no status %s", s)
		}
		got = append(got, api.Status(s))
	}
	slices.Sort(got)
	if diff := cmp.Diff(documented, got); diff != "" {
		t.Errorf("statuses (-document +rules):\n%s", diff)
	}
}

// The letters of the cells: yes or no, and D for documented, I for inferred, C for our choice.
var cells = map[string]struct {
	can   bool
	class openapi.Class
}{
	"yD": {true, openapi.Documented}, "yI": {true, openapi.Inferred}, "yC": {true, openapi.Chosen},
	"nD": {false, openapi.Documented}, "nI": {false, openapi.Inferred}, "nC": {false, openapi.Chosen},
}

func TestTable(t *testing.T) {
	t.Parallel()
	want := map[rules.Status][]string{ // in the order of rules.Actions
		"Created":           {"yD", "yI", "yD", "yI", "yD"},
		"Queued":            {"yD", "yI", "yD", "nD", "yD"},
		"Paused":            {"yD", "yI", "yD", "yI", "yD"},
		"Running":           {"yD", "yD", "nD", "nD", "nD"},
		"Completed":         {"nD", "nI", "yD", "yI", "yD"},
		"Finished":          {"nD", "nD", "yD", "yD", "yD"},
		"Error":             {"nD", "nD", "yD", "yI", "yC"},
		"Failed":            {"nD", "nI", "yD", "yI", "yC"},
		"Canceled":          {"nD", "nI", "yD", "yD", "yC"},
		"Unknown":           {"nD", "nD", "yC", "nD", "yC"},
		"BaselineCreated":   {"nD", "nI", "yD", "yI", "yD"},
		"BaselineQueued":    {"yD", "yI", "yD", "nI", "yD"},
		"BaselineRunning":   {"yD", "yI", "nC", "nI", "nC"},
		"BaselineCompleted": {"nD", "nI", "yD", "yI", "yD"},
	}
	for _, s := range rules.Statuses {
		row := want[s]
		if len(row) != len(rules.Actions) {
			t.Errorf("%s: not decided for every action", s)
			continue
		}
		for i, a := range rules.Actions {
			cell := cells[row[i]]
			if can, class := rules.Can(a, s), rules.ClassOf(a, s); can != cell.can || class != cell.class {
				t.Errorf("%s, %s: got %v %s, want %v %s", s, a, can, class, cell.can, cell.class)
			}
		}
	}
	for _, a := range rules.Actions {
		if rules.Can(a, "Nonsense") || rules.ClassOf(a, "Nonsense") != "" {
			t.Errorf("%s: possible in a status that does not exist", a)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ got, want []rules.Status }{
		"initial":        {rules.Initial, []rules.Status{"Created", "BaselineCreated"}},
		"terminal":       {rules.Terminal, []rules.Status{"Paused", "Completed", "Finished", "Error", "Failed", "Canceled", "Unknown", "BaselineCompleted"}},
		"block deletion": {rules.BlockDeletion, []rules.Status{"Running", "BaselineRunning"}},
		"bulk cancel":    {rules.StatusesFor[rules.Status](rules.BulkCancel), []rules.Status{"BaselineQueued", "BaselineRunning", "Created", "Paused", "Queued", "Running"}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRunningSchedules keeps the statuses that block the deletion of a registry in agreement with the table.
func TestRunningSchedules(t *testing.T) {
	t.Parallel()
	for _, s := range rules.Statuses {
		if rules.Can(rules.Delete, s) == slices.Contains(rules.BlockDeletion, s) {
			t.Errorf("%s: a schedule can be deleted if and only if it does not block the deletion of its registry", s)
		}
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range rules.Actions {
		name := a.String()
		if a.IsBulk() {
			name += "*"
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"cancel", "bulk cancel*", "delete", "bulk delete*", "update"}, names); diff != "" {
		t.Errorf("names; * for bulk (-want +got):\n%s", diff)
	}
}
