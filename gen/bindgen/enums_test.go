package main_test

import (
	"context"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/qcsdev/qcs/gen/bindgen/testdata/enums"
)

// things is the server of testdata/enums.
type things struct{ *catcher }

func (t things) ListThings(
	_ context.Context, r enums.ListThingsRequestObject,
) (enums.ListThingsResponseObject, error) {
	return take[enums.ListThingsResponseObject](t.catcher, r)
}

// TestEnumerationsOfQueries compares how the binders and the reference treat parameters with few
// values. openapi.yaml has none today.
func TestEnumerationsOfQueries(t *testing.T) {
	t.Parallel()
	spec, err := openapi3.NewLoader().LoadFromFile("testdata/enums/enums.yaml")
	if err != nil {
		t.Fatal(err)
	}
	document, err := spec.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	j := openDocument(t, document)
	j.bound = enums.Bound(things{j.catcher}, maxBody)
	enums.RegisterHandlers(j.echo, enums.NewStrictHandler(things{j.catcher}, nil))
	for query, valid := range map[string]bool{
		"size=10":                         true,
		"size=50&state=Open":              true,
		"size=50&state=in%20work":         true,
		"size=50&kind=B&order=asc":        true,
		"size=50&mode=":                   true,
		"size=50&mode=fast":               true,
		"size=50&code=ab":                 true,
		"size=50&states=Open&states=Open": true,
		"size=50&kinds=A&kinds=B":         true,
		"":                                false,
		"size=":                           false,
		"size=20":                         false,
		"size=ten":                        false,
		"size=10&size=10":                 false,
		"size=50&state=":                  false,
		"size=50&state=open":              false,
		"size=50&state=Open&state=Open":   false,
		"size=50&state=Open%00":           false,
		"size=50&mode=quick":              false,
		"size=50&mode=&mode=":             false,
		"size=50&kind=C":                  false,
		"size=50&order=up":                false,
		"size=50&code=a":                  false,
		"size=50&states=":                 false,
		"size=50&states=Open&states=x":    false,
		"size=50&states=Open,Closed":      false,
		"size=50&kinds=A&kinds=C":         false,
		"size=50&States=Open":             false,
		"size=50&states=Open&states=Open&states=Open&states=Open": false,
	} {
		s := sent{"GET", "/things?" + query, "", ""}
		if v, bound := j.generated(s.request()); !bound || (v.Status == 0) != valid {
			t.Errorf("%q: got %+v, want that it is accepted: %v", query, v, valid)
		}
		if diff := j.differs(s); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
}
