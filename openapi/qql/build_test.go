package qql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/openapi/qql"
)

type status string

func TestBuild(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1628504894719)
	for want, e := range map[string]qql.Expr{
		"status:Running":   qql.Eq("status", status("Running")),
		"scheduleUuid:*":   qql.Exists("scheduleUuid"),
		"name:`*`":         qql.Eq("name", "*"),
		"name:`two words`": qql.Eq("name", "two words"),
		"name:`a\\`b\\\\`": qql.Eq("name", "a`b\\"),
		"name:``":          qql.Eq("name", ""),
		"name:`not`":       qql.Eq("name", "not"),
		"name:`a..b`":      qql.Eq("name", "a..b"),
		"onDemand:false":   qql.Eq("onDemand", false),
		"repoCount:3":      qql.Eq("repoCount", 3),
		"status:[Running, Queued] AND created>1628504894719": qql.AllOf(qql.In("status", "Running", "Queued"), qql.Compared("created", qql.Greater, at)),
		"(a:1 OR b:2) AND NOT (c:3 OR d:4)":                  qql.AllOf(qql.AnyOf(qql.Eq("a", 1), qql.Eq("b", 2)), qql.NoneOf(qql.Eq("c", 3), qql.Eq("d", 4))),
		"filters.repoTags:(repo:app AND tag:`v1,v2`)":        qql.On("filters.repoTags", qql.AllOf(qql.Eq("repo", "app"), qql.Eq("tag", "v1,v2"))),
		"totalImages:[1 .. 5]":                               qql.Between("totalImages", 1, 5),
		"name:\"in it\"":                                     qql.Contains("name", "in it"),
		"name:`in it`":                                       qql.Exactly("name", "in it"),
		"a:* AND NOT a:*":                                    qql.In[string]("a"),
	} {
		if got := e.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzBuild builds a query from any values, prints it and parses it again: it must be equal.
func FuzzBuild(f *testing.F) {
	f.Add("status", "Running", int64(3), true)
	f.Add("a.b-c_d", "x..y`\\\"'[]() AND \x00ä", int64(-1), false)
	f.Fuzz(func(t *testing.T, token, text string, number int64, yes bool) {
		if token == "" || strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" || strings.EqualFold(token, "not") || len(token)+len(text) > 500 {
			t.Skip()
		}
		built := qql.AnyOf(
			qql.AllOf(qql.Eq(token, text), qql.In(token, text, "b", text), qql.Contains(token, text), qql.Exactly(token, text)),
			qql.NoneOf(qql.Eq(token, number), qql.Eq(token, yes), qql.Between(token, number, number+1)),
			qql.On(token, qql.AnyOf(qql.Compared(token, qql.LessOrEqual, number), qql.Exists(token), qql.In[string](token))),
		)
		read, err := qql.Parse(built.String())
		if err != nil {
			t.Fatalf("%s: %v", built, err)
		}
		if read.String() != built.String() {
			t.Errorf("got %s, want %s", read, built)
		}
		term, err := qql.Parse(qql.Eq(token, text).String())
		if err != nil {
			t.Fatal(err)
		}
		if value, ok := term.(*qql.Term).Operand.(qql.Value); !ok || value.Text != text || term.(*qql.Term).Token != token {
			t.Errorf("%s is read as %#v, want %q", term, term, text)
		}
	})
}
