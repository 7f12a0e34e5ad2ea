package server_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	cmpdiff "github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
)

// update makes TestReadmes write the tables instead of comparing them, as "make generate" does.
var update = flag.Bool("update", false, "write the generated parts of the READMEs")

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// generated matches the generated parts of a README, each between two comments.
var generated = regexp.MustCompile(`(?s)<!-- generated: (\w+) -->\n.*?<!-- end -->`)

// TestReadmes compares the tables in the READMEs with their sources: the documents, the rules and the
// statuses that the tests reach.
func TestReadmes(t *testing.T) {
	t.Parallel()
	evidence, err := server.Evidence()
	if err != nil {
		t.Fatal(err)
	}
	document, err := contract.Load(openapi.JSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	controls, err := contract.Load(openapi.ControlJSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{
		"controls": controlTable(controls), "counts": countTable(evidence), "operations": operationTable(document), "statuses": coverageTable(document), "tokens": tokenTable(evidence),
		"table": statusTable(evidence), "refusals": refusalTable(), "settle": settleTable(evidence),
	}
	for _, path := range []string{"../README.md", "../openapi/README.md", "README.md"} {
		text := read(t, path)
		fresh := generated.ReplaceAllStringFunc(text, func(part string) string {
			name := generated.FindStringSubmatch(part)[1]
			content, known := parts[name]
			if !known {
				t.Errorf("%s: no table is named %q", path, name)
			}
			return "<!-- generated: " + name + " -->\n" + content + "<!-- end -->"
		})
		switch {
		case fresh == text:
		case !*update:
			t.Errorf("%s is stale: run \"make generate\" and commit", path)
		default:
			if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReadmeIsShortAndComplete(t *testing.T) {
	t.Parallel()
	text := read(t, "../README.md")
	if n := strings.Count(text, "\n"); n < 110 || n > 210 {
		t.Errorf("README has %d lines, want 110 to 210", n)
	}
	d, err := contract.Load(openapi.JSON, contract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range d.Operations() {
		if row := fmt.Sprintf("`%s %s`", o.Method, o.Path); !strings.Contains(text, row) {
			t.Errorf("README has no row %s", row)
		}
	}
}

// TestFirstTenMinutes compares the commands in the README of the client with those of its script.
func TestFirstTenMinutes(t *testing.T) {
	t.Parallel()
	var shown, run []string
	for line := range strings.Lines(read(t, "../client/README.md")) {
		if command, ok := strings.CutPrefix(line, "$ qcs "); ok {
			shown = append(shown, strings.TrimSuffix(strings.TrimSpace(command), " --url http://127.0.0.1:8080 --user joe"))
		}
	}
	for line := range strings.Lines(read(t, "../client/cmd/qcs/testdata/first-ten-minutes.txtar")) {
		if command, ok := strings.CutPrefix(line, "exec qcs "); ok {
			run = append(run, strings.TrimSpace(command))
		}
	}
	if diff := cmpdiff.Diff(run, shown); diff != "" {
		t.Errorf("(-script +README):\n%s", diff)
	}
}

// TestEvidence checks that each line has a class, that each line of our choices has the call that would
// settle it, and that no line is listed twice.
func TestEvidence(t *testing.T) {
	t.Parallel()
	all, err := server.Evidence()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range all {
		if !slices.Contains(classes, string(e.Class)) {
			t.Errorf("%s %s has the class %q", e.Kind, e.Name, e.Class)
		}
		if chosen := e.Class == control.EvidenceClassChosen; chosen != (e.Settle != "") || chosen && !strings.Contains(e.Settle, "curl ") {
			t.Errorf("%s %s is %s and has the settling call %q", e.Kind, e.Name, e.Class, e.Settle)
		}
		if key := string(e.Kind) + e.Name; names[key] {
			t.Errorf("%s %s is listed twice", e.Kind, e.Name)
		} else {
			names[key] = true
		}
	}
}

var (
	kinds   = []string{"operation", "rule", "token", "status"}
	classes = []string{"documented", "observed", "inferred", "chosen"}
)

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

func head(cells ...string) string {
	return row(cells...) + "|" + strings.Repeat("---|", len(cells)) + "\n"
}

func countTable(evidence []control.Evidence) string {
	text := head(append([]string{""}, classes...)...)
	for i, kind := range kinds {
		cells := []string{[]string{"operations", "rules of refusals", "filter tokens", "cells of the table of statuses"}[i]}
		for _, class := range classes {
			n := 0
			for _, e := range evidence {
				if string(e.Kind) == kind && string(e.Class) == class {
					n++
				}
			}
			cells = append(cells, fmt.Sprint(n))
		}
		text += row(cells...)
	}
	return text
}

// byPath lists the operations of a document in the order of their paths.
func byPath(d *contract.Document) []*contract.Operation {
	return slices.SortedFunc(slices.Values(d.Operations()), func(a, b *contract.Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
}

func operationTable(d *contract.Document) string {
	text := head("operation", "calls", "response", "refusals", "source")
	letter := map[openapi.Class]string{openapi.Documented: "S", openapi.Observed: "O", openapi.Inferred: "I", openapi.Chosen: "C"}
	for _, o := range byPath(d) {
		e := o.Evidence()
		text += row("`"+o.Method+" "+o.Path+"`", letter[e.Calls], letter[e.Answer], letter[e.Refusals], e.Source)
	}
	return text
}

func controlTable(d *contract.Document) string {
	text := head("operation", "what it does")
	for _, o := range byPath(d) {
		text += row("`"+o.Method+" "+o.Path+"`", o.Summary)
	}
	return text
}

// otherClients are the operations that tests call with clients other than the SDK.
var otherClients = map[string]string{"CreateToken": "TypeScript, curl", "ListSchedules": "TypeScript", "CancelSchedules": "TypeScript, curl", "DeleteSchedules": "curl", "DeleteRegistries": "curl"}

func coverageTable(d *contract.Document) string {
	text := head("operation", "clients in tests", "statuses that tests get", "documented, never sent")
	for _, o := range byPath(d) {
		var reached, not []string
		for _, status := range o.Statuses() {
			if _, excused := reasonOf(o, status); excused {
				not = append(not, status)
			} else {
				reached = append(reached, status)
			}
		}
		text += row("`"+o.ID+"`", strings.TrimSuffix("SDK, "+otherClients[o.ID], ", "), strings.Join(reached, " "), strings.Join(not, " "))
	}
	text += "\nNever sent:\n\n"
	for _, key := range []string{"* 201", "* 204", "* 404", "ListAWSConnectorsOfAccount 404"} {
		text += "- " + strings.TrimPrefix(key, "* ") + ": " + unreached[key] + ".\n"
	}
	return text
}

func tokenTable(evidence []control.Evidence) string {
	lists := map[string][]string{}
	var order []string
	for _, e := range evidence {
		if e.Kind != control.EvidenceKindToken {
			continue
		}
		list, token, _ := strings.Cut(e.Name, ": ")
		if lists[list] == nil {
			order = append(order, list)
		}
		token = "`" + token + "`"
		if e.Class != control.EvidenceClassChosen {
			token = "**" + token + "** (" + string(e.Class) + ")"
		}
		lists[list] = append(lists[list], token)
	}
	text := head("list", "tokens")
	for _, list := range order {
		text += row(list, strings.Join(lists[list], ", "))
	}
	return text
}

func statusTable(evidence []control.Evidence) string {
	actions := []string{"cancel", "bulk cancel", "delete", "bulk delete", "update"}
	text := head(append([]string{"status"}, actions...)...)
	cells := map[string]control.Evidence{}
	var order []string
	for _, e := range evidence {
		if status, _, _ := strings.Cut(e.Name, ": "); e.Kind == control.EvidenceKindStatus {
			cells[e.Name] = e
			if !slices.Contains(order, status) {
				order = append(order, status)
			}
		}
	}
	for _, status := range order {
		line := []string{status}
		for _, action := range actions {
			e := cells[status+": "+action]
			line = append(line, e.Source+", "+string(e.Class))
		}
		text += row(line...)
	}
	return text
}

func refusalTable() string {
	text := head("rule", "class", "refused", "with `--strictness=vendor`")
	for _, r := range openapi.Refusals {
		text += row("`"+r.Name+"`", string(r.Class), r.Text, cmp.Or(r.Lenient, "–"))
	}
	return text
}

func settleTable(evidence []control.Evidence) string {
	text := "```\n"
	for _, e := range evidence {
		if e.Settle != "" {
			text += fmt.Sprintf("# %s %s\n%s\n", e.Kind, e.Name, e.Settle)
		}
	}
	return text + "```\n"
}
