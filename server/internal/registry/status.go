package registry

import (
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
)

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

// Statuses lists all statuses of a schedule: those of client v1.1, and Unknown (release notes
// 1.15).
var Statuses = []api.Status{
	api.StatusCreated,
	api.StatusQueued,
	api.StatusPaused,
	api.StatusRunning,
	api.StatusCompleted,
	api.StatusFinished,
	api.StatusError,
	api.StatusFailed,
	api.StatusCanceled,
	api.StatusUnknown,
	api.StatusBaselineCreated,
	api.StatusBaselineQueued,
	api.StatusBaselineRunning,
	api.StatusBaselineCompleted,
}

// cell says whether an action is possible on a schedule in a status, and on what that rests.
type cell struct {
	can   bool
	class openapi.Class
}

// The cells, in short: allowed or refused (in bulk: skipped), as documented, inferred or chosen.
var (
	yesDoc, noDoc       = cell{true, openapi.Documented}, cell{false, openapi.Documented}
	yesInfer, noInfer   = cell{true, openapi.Inferred}, cell{false, openapi.Inferred}
	yesChoice, noChoice = cell{true, openapi.Chosen}, cell{false, openapi.Chosen}
)

// permitted is the one table of status and action.
//
// Cancel: swagger 2021 lists the states. BulkCancel: release notes 1.15 ignore Finished, Unknown
// and Error, and show a cancel of Running; with the list of the single call the rest of the row
// follows. Delete: swagger 2021 forbids Running only; what it does to Unknown and to
// BaselineRunning is our choice. BulkDelete: release notes 1.15 ignore Queued, Unknown and Running
// and delete Finished and Canceled; the Baseline states follow them. Update: docs forbid Running;
// after a bad end or a cancel it is our choice.
var permitted = map[api.Status][actions]cell{
	//                             Cancel BulkCancel Delete   BulkDelete Update
	api.StatusCreated:           {yesDoc, yesInfer, yesDoc, yesInfer, yesDoc},
	api.StatusQueued:            {yesDoc, yesInfer, yesDoc, noDoc, yesDoc},
	api.StatusPaused:            {yesDoc, yesInfer, yesDoc, yesInfer, yesDoc},
	api.StatusRunning:           {yesDoc, yesDoc, noDoc, noDoc, noDoc},
	api.StatusCompleted:         {noDoc, noInfer, yesDoc, yesInfer, yesDoc},
	api.StatusFinished:          {noDoc, noDoc, yesDoc, yesDoc, yesDoc},
	api.StatusError:             {noDoc, noDoc, yesDoc, yesInfer, yesChoice},
	api.StatusFailed:            {noDoc, noInfer, yesDoc, yesInfer, yesChoice},
	api.StatusCanceled:          {noDoc, noInfer, yesDoc, yesDoc, yesChoice},
	api.StatusUnknown:           {noDoc, noDoc, yesChoice, noDoc, yesChoice},
	api.StatusBaselineCreated:   {noDoc, noInfer, yesDoc, yesInfer, yesDoc},
	api.StatusBaselineQueued:    {yesDoc, yesInfer, yesDoc, noInfer, yesDoc},
	api.StatusBaselineRunning:   {yesDoc, yesInfer, noChoice, noInfer, noChoice},
	api.StatusBaselineCompleted: {noDoc, noInfer, yesDoc, yesInfer, yesDoc},
}

// Can reports whether an action is possible on a schedule in a status.
func Can(a Action, s api.Status) bool { return permitted[s][a].can }

// blocksDeletion lists the states of a schedule that keep its registry from being deleted. Release
// notes 1.12: "you cannot delete a registry whose schedules are in Running state"; BaselineRunning
// counts as Running (our choice).
var blocksDeletion = []api.Status{api.StatusRunning, api.StatusBaselineRunning}
