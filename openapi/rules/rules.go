// Package rules says what the status of a schedule allows: one table of status and action, and
// the lists of statuses that the server, the SDK and the CLI share.
//
// It imports the standard library and package openapi only. Functions take any string type, so
// that a caller passes its own type for a status.
package rules

import (
	"slices"

	"github.com/qcsdev/qcs/openapi"
)

// Status is the status of a schedule.
type Status string

// The statuses of a schedule: those of client v1.1, and Unknown (release notes 1.15).
const (
	StatusCreated           Status = "Created"
	StatusQueued            Status = "Queued"
	StatusPaused            Status = "Paused"
	StatusRunning           Status = "Running"
	StatusCompleted         Status = "Completed"
	StatusFinished          Status = "Finished"
	StatusError             Status = "Error"
	StatusFailed            Status = "Failed"
	StatusCanceled          Status = "Canceled"
	StatusUnknown           Status = "Unknown"
	StatusBaselineCreated   Status = "BaselineCreated"
	StatusBaselineQueued    Status = "BaselineQueued"
	StatusBaselineRunning   Status = "BaselineRunning"
	StatusBaselineCompleted Status = "BaselineCompleted"
)

// Statuses lists all statuses of a schedule.
var Statuses = []Status{
	StatusCreated,
	StatusQueued,
	StatusPaused,
	StatusRunning,
	StatusCompleted,
	StatusFinished,
	StatusError,
	StatusFailed,
	StatusCanceled,
	StatusUnknown,
	StatusBaselineCreated,
	StatusBaselineQueued,
	StatusBaselineRunning,
	StatusBaselineCompleted,
}

// Initial lists the statuses of a new schedule: Created if on demand, BaselineCreated if automatic.
var Initial = []Status{StatusCreated, StatusBaselineCreated}

// Terminal lists the statuses that a schedule leaves only after a call or for its next scan.
var Terminal = []Status{
	StatusPaused,
	StatusCompleted,
	StatusFinished,
	StatusError,
	StatusFailed,
	StatusCanceled,
	StatusUnknown,
	StatusBaselineCompleted,
}

// BlockDeletion lists the statuses of a schedule that prevent the deletion of its registry.
// Release notes 1.12: "you cannot delete a registry whose schedules are in Running state".
// BaselineRunning counts as Running (our choice).
var BlockDeletion = []Status{StatusRunning, StatusBaselineRunning}

// Action is an action on a schedule that depends on the status of the schedule.
type Action int

// The actions. In the wrong status, a single action is refused; a bulk action skips the schedule.
const (
	Cancel Action = iota
	BulkCancel
	Delete
	BulkDelete
	Update
)

// Actions lists all actions.
var Actions = []Action{Cancel, BulkCancel, Delete, BulkDelete, Update}

// String gives the name of an action, such as "bulk cancel".
func (a Action) String() string {
	return [...]string{"cancel", "bulk cancel", "delete", "bulk delete", "update"}[a]
}

// IsBulk reports whether an action works on many schedules and skips those in the wrong status.
func (a Action) IsBulk() bool { return a == BulkCancel || a == BulkDelete }

// cell says whether an action is possible in a status, and by what class of source.
type cell struct {
	can   bool
	class openapi.Class
}

// The values of a cell: yes or no, and documented, inferred or our choice.
var (
	yesDoc, noDoc       = cell{true, openapi.Documented}, cell{false, openapi.Documented}
	yesInfer, noInfer   = cell{true, openapi.Inferred}, cell{false, openapi.Inferred}
	yesChoice, noChoice = cell{true, openapi.Chosen}, cell{false, openapi.Chosen}
)

// table is the one table of status and action.
//   - Cancel: swagger 2021 lists the statuses.
//   - BulkCancel: release notes 1.15 say that Finished, Unknown and Error are ignored, and show a
//     cancel of Running. The other cells follow from the list of the single call.
//   - Delete: swagger 2021 forbids Running only. Unknown and BaselineRunning are our choice.
//   - BulkDelete: release notes 1.15 say that Queued, Unknown and Running are ignored, and Finished
//     and Canceled deleted; the rest follows. The deprecated call with a body has column Delete.
//   - Update: the documents forbid Running. After an error or a cancel, the answer is our choice.
var table = map[Status][Update + 1]cell{
	StatusCreated:   {Cancel: yesDoc, BulkCancel: yesInfer, Delete: yesDoc, BulkDelete: yesInfer, Update: yesDoc},
	StatusQueued:    {Cancel: yesDoc, BulkCancel: yesInfer, Delete: yesDoc, BulkDelete: noDoc, Update: yesDoc},
	StatusPaused:    {Cancel: yesDoc, BulkCancel: yesInfer, Delete: yesDoc, BulkDelete: yesInfer, Update: yesDoc},
	StatusRunning:   {Cancel: yesDoc, BulkCancel: yesDoc, Delete: noDoc, BulkDelete: noDoc, Update: noDoc},
	StatusCompleted: {Cancel: noDoc, BulkCancel: noInfer, Delete: yesDoc, BulkDelete: yesInfer, Update: yesDoc},
	StatusFinished:  {Cancel: noDoc, BulkCancel: noDoc, Delete: yesDoc, BulkDelete: yesDoc, Update: yesDoc},
	StatusError:     {Cancel: noDoc, BulkCancel: noDoc, Delete: yesDoc, BulkDelete: yesInfer, Update: yesChoice},
	StatusFailed:    {Cancel: noDoc, BulkCancel: noInfer, Delete: yesDoc, BulkDelete: yesInfer, Update: yesChoice},
	StatusCanceled:  {Cancel: noDoc, BulkCancel: noInfer, Delete: yesDoc, BulkDelete: yesDoc, Update: yesChoice},
	StatusUnknown:   {Cancel: noDoc, BulkCancel: noDoc, Delete: yesChoice, BulkDelete: noDoc, Update: yesChoice},
	StatusBaselineCreated: {
		Cancel: noDoc, BulkCancel: noInfer, Delete: yesDoc, BulkDelete: yesInfer, Update: yesDoc,
	},
	StatusBaselineQueued: {
		Cancel: yesDoc, BulkCancel: yesInfer, Delete: yesDoc, BulkDelete: noInfer, Update: yesDoc,
	},
	StatusBaselineRunning: {
		Cancel: yesDoc, BulkCancel: yesInfer, Delete: noChoice, BulkDelete: noInfer, Update: noChoice,
	},
	StatusBaselineCompleted: {
		Cancel: noDoc, BulkCancel: noInfer, Delete: yesDoc, BulkDelete: yesInfer, Update: yesDoc,
	},
}

// Can reports whether a status allows an action. A status that does not exist allows nothing.
func Can[S ~string](a Action, s S) bool { return table[Status(s)][a].can }

// ClassOf returns the class of source of what Can returns; "" for a status that does not exist.
func ClassOf[S ~string](a Action, s S) openapi.Class { return table[Status(s)][a].class }

// StatusesFor lists the statuses in which an action is possible, in alphabetical order.
func StatusesFor[S ~string](a Action) []S {
	var list []S
	for _, s := range slices.Sorted(slices.Values(Statuses)) {
		if Can(a, s) {
			list = append(list, S(s))
		}
	}
	return list
}
