package registry

import "github.com/qcsdev/qcs/gen/api"

// Action is what a caller may want to do to a schedule, where its status decides.
type Action int

// The actions. The bulk forms skip what they may not touch, the single ones refuse.
const (
	Cancel Action = iota
	BulkCancel
	Delete
	BulkDelete
	Update
	actions
)

// permitted is the one table of status and action.
//
// Cancel: swagger 2021 lists the states. BulkCancel: release notes 1.15 ignore Finished, Unknown and Error; with the list of the single call the rest of the row follows.
// Delete: swagger 2021 forbids Running only; BaselineRunning is our choice. BulkDelete: release notes 1.15 ignore Queued, Unknown and Running; the Baseline states follow them.
// Update: docs forbid Running; only automatic schedules can be updated in any state.
var permitted = map[api.Status][actions]bool{
	//                             Cancel BulkCancel Delete BulkDelete Update
	api.StatusCreated:           {true, true, true, true, true},
	api.StatusQueued:            {true, true, true, false, true},
	api.StatusPaused:            {true, true, true, true, true},
	api.StatusRunning:           {true, true, false, false, false},
	api.StatusCompleted:         {false, false, true, true, true},
	api.StatusFinished:          {false, false, true, true, true},
	api.StatusError:             {false, false, true, true, true},
	api.StatusFailed:            {false, false, true, true, true},
	api.StatusCanceled:          {false, false, true, true, true},
	api.StatusUnknown:           {false, false, true, false, true},
	api.StatusBaselineCreated:   {false, false, true, true, true},
	api.StatusBaselineQueued:    {true, true, true, false, true},
	api.StatusBaselineRunning:   {true, true, false, false, false},
	api.StatusBaselineCompleted: {false, false, true, true, true},
}

// Can reports whether an action is possible on a schedule in a status.
func Can(a Action, s api.Status) bool { return permitted[s][a] }

// blocksDeletion lists the states of a schedule that keep its registry from being deleted.
// Release notes 1.12: "you cannot delete a registry whose schedules are in Running state"; BaselineRunning counts as Running (our choice).
var blocksDeletion = []api.Status{api.StatusRunning, api.StatusBaselineRunning}
