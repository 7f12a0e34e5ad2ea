package contract

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// place is the place of a comparison in the document.
type place struct {
	request bool   // the values are sent to the server
	root    string // a part of an operation, or a component
	pointer string // below root, such as /filters/*/days; the name of a variant is in parentheses
}

func (p place) String() string {
	if p.pointer == "" {
		return p.root
	}
	return p.root + " at " + p.pointer
}

func (p place) at(segment string) place {
	p.pointer += "/" + segment
	return p
}

// order returns the sent variant and the variant that must accept it. Clients of base send requests
// to a server of head; a server of head sends answers to clients of base.
func (p place) order(base, head variant) (sent, accepted variant) {
	if p.request {
		return base, head
	}
	return head, base
}

// component returns the place of the component that base and head both refer to; p if they do not.
func (p place) component(base, head openapi3.SchemaRefs) place {
	if len(base) != 1 || len(head) != 1 || base[0].Ref == "" || base[0].Ref != head[0].Ref {
		return p
	}
	direction := "answers"
	if p.request {
		direction = "requests"
	}
	return place{request: p.request, root: fmt.Sprintf("schema %s in %s", path.Base(base[0].Ref), direction)}
}

// comparison is a comparison of two lists of schemas. The schemas of a list apply together, as
// those of allOf do; an empty list accepts every value.
type comparison struct {
	place      place
	base, head openapi3.SchemaRefs
}

// visit identifies a comparison. Each is made once, as a schema can contain itself.
type visit struct {
	request    bool
	root       string
	base, head string
}

// walker compares schemas and collects the changes. Its queue makes the walk breadth-first, so that
// a change in a schema that contains itself is listed where it is nearest to the root.
type walker struct {
	changes map[Change]bool
	visited map[visit]bool
	queue   []comparison
}

func newWalker(visited map[visit]bool) *walker {
	return &walker{changes: map[Change]bool{}, visited: visited}
}

func (w *walker) add(p place, format string, args ...any) {
	w.changes[Change{p.String(), fmt.Sprintf(format, args...)}] = true
}

// compatible reports whether a comparison finds no change. It adds no changes to w.
func (w *walker) compatible(compare func(*walker)) bool {
	probe := newWalker(maps.Clone(w.visited))
	compare(probe)
	probe.drain()
	return len(probe.changes) == 0
}

// walk adds a comparison to the queue, unless it was made or added before.
func (w *walker) walk(p place, base, head openapi3.SchemaRefs) {
	p = p.component(base, head)
	v := visit{p.request, p.root, identity(base), identity(head)}
	if !w.visited[v] {
		w.visited[v] = true
		w.queue = append(w.queue, comparison{p, base, head})
	}
}

// drain makes the comparisons in the queue and those that they add.
func (w *walker) drain() {
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		base, head := variants(next.base, nil), variants(next.head, nil)
		if len(base) == 1 && len(head) == 1 {
			w.compare(next.place, base[0], head[0])
			continue
		}
		w.match(next.place, base, head)
	}
}

// identity identifies a list of schemas by their addresses.
func identity(refs openapi3.SchemaRefs) string {
	var b strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&b, "%p ", ref.Value)
	}
	return b.String()
}

// match checks that each sent variant is compatible with an accepted one. For a variant that is
// not, it lists the differences to the accepted variant of the same name, if there is one.
func (w *walker) match(p place, base, head []variant) {
	sent, accepted, missing := base, head, "is no longer taken"
	if !p.request {
		sent, accepted, missing = head, base, "may be sent now"
	}
	for _, v := range sent {
		compatible := func(other variant) bool {
			older, newer := p.order(v, other)
			return w.compatible(func(probe *walker) { probe.compare(p, older, newer) })
		}
		if slices.ContainsFunc(accepted, compatible) {
			continue
		}
		at := p
		if v.name != "" {
			at = p.at("(" + v.name + ")")
		}
		i := slices.IndexFunc(accepted, func(other variant) bool { return other.name == v.name })
		if i < 0 {
			w.add(at, "%s", missing)
			continue
		}
		older, newer := p.order(v, accepted[i])
		w.compare(at, older, newer)
	}
}

func (w *walker) compare(p place, base, head variant) {
	sent, accepted := p.order(base, head)
	if !acceptsTypes(accepted.types(), sent.types()) {
		older, newer := strings.Join(base.types(), " or "), strings.Join(head.types(), " or ")
		w.add(p, "type %s has become %s", cmp.Or(older, "any"), cmp.Or(newer, "any"))
		return
	}
	if f := accepted.format(); f != "" && f != sent.format() {
		w.add(p, "format %s has become %s", cmp.Or(base.format(), "none"), cmp.Or(head.format(), "none"))
	}
	if a, b := base.nullable(), head.nullable(); a && !b && p.request {
		w.add(p, "can no longer be null")
	} else if b && !a && !p.request {
		w.add(p, "can be null now")
	}
	if p.request {
		w.values(p, base, head)
	}
	w.required(p, base, head)
	w.properties(p, base, head)
	w.additional(p, base, head)
	if older, newer := base.items(), head.items(); len(older)+len(newer) > 0 {
		w.walk(p.at("*"), older, newer)
	}
}

// acceptsTypes treats an integer as a number, too; an empty list means all types.
func acceptsTypes(accepted, sent []string) bool {
	if slices.Contains(accepted, openapi3.TypeNumber) {
		accepted = append(slices.Clone(accepted), openapi3.TypeInteger)
	}
	return len(accepted) == 0 || len(sent) > 0 && subset(sent, accepted)
}

// values lists values that a request may no longer have. An answer may have new values.
func (w *walker) values(p place, base, head variant) {
	older, newer := base.enum(), head.enum()
	switch {
	case newer != nil && older == nil:
		w.add(p, "takes only %s now", strings.Join(newer, ", "))
	case newer != nil:
		for _, value := range older {
			if !slices.Contains(newer, value) {
				w.add(p, "value %s is gone", value)
			}
		}
	}
	for _, pattern := range head.patterns() {
		if !slices.Contains(base.patterns(), pattern) {
			w.add(p, "pattern %s is new", pattern)
		}
	}
	if head.unique() && !base.unique() {
		w.add(p, "takes no repeated items now")
	}
	w.limits(p, base, head)
	w.exclusions(p, base, head)
}

// exclusions checks that each "not" of head excludes only values that a "not" of base excludes.
func (w *walker) exclusions(p place, base, head variant) {
	for _, excluded := range head.not() {
		covered := func(other *openapi3.SchemaRef) bool {
			return w.compatible(func(probe *walker) { probe.walk(p.at("not"), refsOf(excluded), refsOf(other)) })
		}
		if !slices.ContainsFunc(base.not(), covered) {
			w.add(p, "excludes values that it took")
		}
	}
}

func (w *walker) limits(p place, base, head variant) {
	for _, l := range limits {
		older, newer := base.bound(l), head.bound(l)
		switch {
		case newer == nil:
		case older == nil:
			w.add(p, "%s %s is new", l.keyword, newer.text)
		case l.stricter(newer, older):
			w.add(p, "%s %s has become %s", l.keyword, older.text, newer.text)
		}
	}
	for _, n := range head.multiples() {
		if !slices.ContainsFunc(base.multiples(), func(m float64) bool { return math.Mod(m, n) == 0 }) {
			w.add(p, "multipleOf %v is new", n)
		}
	}
}

func (w *walker) required(p place, base, head variant) {
	sent, accepted := p.order(base, head)
	properties := sent.properties(p.request)
	for _, name := range accepted.required(p.request) {
		switch known := properties[name] != nil; {
		case slices.Contains(sent.required(p.request), name):
		case known && p.request:
			w.add(p.at(name), "has become required")
		case known:
			w.add(p.at(name), "has become optional")
		case p.request:
			w.add(p.at(name), "is new and required")
		}
	}
}

func (w *walker) properties(p place, base, head variant) {
	older, newer := base.properties(p.request), head.properties(p.request)
	for _, name := range slices.Sorted(maps.Keys(older)) {
		if newer[name] == nil {
			w.add(p.at(name), "is gone")
			continue
		}
		w.walk(p.at(name), older[name], newer[name])
	}
}

// additional compares the additional properties. An answer may lose them if they had no schema.
func (w *walker) additional(p place, base, head variant) {
	older, before := base.additional()
	newer, now := head.additional()
	switch {
	case before && !now && (p.request || len(older) > 0):
		w.add(p, "has no other properties any more")
	case before && now && len(older)+len(newer) > 0:
		w.walk(p.at("*"), older, newer)
	}
}
