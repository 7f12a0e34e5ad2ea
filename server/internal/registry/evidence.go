package registry

import (
	"fmt"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/rules"
	"github.com/qcsdev/qcs/server/internal/scan"
	"github.com/qcsdev/qcs/server/internal/store"
)

// actionCalls are the calls that show, with a real account, what an action does.
var actionCalls = map[rules.Action]string{
	rules.Cancel:     `-X POST "$API/registry/$REGISTRY/schedule/$SCHEDULE/cancel"`,
	rules.BulkCancel: `-X POST "$API/registry/$REGISTRY/schedule/cancel?scheduleIds=$SCHEDULE"`,
	rules.Delete:     `-X DELETE "$API/registry/$REGISTRY/schedule/$SCHEDULE"`,
	rules.BulkDelete: `-X DELETE "$API/registry/$REGISTRY/schedule/bulk?scheduleIds=$SCHEDULE"`,
	rules.Update:     `-X PUT --json '<the schedule as it is>' "$API/registry/$REGISTRY/schedule/$SCHEDULE"`,
}

// lists are the lists that can be filtered, and their paths.
var lists = []struct {
	name, path string
	store.Resource
}{
	{"registries", "/registry", store.Registries},
	{"repositories", "/registry/$REGISTRY/repository", store.Repositories},
	{"schedules", "/registry/$REGISTRY/schedule", store.Schedules},
	{"images", "/images", store.Images},
	{"vulnerabilities", "/images/$IMAGE/vuln", scan.VulnerabilityTokens},
	{"reports", "/reports", store.Reports},
}

// Evidence returns the evidence for the tokens of the lists and the cells of the table of statuses.
func Evidence() []control.Evidence {
	var all []control.Evidence
	for _, l := range lists {
		for _, f := range l.Schema {
			class := control.EvidenceClass(l.Class(f))
			e := control.Evidence{Kind: control.EvidenceKindToken, Name: l.name + ": " + f.Name(), Class: class}
			if l.Class(f) == openapi.Chosen {
				e.Settle = fmt.Sprintf(`curl -i -H "$AUTH" "$API%s?filter=%s:*"`, l.path, f.Name())
			}
			all = append(all, e)
		}
	}
	for _, s := range rules.Statuses {
		for _, a := range rules.Actions {
			all = append(all, statusEvidence(a, s))
		}
	}
	return all
}

// statusEvidence returns the evidence for a cell of the table of statuses.
func statusEvidence(a rules.Action, s rules.Status) control.Evidence {
	class := control.EvidenceClass(rules.ClassOf(a, s))
	e := control.Evidence{Kind: control.EvidenceKindStatus, Name: fmt.Sprintf("%s: %s", s, a), Class: class}
	e.Source = "refused"
	switch {
	case rules.Can(a, s):
		e.Source = "allowed"
	case a.IsBulk():
		e.Source = "skipped"
	}
	if rules.ClassOf(a, s) == openapi.Chosen {
		e.Settle = fmt.Sprintf(`curl -i -H "$AUTH" %s # SCHEDULE is one in state %s`, actionCalls[a], s)
	}
	return e
}
