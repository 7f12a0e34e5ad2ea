package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// note tells of a choice.
func note(ctx context.Context, format string, args ...any) {
	if c := CallOf(ctx); c != nil {
		c.Note(fmt.Sprintf(format, args...) + " (" + string(openapi.Chosen) + ")")
	}
}

// permit notes that an action was possible because we chose so.
func permit(ctx context.Context, a Action, s api.Status) {
	if permitted[s][a].class == openapi.Chosen {
		note(ctx, "%s of a schedule in state %s", a, s)
	}
}

// actionNames are how evidence and notes call the actions; actionCalls is what a real account would
// be asked to settle one.
var (
	actionNames = [actions]string{"cancel", "bulk cancel", "delete", "bulk delete", "update"}
	actionCalls = [actions]string{
		`-X POST "$API/registry/$REGISTRY/schedule/$SCHEDULE/cancel"`,
		`-X POST "$API/registry/$REGISTRY/schedule/cancel?scheduleIds=$SCHEDULE"`,
		`-X DELETE "$API/registry/$REGISTRY/schedule/$SCHEDULE"`,
		`-X DELETE "$API/registry/$REGISTRY/schedule/bulk?scheduleIds=$SCHEDULE"`,
		`-X PUT --json '<the schedule as it is>' "$API/registry/$REGISTRY/schedule/$SCHEDULE"`,
	}
)

func (a Action) String() string { return actionNames[a] }

// lists are the lists that can be filtered, and the calls that ask for them.
var lists = []struct {
	name, path string
	store.Resource
}{
	{"registries", "/registry", store.Registries},
	{"repositories", "/registry/$REGISTRY/repository", store.Repositories},
	{"schedules", "/registry/$REGISTRY/schedule", store.Schedules},
	{"images", "/images", store.Images},
	{"vulnerabilities", "/images/$IMAGE/vuln", vulnerabilityTokens},
	{"reports", "/reports", store.Reports},
}

// Evidence says on what the tokens of the lists and the cells of the table of statuses rest.
func Evidence() []control.Evidence {
	var all []control.Evidence
	for _, l := range lists {
		for _, f := range l.Schema {
			e := control.Evidence{
				Kind:  control.EvidenceKindToken,
				Name:  l.name + ": " + f.Name(),
				Class: control.EvidenceClass(l.Class(f)),
			}
			if l.Class(f) == openapi.Chosen {
				e.Settle = fmt.Sprintf(`curl -i -H "$AUTH" "$API%s?filter=%s:*"`, l.path, f.Name())
			}
			all = append(all, e)
		}
	}
	for _, s := range Statuses {
		for a := range actions {
			c := permitted[s][a]
			e := control.Evidence{
				Kind:   control.EvidenceKindStatus,
				Name:   fmt.Sprintf("%s: %s", s, a),
				Class:  control.EvidenceClass(c.class),
				Source: outcomes[c.can],
			}
			if strings.HasPrefix(a.String(), "bulk") && !c.can {
				e.Source = "skipped"
			}
			if c.class == openapi.Chosen {
				e.Settle = fmt.Sprintf(`curl -i -H "$AUTH" %s # SCHEDULE is one in state %s`, actionCalls[a], s)
			}
			all = append(all, e)
		}
	}
	return all
}

var outcomes = map[bool]string{true: "allowed", false: "refused"}

// noteTokens tells of the tokens of a query that are our choice.
func noteTokens(ctx context.Context, r store.Resource, l store.List) {
	tokens := map[string]bool{}
	mark := func(f qql.Field) {
		if r.Class(f) == openapi.Chosen && !tokens[f.Name()] {
			tokens[f.Name()] = true
			note(ctx, "token %q", f.Name())
		}
	}
	for f := range qql.Fields(l.Filter) {
		mark(f)
	}
	if l.Sort != (qql.Sort{}) {
		mark(l.Sort.Field)
	}
}
