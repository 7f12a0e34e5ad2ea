package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi/contract"
)

func TestNoErrorTellsThePassword(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	d := load(t, contract.Options{})
	login := func(password string) exchange {
		return exchange{"POST", registries, asJSON, plus(registry, `"credential":{"username":"u","password":`+password+`}`)}
	}
	form := func(body string) exchange { return exchange{"POST", "/auth", asForm, body} }
	for _, tt := range []struct {
		name string
		exchange
	}{
		{"too long", login(`"` + strings.Repeat(secret, 2000) + `"`)},
		{"in a list", login(`["hunter2"]`)},
		{"in an object", login(`{"value":"hunter2"}`)},
		{"without quotes", login(secret)},
		{"with a broken escape", login(`"hunter2\x"`)},
		{"with a line end", login("\"hunter2\n\"")},
		{"with a NUL character", login(`"hunter2\u0000"`)},
		{"given twice", login(`"hunter2","password":"hunter2"`)},
		{"in a body that breaks off", login(`"hunter2`)},
		{"in a body with more behind it", exchange{"POST", registries, asJSON, registry + `"hunter2"`}},
		{"as the body", exchange{"POST", registries, asJSON, `"hunter2"`}},
		{"as the credential", exchange{"POST", registries, asJSON, plus(registry, `"credential":"hunter2"`)}},
		{"as a type", exchange{"POST", registries, asJSON, strings.Replace(registry, `"AWS"`, `"hunter2"`, 1)}},
		{"as an address", exchange{"POST", registries, asJSON, strings.Replace(registry, "https://a.example", secret, 1)}},
		{"in a list of ids", exchange{"DELETE", registries, asJSON, `[1,"hunter2"]`}},
		{"in a body of the wrong type", exchange{"POST", registries, "text/plain", secret}},
		{"in a body where there is none", exchange{"GET", registries, asJSON, `"hunter2"`}},
		{"in a form, too long", form("username=u&token=true&password=" + strings.Repeat(secret, 200))},
		{"in a form, with a broken escape", form("username=u&token=true&password=hunter2%zz")},
		{"in a form, with a semicolon", form("username=u&token=true&password=hunter2;")},
		{"in a form, in the wrong field", form("username=u&token=hunter2&password=hunter2")},
		{"in a form, beside a missing field", form("username=u&password=hunter2")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := check(t, d, tt.exchange)
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Errorf("got %v, want an error without the password", err)
			}
		})
	}
}
