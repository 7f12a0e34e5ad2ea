package vendorapi

import (
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oapi-codegen/nullable"
	"pgregory.net/rapid"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/apiserver"
)

// TestSchedulesAreEncodedAsByTheStandardLibrary compares pages with random values in all fields of the
// generated type, so that a new field cannot be forgotten.
func TestSchedulesAreEncodedAsByTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		page := api.Schedules{Count: rapid.Int().Draw(t, "count")}
		if rapid.Bool().Draw(t, "has data") {
			page.Data = make([]api.Schedule, rapid.IntRange(0, 3).Draw(t, "schedules"))
		}
		for i := range page.Data {
			fill(t, reflect.ValueOf(&page.Data[i]).Elem())
		}
		got, want := httptest.NewRecorder(), httptest.NewRecorder()
		if err := (schedulesResponse(page)).VisitListSchedulesResponse(got); err != nil {
			t.Fatal(err)
		}
		if err := (apiserver.ListSchedules200JSONResponse(page)).VisitListSchedulesResponse(want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Body.String(), got.Body.String()); diff != "" {
			t.Fatalf("(-encoding/json +encoder):\n%s", diff)
		}
		if diff := cmp.Diff(want.Header(), got.Header()); diff != "" || got.Code != want.Code {
			t.Fatalf("status %d, headers (-want +got):\n%s", got.Code, diff)
		}
	})
}

// fill sets a value, or leaves it as it is.
func fill(t *rapid.T, v reflect.Value) {
	if v.CanInterface() {
		switch to := v.Addr().Interface().(type) {
		case *nullable.Nullable[int]:
			*to = drawNullable(t, rapid.Int())
			return
		case *nullable.Nullable[string]:
			*to = drawNullable(t, rapid.String())
			return
		case *map[string]any:
			return // encoding/json encodes the errors, which contain it
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 2).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a<b", `"`, `\`, "\u2028", "\xff", "é", "\n"})).Draw(t, "text"))
	default:
		t.Fatalf("there are no random values for %v", v.Type())
	}
}

func drawNullable[T any](t *rapid.T, values *rapid.Generator[T]) nullable.Nullable[T] {
	switch rapid.IntRange(0, 2).Draw(t, "state") {
	case 0:
		return nil
	case 1:
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(values.Draw(t, "value"))
}
