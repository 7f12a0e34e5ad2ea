package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Role is what a user may do.
type Role string

// The roles. Manager may do everything, Reader may look, and SubUser is one without scope, who is refused everywhere (docs: sub-users outside their scope).
const (
	Manager Role = "manager"
	Reader  Role = "reader"
	SubUser Role = "subuser"
)

// Roles lists the roles.
var Roles = []Role{Manager, Reader, SubUser}

func (r Role) valid() bool { return slices.Contains(Roles, r) }

// permission names what an operation needs. The vendor's docs show CS.IMAGE.VIEW only; the names for registries and schedules are ours.
type permission struct {
	name string
	view bool // a reader has it
}

// permissions has a row for each operation that needs a token; the server does not start when one is missing.
var permissions = map[string]permission{
	"ListRegistries":             {"CS.REGISTRY.VIEW", true},
	"DescribeRegistry":           {"CS.REGISTRY.VIEW", true},
	"ListRepositories":           {"CS.REGISTRY.VIEW", true},
	"ValidateRegistry":           {"CS.REGISTRY.VIEW", true},
	"CreateRegistry":             {"CS.REGISTRY.CREATE", false},
	"UpdateRegistry":             {"CS.REGISTRY.UPDATE", false},
	"DeleteRegistry":             {"CS.REGISTRY.DELETE", false},
	"DeleteRegistries":           {"CS.REGISTRY.DELETE", false},
	"DescribeAWSBase":            {"CS.CONNECTOR.VIEW", true},
	"ListAWSConnectors":          {"CS.CONNECTOR.VIEW", true},
	"ListAWSConnectorsOfAccount": {"CS.CONNECTOR.VIEW", true},
	"ListACRConnectors":          {"CS.CONNECTOR.VIEW", true},
	"DescribeACRConnector":       {"CS.CONNECTOR.VIEW", true},
	"ListGCPConnectors":          {"CS.CONNECTOR.VIEW", true},
	"DescribeGCPConnector":       {"CS.CONNECTOR.VIEW", true},
	"CreateAWSConnector":         {"CS.CONNECTOR.CREATE", false},
	"CreateACRConnector":         {"CS.CONNECTOR.CREATE", false},
	"CreateGCPConnector":         {"CS.CONNECTOR.CREATE", false},
	"ListImages":                 {"CS.IMAGE.VIEW", true},
	"DescribeImage":              {"CS.IMAGE.VIEW", true},
	"ListVulnerabilities":        {"CS.IMAGE.VIEW", true},
	"ListAssociatedRegistries":   {"CS.IMAGE.VIEW", true},
	"ListSchedules":              {"CS.SCHEDULE.VIEW", true},
	"CreateSchedule":             {"CS.SCHEDULE.CREATE", false},
	"UpdateSchedule":             {"CS.SCHEDULE.UPDATE", false},
	"CancelSchedule":             {"CS.SCHEDULE.CANCEL", false},
	"CancelSchedules":            {"CS.SCHEDULE.CANCEL", false},
	"DeleteSchedule":             {"CS.SCHEDULE.DELETE", false},
	"DeleteSchedules":            {"CS.SCHEDULE.DELETE", false},
	"DeleteSchedulesByBody":      {"CS.SCHEDULE.DELETE", false},
	"ListReports":                {"CS.REPORT.VIEW", true},
	"DownloadReport":             {"CS.REPORT.VIEW", true},
	"CreateReport":               {"CS.REPORT.CREATE", false},
	"DeleteReports":              {"CS.REPORT.DELETE", false},
	"CreateReportSchedule":       {"CS.REPORT.CREATE", false},
	"UpdateReportSchedule":       {"CS.REPORT.UPDATE", false},
	"DescribePolicy":             {"CS.POLICY.VIEW", true},
	"CreatePolicy":               {"CS.POLICY.CREATE", false},
	"UpdatePolicy":               {"CS.POLICY.UPDATE", false},
	"DescribeJob":                {"CS.SCHEDULE.VIEW", true},
	"ListEvidence":               {"QCS.CONTROL", true},
	"DescribeClock":              {"QCS.CONTROL", true},
	"DescribeScanProfile":        {"QCS.CONTROL", true},
	"SetClock":                   {"QCS.CONTROL", false},
	"AdvanceClock":               {"QCS.CONTROL", false},
	"SetScanProfile":             {"QCS.CONTROL", false},
	"ForceSchedule":              {"QCS.CONTROL", false},
}

// paid reports whether the Free version lacks an operation (release notes 1.15: all on reports).
func paid(operation string) bool { return strings.HasPrefix(permissions[operation].name, "CS.REPORT.") }

// errFreePlan says that an operation is not in the plan of the world: 409.
var errFreePlan = errors.New("the subscription has the Free version, which has no reports")

// forbidden says that a caller lacks a permission: 403.
type forbidden struct{ message string }

func (e *forbidden) Error() string { return e.message }

// permit refuses a caller who may not do an operation, with the texts of the docs (get started; image count).
func permit(c caller, operation string) error {
	p := permissions[operation]
	switch {
	case c.role == SubUser:
		return &forbidden{"Request Forbidden"}
	case c.role == Manager || c.role == Reader && p.view:
		return nil
	}
	return &forbidden{fmt.Sprintf("The %s user does not have the %s permission to perform this operation. Ensure that required permissions are assigned to the user", c.name, p.name)}
}
