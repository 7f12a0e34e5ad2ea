// Package auth has users, passwords, tokens, roles, permissions and rate limits. It decides who may
// call what. It must not import the packages of handlers.
package auth

import (
	"errors"
	"fmt"
	"strings"
)

// Role is the role of a user, which decides what the user may do.
type Role string

// The roles. Manager may do everything, Reader may read, and SubUser has no scope and is refused
// everywhere (docs: sub-users outside their scope).
const (
	Manager Role = "manager"
	Reader  Role = "reader"
	SubUser Role = "subuser"
)

// Roles lists the roles.
var Roles = []Role{Manager, Reader, SubUser}

// permission allows operations. The vendor's docs show only CS.IMAGE.VIEW; we chose other names.
type permission struct {
	name        string
	view        bool // readers have the permission
	administers bool // the operations are on worlds: they need the control token, not a user
	operations  []string
}

// permissions has the permission of each operation. CheckPermission finds missing ones.
var permissions = byOperation([]permission{
	{operations: []string{"CreateToken"}}, // needs a password instead
	{name: "CS.REGISTRY.VIEW", view: true, operations: []string{
		"ListRegistries", "DescribeRegistry", "ListRepositories", "ValidateRegistry",
	}},
	{name: "CS.REGISTRY.CREATE", operations: []string{"CreateRegistry"}},
	{name: "CS.REGISTRY.UPDATE", operations: []string{"UpdateRegistry"}},
	{name: "CS.REGISTRY.DELETE", operations: []string{"DeleteRegistry", "DeleteRegistries"}},
	{name: "CS.CONNECTOR.VIEW", view: true, operations: []string{
		"DescribeAWSBase", "ListAWSConnectors", "ListAWSConnectorsOfAccount", "ListACRConnectors",
		"DescribeACRConnector", "ListGCPConnectors", "DescribeGCPConnector",
	}},
	{name: "CS.CONNECTOR.CREATE", operations: []string{
		"CreateAWSConnector", "CreateACRConnector", "CreateGCPConnector",
	}},
	{name: "CS.IMAGE.VIEW", view: true, operations: []string{
		"ListImages", "DescribeImage", "ListVulnerabilities", "ListAssociatedRegistries",
	}},
	{name: "CS.SCHEDULE.VIEW", view: true, operations: []string{"ListSchedules", "DescribeJob"}},
	{name: "CS.SCHEDULE.CREATE", operations: []string{"CreateSchedule"}},
	{name: "CS.SCHEDULE.UPDATE", operations: []string{"UpdateSchedule"}},
	{name: "CS.SCHEDULE.CANCEL", operations: []string{"CancelSchedule", "CancelSchedules"}},
	{name: "CS.SCHEDULE.DELETE", operations: []string{
		"DeleteSchedule", "DeleteSchedules", "DeleteSchedulesByBody",
	}},
	{name: "CS.REPORT.VIEW", view: true, operations: []string{"ListReports", "DownloadReport"}},
	{name: "CS.REPORT.CREATE", operations: []string{"CreateReport", "CreateReportSchedule"}},
	{name: "CS.REPORT.DELETE", operations: []string{"DeleteReports"}},
	{name: "CS.REPORT.UPDATE", operations: []string{"UpdateReportSchedule"}},
	{name: "CS.POLICY.VIEW", view: true, operations: []string{"DescribePolicy"}},
	{name: "CS.POLICY.CREATE", operations: []string{"CreatePolicy"}},
	{name: "CS.POLICY.UPDATE", operations: []string{"UpdatePolicy"}},
	{name: "QCS.WORLDS", administers: true, operations: []string{
		"ListWorlds", "CreateWorld", "UpdateWorld", "DropWorld", "ResetWorld", "ResetData", "CloneWorld",
		"ExpireTokens", "ListUnmatched",
	}},
	{name: "QCS.CONTROL", view: true, operations: []string{
		"ListSnapshots", "ExportSnapshot", "ListFaults", "ListJournal", "VerifyJournal", "ExportJournal",
		"ExportRecording", "ReplayScenario", "ListEvidence", "DescribeClock", "DescribeScanProfile",
	}},
	{name: "QCS.CONTROL", operations: []string{
		"SaveSnapshot", "RestoreSnapshot", "DeleteSnapshot", "ImportSnapshot", "AddFault", "RemoveFault",
		"ClearFaults", "ClearJournal", "AddRepository", "StartRecording", "StopRecording", "SetClock",
		"AdvanceClock", "SetScanProfile", "ForceSchedule",
	}},
})

func byOperation(all []permission) map[string]permission {
	of := map[string]permission{}
	for _, p := range all {
		for _, operation := range p.operations {
			of[operation] = p
		}
	}
	return of
}

// CheckPermission returns an error for an operation without a permission.
func CheckPermission(operation string) error {
	if _, ok := permissions[operation]; !ok {
		return fmt.Errorf("operation %s has no permission", operation)
	}
	return nil
}

// isPaid reports whether the Free version lacks an operation (release notes 1.15: reports).
func isPaid(operation string) bool {
	return strings.HasPrefix(permissions[operation].name, "CS.REPORT.")
}

// ErrFreePlan means that an operation is not in the plan of the world: 409.
var ErrFreePlan = errors.New("the subscription has the Free version, which has no reports")

// ForbiddenError means that a caller lacks a permission: 403.
type ForbiddenError struct{ Message string }

func (e *ForbiddenError) Error() string { return e.Message }

// authorize refuses a caller without the permission (texts: docs, get started; image count).
func authorize(user string, role Role, operation string) error {
	p := permissions[operation]
	switch {
	case role == SubUser:
		return &ForbiddenError{"Request Forbidden"}
	case role == Manager || role == Reader && p.view:
		return nil
	}
	return &ForbiddenError{fmt.Sprintf(
		"The %s user does not have the %s permission to perform this operation. "+
			"Ensure that required permissions are assigned to the user", user, p.name,
	)}
}
