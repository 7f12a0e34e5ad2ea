// Package scan has the rules of scans: what a scan finds, how long it takes and how it ends. The
// contents of a registry come from a source (an inventory, or the registry itself over the network)
// or are generated. The package must not import net/http and contains no SQL text.
package scan

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/rule"
)

// Source lists the contents of registries.
type Source interface {
	// Handles reports whether the source lists a registry, by its registryUri.
	Handles(uri string) bool
	// List lists the repositories of a registry, with at least the selected tags. It is called
	// outside transactions, as it may use the network.
	List(ctx context.Context, uri string, selected []Selector) (Contents, error)
}

// Sources are sources in the order in which they are tried.
type Sources []Source

// Of returns the first source that handles a registry; nil if its contents are generated.
func (all Sources) Of(uri string) Source {
	for _, s := range all {
		if s.Handles(uri) {
			return s
		}
	}
	return nil
}

// Error is the reason why a source could not list a registry. The schedule ends in Error and shows
// it.
type Error struct{ Code, Msg string }

func (e *Error) Error() string { return e.Code + ": " + e.Msg }

// Selector selects tags of a repository: all tags, the tags of a list with commas, or the tags that
// a regular expression matches.
type Selector struct{ Repo, Tag string }

// Select returns the selected tags among those of a repository.
func (s Selector) Select(tags []string) []string {
	if s.Tag == "" {
		return tags
	}
	matches := func(tag string) bool { return slices.Contains(s.Names(), tag) }
	if isExpression(s.Tag) {
		re, err := compileTag(s.Tag)
		matches = func(tag string) bool { return err == nil && re.MatchString(tag) }
	}
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return !matches(tag) })
}

// Names returns the tags that are selected by name.
func (s Selector) Names() []string {
	if s.Tag == "" || isExpression(s.Tag) {
		return nil
	}
	var names []string
	for _, name := range strings.Split(s.Tag, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// isExpression reports whether a tag is a regular expression: it has a metacharacter other than .
// and - (our choice; public scripts use .*).
func isExpression(tag string) bool { return strings.ContainsAny(tag, `*+?^$|()[]{}\`) }

// compileTag compiles a tag that is a regular expression. It needs no bound: it runs in linear
// time, and the document bounds its length.
func compileTag(tag string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`^(?:` + tag + `)$`)
	if err != nil {
		return nil, rule.Errorf(openapi.TagExpression, "The tag is not a regular expression that can be read.")
	}
	return re, nil
}

// CheckTags refuses regular expressions that cannot be compiled.
func CheckTags(filters []api.ScheduleFilter) error {
	for _, t := range Targets(filters) {
		if isExpression(t.Tag) {
			if _, err := compileTag(t.Tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// Target is one repository of a schedule. Null and absent fields are equal.
type Target struct {
	Selector
	Days int // maximum age of the images; 0 for no maximum
}

// Targets returns the repositories of a schedule.
func Targets(filters []api.ScheduleFilter) []Target {
	var all []Target
	for _, f := range filters {
		days, _ := f.Days.Get()
		for _, t := range f.RepoTags {
			tag, _ := t.Tag.Get()
			all = append(all, Target{Selector{t.Repo, tag}, days})
		}
	}
	return all
}
