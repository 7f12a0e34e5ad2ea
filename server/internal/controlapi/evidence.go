package controlapi

import (
	"cmp"
	"context"
	"slices"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/gen/controlserver"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server/internal/registry"
)

// Evidence says on what the emulator's behaviour rests: a line for each operation of the vendor's
// API, rule, filter token and cell of the table of statuses, by kind and name.
func Evidence() ([]control.Evidence, error) {
	d, err := contract.VendorDocument()
	if err != nil {
		return nil, err
	}
	all := registry.Evidence()
	for _, o := range d.Operations() {
		e := o.Evidence()
		line := control.Evidence{
			Kind:   control.EvidenceKindOperation,
			Name:   o.ID,
			Class:  control.EvidenceClass(weaker(e.Calls, e.Answer)),
			Source: e.Source,
		}
		if line.Class == control.EvidenceClassChosen {
			line.Settle = o.Example().Curl()
		}
		all = append(all, line)
	}
	for _, r := range openapi.Refusals {
		all = append(all, control.Evidence{
			Kind:   control.EvidenceKindRule,
			Name:   r.Name,
			Class:  control.EvidenceClass(r.Class),
			Source: r.Text,
			Settle: r.Settle,
		})
	}
	slices.SortFunc(all, func(a, b control.Evidence) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// strength orders the classes from free to firm.
var strength = []openapi.Class{openapi.Chosen, openapi.Inferred, openapi.Observed, openapi.Documented}

func weaker(a, b openapi.Class) openapi.Class {
	return strength[min(slices.Index(strength, a), slices.Index(strength, b))]
}

// ListEvidence answers on what the emulator's behaviour rests.
func (h *Handlers) ListEvidence(
	context.Context, controlserver.ListEvidenceRequestObject,
) (controlserver.ListEvidenceResponseObject, error) {
	all, err := Evidence()
	return controlserver.ListEvidence200JSONResponse(all), err
}
