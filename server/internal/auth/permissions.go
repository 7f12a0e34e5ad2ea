// Package auth knows users, passwords, tokens, roles and permissions, and the rate limit. It
// decides who may call what. It must not import the packages of handlers.
package auth

import (
	"errors"
	"fmt"
	"strings"
)

// Role is what a user may do.
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

// permission names what an operation needs. The vendor's docs show CS.IMAGE.VIEW only; the names
// for registries and schedules are ours.
type permission struct {
	name string
	view bool // a reader has it

	administers bool // the operation is on worlds: it needs the control token, not a user
}

// permissions has a row for each operation; CheckPermission finds a missing one when the server
// starts.
var permissions = map[string]permission{
	"CreateToken":                {}, // with a password: the document asks for no token
	"ListRegistries":             {name: "CS.REGISTRY.VIEW", view: true},
	"DescribeRegistry":           {name: "CS.REGISTRY.VIEW", view: true},
	"ListRepositories":           {name: "CS.REGISTRY.VIEW", view: true},
	"ValidateRegistry":           {name: "CS.REGISTRY.VIEW", view: true},
	"CreateRegistry":             {name: "CS.REGISTRY.CREATE", view: false},
	"UpdateRegistry":             {name: "CS.REGISTRY.UPDATE", view: false},
	"DeleteRegistry":             {name: "CS.REGISTRY.DELETE", view: false},
	"DeleteRegistries":           {name: "CS.REGISTRY.DELETE", view: false},
	"DescribeAWSBase":            {name: "CS.CONNECTOR.VIEW", view: true},
	"ListAWSConnectors":          {name: "CS.CONNECTOR.VIEW", view: true},
	"ListAWSConnectorsOfAccount": {name: "CS.CONNECTOR.VIEW", view: true},
	"ListACRConnectors":          {name: "CS.CONNECTOR.VIEW", view: true},
	"DescribeACRConnector":       {name: "CS.CONNECTOR.VIEW", view: true},
	"ListGCPConnectors":          {name: "CS.CONNECTOR.VIEW", view: true},
	"DescribeGCPConnector":       {name: "CS.CONNECTOR.VIEW", view: true},
	"CreateAWSConnector":         {name: "CS.CONNECTOR.CREATE", view: false},
	"CreateACRConnector":         {name: "CS.CONNECTOR.CREATE", view: false},
	"CreateGCPConnector":         {name: "CS.CONNECTOR.CREATE", view: false},
	"ListImages":                 {name: "CS.IMAGE.VIEW", view: true},
	"DescribeImage":              {name: "CS.IMAGE.VIEW", view: true},
	"ListVulnerabilities":        {name: "CS.IMAGE.VIEW", view: true},
	"ListAssociatedRegistries":   {name: "CS.IMAGE.VIEW", view: true},
	"ListSchedules":              {name: "CS.SCHEDULE.VIEW", view: true},
	"CreateSchedule":             {name: "CS.SCHEDULE.CREATE", view: false},
	"UpdateSchedule":             {name: "CS.SCHEDULE.UPDATE", view: false},
	"CancelSchedule":             {name: "CS.SCHEDULE.CANCEL", view: false},
	"CancelSchedules":            {name: "CS.SCHEDULE.CANCEL", view: false},
	"DeleteSchedule":             {name: "CS.SCHEDULE.DELETE", view: false},
	"DeleteSchedules":            {name: "CS.SCHEDULE.DELETE", view: false},
	"DeleteSchedulesByBody":      {name: "CS.SCHEDULE.DELETE", view: false},
	"ListReports":                {name: "CS.REPORT.VIEW", view: true},
	"DownloadReport":             {name: "CS.REPORT.VIEW", view: true},
	"CreateReport":               {name: "CS.REPORT.CREATE", view: false},
	"DeleteReports":              {name: "CS.REPORT.DELETE", view: false},
	"CreateReportSchedule":       {name: "CS.REPORT.CREATE", view: false},
	"UpdateReportSchedule":       {name: "CS.REPORT.UPDATE", view: false},
	"DescribePolicy":             {name: "CS.POLICY.VIEW", view: true},
	"CreatePolicy":               {name: "CS.POLICY.CREATE", view: false},
	"UpdatePolicy":               {name: "CS.POLICY.UPDATE", view: false},
	"DescribeJob":                {name: "CS.SCHEDULE.VIEW", view: true},
	"ListWorlds":                 {name: "QCS.WORLDS", administers: true},
	"CreateWorld":                {name: "QCS.WORLDS", administers: true},
	"UpdateWorld":                {name: "QCS.WORLDS", administers: true},
	"DropWorld":                  {name: "QCS.WORLDS", administers: true},
	"ResetWorld":                 {name: "QCS.WORLDS", administers: true},
	"ResetData":                  {name: "QCS.WORLDS", administers: true},
	"CloneWorld":                 {name: "QCS.WORLDS", administers: true},
	"ExpireTokens":               {name: "QCS.WORLDS", administers: true},
	"ListSnapshots":              {name: "QCS.CONTROL", view: true},
	"ExportSnapshot":             {name: "QCS.CONTROL", view: true},
	"SaveSnapshot":               {name: "QCS.CONTROL", view: false},
	"RestoreSnapshot":            {name: "QCS.CONTROL", view: false},
	"DeleteSnapshot":             {name: "QCS.CONTROL", view: false},
	"ImportSnapshot":             {name: "QCS.CONTROL", view: false},
	"ListFaults":                 {name: "QCS.CONTROL", view: true},
	"AddFault":                   {name: "QCS.CONTROL", view: false},
	"RemoveFault":                {name: "QCS.CONTROL", view: false},
	"ClearFaults":                {name: "QCS.CONTROL", view: false},
	"ListJournal":                {name: "QCS.CONTROL", view: true},
	"VerifyJournal":              {name: "QCS.CONTROL", view: true},
	"ExportJournal":              {name: "QCS.CONTROL", view: true},
	"ClearJournal":               {name: "QCS.CONTROL", view: false},
	"AddRepository":              {name: "QCS.CONTROL", view: false},
	"StartRecording":             {name: "QCS.CONTROL", view: false},
	"ExportRecording":            {name: "QCS.CONTROL", view: true},
	"StopRecording":              {name: "QCS.CONTROL", view: false},
	"ReplayScenario":             {name: "QCS.CONTROL", view: true},
	"ListEvidence":               {name: "QCS.CONTROL", view: true},
	"DescribeClock":              {name: "QCS.CONTROL", view: true},
	"DescribeScanProfile":        {name: "QCS.CONTROL", view: true},
	"SetClock":                   {name: "QCS.CONTROL", view: false},
	"AdvanceClock":               {name: "QCS.CONTROL", view: false},
	"SetScanProfile":             {name: "QCS.CONTROL", view: false},
	"ForceSchedule":              {name: "QCS.CONTROL", view: false},
}

// CheckPermission fails for an operation that has no row in the table of permissions.
func CheckPermission(operation string) error {
	if _, ok := permissions[operation]; !ok {
		return fmt.Errorf("operation %s has no permission", operation)
	}
	return nil
}

// isPaid reports whether the Free version lacks an operation (release notes 1.15: all on reports).
func isPaid(operation string) bool {
	return strings.HasPrefix(permissions[operation].name, "CS.REPORT.")
}

// ErrFreePlan says that an operation is not in the plan of the world: 409.
var ErrFreePlan = errors.New("the subscription has the Free version, which has no reports")

// ForbiddenError says that a caller lacks a permission: 403.
type ForbiddenError struct{ Message string }

func (e *ForbiddenError) Error() string { return e.Message }

// authorize refuses a caller who may not do an operation, with the texts of the docs (get started;
// image count).
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
