package qql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qcsdev/qcs/openapi/qql"
)

var ignoreOffsets = cmpopts.IgnoreUnexported(qql.Term{}, qql.Value{})

func TestParsePrintsCanonically(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, query, want string }{
		{"the sample that matches all", `scheduleUuid:*`, `scheduleUuid:*`},
		{"the sample by status", `status:Running`, `status:Running`},
		{"blanks after the colon", `name: "Windows 7"`, `name:"Windows 7"`},
		{"equals sign", `status=Running`, `status:Running`},
		{"colon and comparison", `created:>=5`, `created>=5`},
		{"equals and comparison", `created=>5 AND created=<6`, `created>=5 AND created<=6`},
		{"two equals", `status==Running OR status:=Queued`, `status:Running OR status:Queued`},
		{"a value that looks like an operator", `a: =b`, `a: =b`},
		{"not binds tighter than and, and tighter than or", `a:1 or not b:2 and c:3`, `a:1 OR NOT b:2 AND c:3`},
		{"groups that matter stay", `(a:1 OR b:2) AND NOT (c:3 AND d:4)`, `(a:1 OR b:2) AND NOT (c:3 AND d:4)`},
		{"groups that do not matter go", `((a:1) AND (b:2)) OR ((c:3))`, `a:1 AND b:2 OR c:3`},
		{"right grouping stays", `a:1 AND (b:2 AND c:3)`, `a:1 AND (b:2 AND c:3)`},
		{"lower-case not before a list", `a:1 AND not uuid: [65eff01b-0]`, `a:1 AND NOT uuid:[65eff01b-0]`},
		{"list in three quotes", "status:[Confirmed, `Potential`,\"x y\",'z']", "status:[Confirmed, `Potential`, \"x y\", 'z']"},
		{"two dots", `n:[123 .. 1234]`, `n:[123 .. 1234]`},
		{"three dots", `t:[now-24h ... now]`, `t:[now-24h .. now]`},
		{"dots without blanks", `t:[2024-01-01...2024-12-31]`, `t:[2024-01-01 .. 2024-12-31]`},
		{"exclusive range", `n:(1 .. 5)`, `n:(1 .. 5)`},
		{"range wrapped in single quotes", `imagesInUse:'[now-7d ... now]'`, `imagesInUse:[now-7d .. now]`},
		{"nested", "v.v: (title: `Remote Code` AND severity:\"5\")", "v.v:(title:`Remote Code` AND severity:\"5\")"},
		{"address as a bare value", `registryUri:https://x.y:5000/v2`, `registryUri:https://x.y:5000/v2`},
		{"time as a bare value", `created:2021-08-04T10:00:00Z`, `created:2021-08-04T10:00:00Z`},
		{"escapes", `name:"a\"b\\c"`, `name:"a\"b\\c"`},
		{"keyword as a value", `name:AND AND status:not`, `name:AND AND status:not`},
		{"comma in a bare value", `tag:a,b`, `tag:a,b`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := qql.Parse(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, query string
		offset      int
	}{
		{"nothing", ``, 0},
		{"no operator", `status`, 6},
		{"no value", `status:`, 7},
		{"no token", `:Running`, 0},
		{"open quote", `name:"abc`, 5},
		{"open group", `(a:1`, 4},
		{"open list", `a:[1, 2`, 7},
		{"open range", `a:[1 .. 2`, 9},
		{"empty list", `a:[]`, 3},
		{"two words", `name:foo bar`, 9},
		{"trailing and", `a:1 AND`, 7},
		{"stray bracket", `a:1)`, 3},
		{"too deep", strings.Repeat("(", 65) + "a:1" + strings.Repeat(")", 65), 64},
		{"too many values", "a:[1" + strings.Repeat(",1", qql.MaxTerms) + "]", 4 + 2*qql.MaxTerms - 1},
		{"too long", "a:" + strings.Repeat("x", qql.MaxLength), qql.MaxLength},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := qql.Parse(tt.query)
			var syntax *qql.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %v, want a *SyntaxError", err)
			}
			if syntax.Offset != tt.offset {
				t.Errorf("got offset %d (%v), want %d", syntax.Offset, err, tt.offset)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`scheduleUuid:*`, `status:Running AND NOT (name:"x" OR created>now-7d)`, "a:[1, `b`] or c:(1 ... 2)", `x:'[now-7d ... now]'`,
		`v:(t:"a" AND (s:1 OR u:2))`, `a< =1`, `a=>1`, `a:((x:1..2))`, `name:"a\"b\\c"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		e, err := qql.Parse(query)
		if err != nil {
			return
		}
		text := e.String()
		again, err := qql.Parse(text)
		if err != nil {
			if len(text) > qql.MaxLength || strings.Contains(err.Error(), "nested more than") {
				return // printing adds blanks and parentheses, so that the text may exceed a limit
			}
			t.Fatalf("%q prints as %q, which does not parse: %v", query, text, err)
		}
		if diff := cmp.Diff(e, again, ignoreOffsets); diff != "" {
			t.Errorf("%q prints as %q, which means something else:\n%s", query, text, diff)
		}
		_, _ = qql.Bind(e, schema, qql.Options{Now: now})
	})
}
