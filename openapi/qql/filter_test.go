package qql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi/qql"
)

const now = 1_700_000_000_000 // 2023-11-14T22:13:20Z

var schema = qql.Schema{
	{Token: "id", Kind: qql.ID},
	{Token: "name", Kind: qql.Text},
	{Token: "status", Kind: qql.Word},
	{Token: "images", Kind: qql.Number},
	{Token: "interval", Kind: qql.Number, Optional: true},
	{Token: "created", Kind: qql.Time},
	{Token: "onDemand", Kind: qql.Bool},
	{Token: "repo", Kind: qql.Text, Group: "targets"},
	{Token: "tag", Kind: qql.Text, Group: "targets"},
}

// record is a Record made of maps.
type record struct {
	text   map[string]string
	number map[string]int64
	parts  []qql.Record
}

func (r record) Text(token string) string  { return r.text[token] }
func (r record) Number(token string) int64 { return r.number[token] }
func (r record) Group(string) []qql.Record { return r.parts }

func target(repo, tag string) qql.Record {
	return record{text: map[string]string{"repo": repo, "tag": tag}}
}

var sample = record{
	text:   map[string]string{"id": "7781808c-ad94-3201", "name": "Nightly Build", "status": "BaselineRunning"},
	number: map[string]int64{"images": 0, "created": now - 3_600_000, "onDemand": 1},
	parts:  []qql.Record{target("team/app", "v1"), target("team/db", "latest")},
}

func TestEval(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		`id:*`:                                    true,
		`id:7781808c-ad94-3201`:                   true,
		`id:7781808C-AD94-3201`:                   false, // ids are compared with case
		`id:"7781808c"`:                           true,  // whole id or its beginning
		`id:"ad94"`:                               false,
		`id:*ad94*`:                               true,
		"id:`7781808c`":                           false,
		`name:"nightly build"`:                    true,
		`name:"LY BU"`:                            true, // contains
		`name:nightly`:                            false,
		`name:nightly*`:                           true,
		`name:*i*t*d`:                             true,
		`name:*x*`:                                false,
		"name:`Nightly Build`":                    true,
		"name:`nightly build`":                    false, // exact
		`name:'Nightly Build'`:                    true,
		`name:""`:                                 false,
		`status:baselinerunning`:                  true,
		`status:"Running"`:                        false, // the whole word
		`status:[Queued, BaselineRunning]`:        true,
		`status:Running`:                          false,
		`images:0`:                                true,
		`images>=0 AND images<1`:                  true,
		`images:*`:                                true,
		`interval:*`:                              false, // missing
		`interval<5`:                              false,
		`NOT interval<5`:                          true,
		`created:*`:                               true,
		`created>now-2h`:                          true,
		`created>now-30m`:                         false,
		`created:[now-7d ... now]`:                true,
		`created:(now-1h .. now)`:                 false, // without the bounds
		`created:[now-1h .. now]`:                 true,
		`created:2023-11-14`:                      true, // the whole day
		`created>2023-11-14`:                      false,
		`created>=2023-11-14`:                     true,
		`created<2023-11-14`:                      false,
		`created<=2023-11-14`:                     true,
		`created:[2023-11-01 .. 2023-11-14]`:      true,
		`created>2023-11-14T21:00:00Z`:            true,
		`created:1699996400000`:                   true,
		`onDemand:true`:                           true,
		`onDemand:FALSE`:                          false,
		`repo:team/app`:                           true,
		`repo:team/app AND tag:latest`:            true,  // on two sub-objects
		`targets:(repo:team/app AND tag:latest)`:  false, // on one
		`targets:(repo:team/app AND tag:v1)`:      true,
		`targets:(targets.repo:team/db)`:          true,
		`created>now-3601s AND created<now-3599s`: true,
		`created>now-1d AND created>now-1w`:       true,
		`created>NOW-2h`:                          true,
		`created:2023-11-13`:                      false,
		`created<=2023-11-13`:                     false,
		`created>2023-11-13`:                      true,
		`NOT repo:nosuch`:                         true,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if got := bind(t, query, qql.Options{Now: now}).Eval(sample); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestExactNeverMatchesMoreThanIsSpelledOut(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		`name:"nightly"`:       false,
		`name:"nightly build"`: true,
		`id:"7781808c"`:        false,
		`name:nightly*`:        true,
	} {
		if got := bind(t, query, qql.Options{Now: now, Exact: true}).Eval(sample); got != want {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query, want string
	}{
		{`nosuchtoken:x`, `at 0: token "nosuchtoken": not known here`},
		{`a:1 AND Status:x`, `at 0: token "a": not known here`},
		{`name:x AND Status:x`, `at 11: token "Status": not known here; did you mean "status"?`},
		{`statsu:x`, `at 0: token "statsu": not known here; did you mean "status"?`},
		{`images:many`, `at 7: token "images": expected a whole number`},
		{`created:yesterday`, `at 8: token "created": expected now, now-7d, a date, a date and time, or epoch milliseconds`},
		{`created>now-7y`, `at 8: token "created": expected now, now-7d, a date, a date and time, or epoch milliseconds`},
		{`onDemand>true`, `at 9: token "onDemand": expected : with true or false`},
		{`onDemand:maybe`, `at 9: token "onDemand": expected : with true or false`},
		{`created:'[now-7y ... now]'`, `at 10: token "created": expected now, now-7d, a date, a date and time, or epoch milliseconds`},
		{`created>now-1M`, `at 8: token "created": expected now, now-7d, a date, a date and time, or epoch milliseconds`},
		{`name:*a*b*c*`, `at 5: token "name": more than 3 wildcards`},
		{`name>x`, `at 5: token "name": is a text and cannot be compared with >`},
		{`status:[a .. b]`, `at 8: token "status": is a text and cannot be compared with >=`},
		{`name:(repo:x)`, `at 0: token "name": has no parts that can be nested`},
		{`targets:(rpo:x)`, `at 9: token "rpo": not known here; did you mean "repo"?`},
		{`targets:(name:x)`, `at 9: token "name": not known here`},
	} {
		e, err := qql.Parse(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = qql.Bind(e, schema, qql.Options{Now: now})
		var token *qql.TokenError
		if !errors.As(err, &token) || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.query, err, tt.want)
		}
	}
}

func TestParseSort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]qql.Sort{
		"name":         {Field: schema[1]},
		"name:asc":     {Field: schema[1]},
		"created:desc": {Field: schema[5], Desc: true},
	} {
		if got, err := qql.ParseSort(text, schema); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"bogus:up", "name:up", "name:asc,created:desc", "repo:asc", "", "Name:asc"} {
		var token *qql.TokenError
		if _, err := qql.ParseSort(text, schema); !errors.As(err, &token) {
			t.Errorf("%q: got %v, want a *TokenError", text, err)
		}
	}
}

func bind(t *testing.T, query string, o qql.Options) qql.Filter {
	t.Helper()
	e, err := qql.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	f, err := qql.Bind(e, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestLongQueries binds a chain and a list with the greatest number of values: each becomes one
// flat filter.
func TestLongQueries(t *testing.T) {
	t.Parallel()
	chain := strings.Repeat("name:x OR ", qql.MaxTerms/2-1) + `name:"nightly build"`
	or, ok := bind(t, chain, qql.Options{}).(qql.Or)
	if !ok || len(or) != qql.MaxTerms/2 || !or.Eval(sample) {
		t.Errorf("got %d alternatives in one", len(or))
	}
}
